//! The end of a server: a request to stop that every thread can wait for.
//!
//! SIGTERM and SIGINT are blocked, and so they stay pending. A signalfd for them becomes readable
//! and, as nobody reads it, stays so: every epoll, poll or ring that watches it is told, however
//! many there are. No handler, no flag, no pipe, and no moment at which the signal could be missed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::sys;

/// A stop takes no longer than this, whatever the clients do.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// How long a connection that has sent nothing yet may take to do so after a request to stop.
pub(crate) const LAST_CHANCE: Duration = Duration::from_secs(1);

/// The signals that ask a server to stop.
pub(crate) fn signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT].into_iter().collect()
}

/// Set in a process whose request to stop does not stay pending, but is taken by a handler.
pub(crate) static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether a stop is requested: for a thread that has been busy, and not looked for long.
pub(crate) fn is_pending() -> bool {
    TAKEN.load(Ordering::SeqCst)
        || sys::pending()
            .is_ok_and(|pending| signals().iter().any(|signal| pending.contains(signal)))
}

/// The request to stop. Threads that are started while it lives inherit its signal mask.
#[derive(Debug)]
pub(crate) struct Stop {
    signals: SignalFd,
    before: SigSet,
}

impl Stop {
    /// Blocks the signals for the calling thread. It must be made before other threads are.
    pub(crate) fn new() -> io::Result<Stop> {
        let before = SigSet::thread_get_mask()?;
        signals().thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Stop { signals: SignalFd::with_flags(&signals(), flags)?, before })
    }

    /// Sleeps until a stop is requested (true), or for as long as `timeout`.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = timeout.map_or(PollTimeout::NONE, round_up);
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => {}
                count => return Ok(count? > 0),
            }
        }
    }

    /// Requests a stop of this process itself: a thread that cannot go on ends the server.
    pub(crate) fn request() {
        let _ = nix::sys::signal::kill(Pid::this(), Signal::SIGTERM);
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

impl Drop for Stop {
    /// Takes the request back, so that it does not end the process once the mask is restored.
    fn drop(&mut self) {
        while let Ok(Some(_)) = sys::wait_signal(&signals(), Some(Duration::ZERO)) {}
        let _ = self.before.thread_set_mask();
    }
}

/// Lets `time` pass, or less if a signal comes.
pub(crate) fn pause(time: Duration) {
    let _ = poll(&mut [], round_up(time));
}

/// A time-out in the milliseconds of `poll` and `epoll_wait`, never short of `time`.
pub(crate) fn round_up(time: Duration) -> PollTimeout {
    PollTimeout::try_from(time.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
}
