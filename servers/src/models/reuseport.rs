//! N threads, each with a listener of its own at the same address, and an epoll instance for it.
//!
//! ```text
//!              ┌─ hash 0 ─▶ queue 0 ─▶ worker 0: epoll_wait: its listener, its connections
//!  clients ──▶ ├─ hash 1 ─▶ queue 1 ─▶ worker 1: epoll_wait: its listener, its connections
//!              └─ hash N ─▶ queue N ─▶ worker N: epoll_wait: its listener, its connections
//! ```
//!
//! `SO_REUSEPORT` lets several sockets listen at one address, and the kernel picks one for each
//! connection, by a hash of its addresses and ports. Each worker is a `single_reactor` that shares
//! nothing: a connection wakes the one thread that will serve it.
//!
//! Good at: many short connections on many CPUs. It breaks where the hash is unlucky or a worker is
//! busy: a connection in its queue waits, though other workers idle. A listener that is closed
//! resets what is in its queue (tcp_migrate_req of Linux 5.14 hands it to another), so a worker
//! that ends accepts everything first.

use std::io;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use super::single_reactor;
use crate::Settings;
use crate::socket::Listener;
use crate::stop::Stop;
use crate::threads::Crew;

/// Opens a listener for each further worker, starts them, and waits for the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Arc::new(Stop::new()?);
    let mut listeners = Vec::new();
    for _ in 1..settings.workers {
        listeners.push(listener.sibling()?);
    }
    listeners.push(listener);
    // Everything is there before the first client is, who might take the last descriptor.
    let mut workers = Vec::new();
    for listener in listeners {
        listener.set_nonblocking()?;
        let listener = Arc::new(listener);
        let reactor = single_reactor::prepare(&listener, EpollFlags::EPOLLIN, settings, &stop)?;
        workers.push((listener, reactor));
    }
    let crew = Crew::new();
    for (number, (listener, reactor)) in workers.into_iter().enumerate() {
        let stop = stop.clone();
        crew.start(&format!("worker {number}"), move |_| {
            single_reactor::turn(reactor, &listener, &stop)
        })?;
    }
    stop.wait(None)?;
    crew.finish()
}
