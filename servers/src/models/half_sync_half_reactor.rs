//! One thread waits for the beginning of requests; N threads take a connection each, and keep it
//! until the request is answered.
//!
//! ```text
//!                                              ┌─▶ worker 0: read… process, write… ─┐
//!  clients ──▶ reactor: epoll_wait ─▶ queue of ┼─▶ worker 1: read… process, write… ─┤
//!              ▲        accept      connections└─▶ worker N: read… process, write… ─┤
//!              └────────────── given back between two requests (EPOLLONESHOT) ──────┘
//! ```
//!
//! What is queued is a connection, not data: the worker reads it itself, and where the request is
//! not complete, or the reply does not fit, it sleeps for this one client, in `poll`. Its code
//! reads from top to bottom, as in a thread of its own; but idle connections cost no thread.
//!
//! Good at: many connections with requests that arrive whole. It breaks at slow clients: N of them
//! that send half a request hold all N workers until their time-out, which in `reactor_pool` they
//! do not.

use std::io;

use super::reactor_pool;
use crate::socket::Listener;
use crate::{Settings, blocking};

/// Serves like a reactor with a pool, with workers that wait for the client of a request.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    reactor_pool::run(listener, settings, blocking::exchange)
}
