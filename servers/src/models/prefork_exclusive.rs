//! N processes, forked after `listen`, each with an epoll instance of its own that watches the
//! listener they share, and asks to be woken alone: `EPOLLEXCLUSIVE`.
//!
//! ```text
//!  master: rt_sigtimedwait (a worker died? a request to stop?)
//!    ├─ fork ─▶ worker 0: epoll_wait ── first in line ─┐
//!    ├─ fork ─▶ worker 1: epoll_wait ── second ────────┼──▶ listener ◀── clients
//!    └─ fork ─▶ worker N: epoll_wait ── last ──────────┘
//! ```
//!
//! `prefork_epoll` without its herd: of the registrations with `EPOLLEXCLUSIVE` (Linux 4.5) the
//! kernel wakes the first in line whose epoll instance has a sleeper. The line is that of the
//! registrations, and nobody goes to its end: so on an idle server worker 0 gets every connection,
//! worker 1 gets what comes while worker 0 is at work, and so on. To make the line known, a worker
//! is forked when the one before has registered.
//!
//! Good at: one wakeup a connection without a lock, and connections that go to workers that sleep.
//! It breaks at long-lived connections: the first workers collect them all, whatever they cost
//! later. A worker that is replaced, or whose listener rested, is the last in line from then on.

use std::io;

use nix::sys::epoll::EpollFlags;

use super::single_reactor;
use crate::mutants::{Fault, planted};
use crate::socket::Listener;
use crate::stop::Stop;
use crate::{Settings, processes};

/// Forks the workers one after the other, and minds them until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let mut interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
    interest.set(EpollFlags::EPOLLEXCLUSIVE, !planted(Fault::WakesEverybody));
    listener.set_nonblocking()?;
    processes::supervise_in_order(vec![listener], settings.workers, &|listener, pipe| {
        let stop = Stop::new()?;
        let reactor = single_reactor::prepare(&listener, interest, settings, &stop)?;
        drop(pipe);
        single_reactor::turn(reactor, &listener, &stop)
    })
}
