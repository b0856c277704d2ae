//! signalfd: signals that are read instead of handled.

mod reading;
mod whose;

use harness::prelude::*;
use harness::sys::{signal, signalfd};
use nix::sys::signal::Signal;

/// The signal of these cases.
const SIGNAL: Signal = Signal::SIGUSR1;

/// A signalfd for one signal, which is blocked in the calling thread and those that it starts.
fn watch(number: i32) -> Result<OwnedFd> {
    signal::block(number, true)?;
    open(&[number])
}

/// A signalfd for these signals. Ends the trial as `unsupported` on a system that has none.
pub(super) fn open(numbers: &[i32]) -> Result<OwnedFd> {
    signalfd::open(numbers)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS], "signalfd"))
}

/// Skips the trial if the queue of signals, which is shared by all processes of the user, is full.
pub(super) fn queue_is_full(error: Errno) -> Stop {
    match error {
        Errno::EAGAIN => Stop::Skipped {
            reason: "no room is left for queued signals".to_owned(),
            mend: "ulimit -i 1024".to_owned(),
        },
        other => other.into(),
    }
}

/// The numbers of the signals that there are to read.
fn numbers(signalfd: impl AsFd) -> nix::Result<Vec<i32>> {
    match signalfd::read(signalfd) {
        Err(Errno::EAGAIN) => Ok(Vec::new()),
        other => Ok(other?.iter().map(|received| received.number).collect()),
    }
}
