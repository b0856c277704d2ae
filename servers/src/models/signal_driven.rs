//! One thread that waits for signals: each says which descriptor something has happened to.
//!
//! ```text
//!             ┌──────────────────────── one thread ─────────────────────────┐
//!  clients ─▶ queue of signals ─▶ sigwaitinfo ─▶ listener?   accept, notify │
//!             │                       │      └─▶ connection? read, write    │
//!             │ full: SIGIO           └─▶ SIGIO: poll everything, once      │
//!             └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! With `O_ASYNC` the kernel sends a signal when input arrives, when there is room for output
//! again, when the peer hangs up. `F_SETSIG` makes it a real-time signal, of which as many are
//! queued as are sent, with the number of the descriptor inside (`si_fd`). Nothing runs in a signal
//! handler, where hardly anything may be done: the signals are blocked, and taken one by one.
//!
//! A signal is an event, not a state, so everything said of edge-triggered epoll holds: what was
//! there before `O_ASYNC` was set tells nobody, a socket must be read until it is empty, and a
//! signal may be about a connection that is closed already, whose number another one has by now:
//! each is only a hint to go and look.
//!
//! The queue has a limit (`RLIMIT_SIGPENDING`), for all processes of the user together. When it is
//! full the signal is lost, and a plain SIGIO says that something was. Then one `poll` over
//! everything brings the server up to date. SIGIO has the lower number, and is taken first.
//!
//! Good at: what it was made for in Linux 2.4, many connections that are mostly idle, before there
//! was epoll. It breaks at many events: a system call and a signal each, all packets of a busy
//! connection included, and an overflow just when the load is highest.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

use super::poll_loop;
use crate::connection::{Reading, Turn};
use crate::mutants::{self, Fault, planted};
use crate::reactor::MOST_ACCEPTED;
use crate::roster::Roster;
use crate::socket::Listener;
use crate::sys::{self, Notice};
use crate::{Settings, stop};

/// The signals that are waited for. They are blocked for the calling thread while this lives.
struct Signals {
    set: SigSet,
    before: SigSet,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let mut set = stop::signals();
        set.add(Signal::SIGIO);
        let set = sys::with_ready_signal(set);
        let before = set.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        Ok(Signals { set, before })
    }
}

impl Drop for Signals {
    /// What is still queued would end the process once the mask is restored.
    fn drop(&mut self) {
        while let Ok(Some(_)) = sys::wait_notice(&self.set, Some(Duration::ZERO)) {}
        let _ = self.before.thread_set_mask();
    }
}

/// Serves on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let signals = Signals::new()?;
    let listens = listener.as_fd().as_raw_fd();
    if planted(Fault::MissesItsStart) {
        mutants::dawdle();
    }
    sys::notify(&listener)?;
    let mut roster = Roster::new(listener, settings.limits, Reading::End)?;
    // Who is to be looked at without a signal: connections may have been there before.
    let (mut queued, mut due) = (!planted(Fault::MissesItsStart), BTreeSet::new());
    while !roster.is_done() {
        let idle = due.is_empty() && !(queued && roster.listener().is_some());
        let timeout = if idle { roster.timeout() } else { Some(Duration::ZERO) };
        match sys::wait_notice(&signals.set, timeout)? {
            Some(Notice::Ready(number)) if number == listens => queued = true,
            Some(Notice::Ready(number)) => drop(due.insert(number)),
            Some(Notice::Signal(Signal::SIGIO)) => {
                queued = true;
                due.extend(poll_loop::ready(&roster, None, Some(Duration::ZERO))?);
            }
            Some(Notice::Signal(_)) => {
                queued = true;
                roster.stop();
            }
            None => {}
        }
        queued = queued && accept(&mut roster, &mut due);
        for number in std::mem::take(&mut due) {
            if roster.serve(number) == Turn::Again {
                due.insert(number);
            }
        }
        roster.keep_time();
    }
    Ok(())
}

/// Accepts what waits, but not so much that the connections starve, and adds it to `due`. True if
/// something may be left that no signal will tell of.
fn accept(roster: &mut Roster, due: &mut BTreeSet<i32>) -> bool {
    for _ in 0..MOST_ACCEPTED {
        let Some(stream) = roster.accept() else { return roster.listener().is_none() };
        let number = stream.number();
        if sys::notify(stream).is_ok() {
            due.insert(number);
        } else {
            roster.close(number);
        }
    }
    true
}
