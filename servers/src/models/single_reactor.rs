//! One thread, one epoll instance, everything in it: the listener and every connection.
//!
//! ```text
//!                    ┌──────────────── one thread ────────────────┐
//!  clients ──▶ epoll_wait ──▶ listener?   accept until EAGAIN     │
//!                    ▲   └──▶ connection? read, process, write    │
//!                    └────────────────────────────────────────────┘
//! ```
//!
//! The thread sleeps in one place, `epoll_wait`, and for everybody at once. Connections are
//! level-triggered: a report is answered with at most one read, and what is left unread is
//! reported again, so that one busy client cannot keep the others waiting.
//!
//! Good at: many connections that are mostly idle, with no lock and no switch between threads.
//! It breaks where a request computes: everybody waits for it. It uses one CPU.

use std::io;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use crate::Settings;
use crate::reactor::{Events, Reactor, Trigger};
use crate::socket::Listener;
use crate::stop::Stop;

/// Serves on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    listener.set_nonblocking()?;
    run(&Arc::new(listener), EpollFlags::EPOLLIN, settings, &stop)
}

/// What other models run once a worker. `interest` is how the listener is watched: `EPOLLIN`, for
/// one.
pub(crate) fn run(
    listener: &Arc<Listener>,
    interest: EpollFlags,
    settings: Settings,
    stop: &Stop,
) -> io::Result<()> {
    turn(prepare(listener, interest, settings, stop)?, listener, stop)
}

/// A reactor that watches for connections and for the request to stop.
pub(super) fn prepare(
    listener: &Arc<Listener>,
    interest: EpollFlags,
    settings: Settings,
    stop: &Stop,
) -> io::Result<Reactor> {
    let mut reactor = Reactor::new(Trigger::Level, settings.limits)?;
    reactor.listen(listener, interest)?;
    reactor.watch(stop, EpollFlags::EPOLLIN)?;
    Ok(reactor)
}

/// The loop.
pub(super) fn turn(mut reactor: Reactor, listener: &Listener, stop: &Stop) -> io::Result<()> {
    let mut events = Events::new();
    while !reactor.is_done() {
        for event in reactor.wait(&mut events)? {
            if event.is(listener) {
                reactor.accept();
            } else if event.is(stop) {
                reactor.stop(stop);
            } else {
                reactor.serve(event);
            }
        }
        reactor.keep_time()?;
    }
    Ok(())
}
