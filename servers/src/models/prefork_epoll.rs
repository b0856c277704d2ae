//! N processes, forked after `listen`, each with an epoll instance of its own that watches the
//! listener they share.
//!
//! ```text
//!  master: rt_sigtimedwait (a worker died? a request to stop?)
//!    ├─ fork ─▶ worker 0: epoll_wait ─┐
//!    ├─ fork ─▶ worker 1: epoll_wait ─┼── all watch ──▶ listener ◀── clients
//!    └─ fork ─▶ worker N: epoll_wait ─┘
//! ```
//!
//! Each worker is a `single_reactor`. A registration in an epoll instance is a waiter that does
//! not ask to be woken alone, so a connection wakes every worker that sleeps. One accepts it, the
//! others find nothing: the thundering herd, which `EPOLLEXCLUSIVE`, a lock around the
//! registration or `SO_REUSEPORT` avoid.
//!
//! Good at: all CPUs without a lock or a shared byte, and a worker that crashes takes only its own
//! connections along; the master replaces it. It breaks at many short connections with many
//! workers: N wakeups each. A worker that is busy keeps its connections waiting while others idle.

use std::io;

use nix::sys::epoll::EpollFlags;

use super::single_reactor;
use crate::socket::Listener;
use crate::stop::Stop;
use crate::{Settings, processes};

/// Forks the workers, and minds them until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    listener.set_nonblocking()?;
    processes::supervise(vec![listener], settings.workers, &|listener| {
        single_reactor::run(&listener, EpollFlags::EPOLLIN, settings, &Stop::new()?)
    })
}
