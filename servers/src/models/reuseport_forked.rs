//! N processes, each with a listener of its own at the same address, and an epoll instance for it.
//!
//! ```text
//!                          master: opens the listeners, forks, minds the workers
//!              ┌─ hash 0 ─▶ queue 0 ─▶ worker 0: epoll_wait: its listener, its connections
//!  clients ──▶ ├─ hash 1 ─▶ queue 1 ─▶ worker 1: epoll_wait: its listener, its connections
//!              └─ hash N ─▶ queue N ─▶ worker N: epoll_wait: its listener, its connections
//! ```
//!
//! `reuseport` with processes, the way of nginx (`listen … reuseport`): the kernel picks a listener
//! for each connection by a hash of its addresses and ports, and wakes the one process that waits
//! there.
//!
//! The master opens all listeners before it forks and keeps them, a worker keeps its own alone. So
//! a queue outlives its worker: what waits in it is served by the worker's replacement, where a
//! listener that dies with its process would reset it. The price: as long as the replacement is not
//! there, new connections go on being hashed to a queue that nobody serves.
//!
//! Good at: many short connections on many CPUs, and workers that share nothing at all. It breaks
//! where the hash is unlucky or a worker is busy: a connection in its queue waits, though other
//! workers idle.

use std::io;

use nix::sys::epoll::EpollFlags;

use super::single_reactor;
use crate::socket::Listener;
use crate::stop::Stop;
use crate::{Settings, processes};

/// Opens a listener for each further worker, forks them, and minds them until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let mut listeners = vec![listener];
    for _ in 1..settings.workers {
        listeners.push(listeners[0].sibling()?);
    }
    for listener in &listeners {
        listener.set_nonblocking()?;
    }
    processes::supervise(listeners, settings.workers, &|listener| {
        single_reactor::run(&listener, EpollFlags::EPOLLIN, settings, &Stop::new()?)
    })
}
