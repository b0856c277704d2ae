//! N processes, forked after `listen`, each asleep in `accept` on the listener they share, and then
//! in its one connection.
//!
//! ```text
//!  master: rt_sigtimedwait (a worker died? a request to stop?)
//!    ├─ fork ─▶ worker 0: accept ── read ── process ── write ── … ── close ──┐
//!    ├─ fork ─▶ worker 1: accept …  (asleep, next in turn)                   │
//!    └─ fork ─▶ worker N: accept …                       back to the end ◀───┘
//! ```
//!
//! The oldest server of all: the loop of `blocking_acceptors`, in processes instead of threads. The
//! listener is one open file with one queue, whoever holds a descriptor of it; its sleepers wait in
//! one line, and a connection wakes the one that has waited longest. The herd of old books, a
//! wakeup for every sleeper, ended with Linux 2.4.
//!
//! A blocking listener cannot be waited for together with anything else. So the request to stop is
//! a signal that interrupts `accept`, and one that comes just before `accept` is followed by
//! others until the worker is gone.
//!
//! Good at: workers that share nothing, so that one that crashes takes only its own connection
//! along; the master replaces it. It breaks at N connections, idle or slow: each holds its process
//! to its end, and the next one waits in the accept queue, connected, without an answer. One slow
//! client a worker is enough to stop it all.

use std::io;

use super::blocking_acceptors;
use crate::socket::Listener;
use crate::{Settings, processes};

/// Forks the workers, and minds them until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    listener.set_blocking()?;
    processes::supervise(vec![listener], settings.workers, &|listener| {
        blocking_acceptors::run(&listener, settings, processes::interrupted_by_stop()?);
        Ok(())
    })
}
