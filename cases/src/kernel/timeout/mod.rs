//! Time-outs of poll, select and `epoll_wait`: what is a time-out, how long it lasts at least, who is
//! told what is left of it, and what stopping a process does to it.

mod argument;
mod bound;
mod remaining;
mod slack;
mod stop;

use harness::prelude::*;
use harness::sys::timed::{TimeSpec, epoll_pwait2, ppoll, pselect6};

/// The calls that take a time-out in nanoseconds, by name.
const CALLS: [(&str, Call); 3] =
    [("ppoll", Call::POLL), ("pselect6", Call::SELECT), ("epoll_pwait2", Call::EPOLL_WAIT)];

/// Waits until `fd` is readable, for ever without a time-out; returns how many are ready.
/// ENOSYS for `epoll_pwait2` before Linux 5.11.
fn wait(call: Call, fd: impl AsFd, timeout: Option<&mut TimeSpec>) -> nix::Result<i32> {
    match call {
        Call::POLL => ppoll(fd, POLLIN, timeout),
        Call::SELECT => pselect6(fd, timeout),
        _ => epoll_pwait2(Epoll::watching(fd, EPOLLIN)?, timeout.map(|time| &*time)),
    }
}

/// The calls that this kernel has.
fn calls() -> Result<Vec<(&'static str, Call)>> {
    let (reader, _writer) = std::io::pipe()?;
    let mut calls = Vec::new();
    for (name, call) in CALLS {
        match wait(call, &reader, Some(&mut TimeSpec::new(0, 0))) {
            Err(Errno::ENOSYS) => {}
            answer => {
                answer?;
                calls.push((name, call));
            }
        }
    }
    Ok(calls)
}
