//! One thread waits for everybody, for input and for room; N threads take descriptors from a queue
//! and do the one thing that each was reported for.
//!
//! ```text
//!                                   ┌─▶ worker 0 ─┐ readable: read, process,
//!  clients ──▶ reactor ─▶ queue of ─┼─▶ worker 1 ─┤           arm for writing
//!              ▲ accept descriptors └─▶ worker N ─┤ writable: write,
//!              │                                  │           arm for reading
//!              └──── armed again (EPOLLONESHOT) ──┘
//! ```
//!
//! The event-driven server of the text books: what is queued is a descriptor, not data, and the
//! worker reads it for itself. It does not write its reply: it registers the connection for
//! writing, the reactor waits for that as it does for input, and the next worker that is free
//! writes. Nobody ever waits for one client, and one exchange is two events.
//!
//! Good at: slow clients and uneven requests, with code that keeps reading and writing apart. It
//! breaks at many cheap requests, twice as much as `reactor_pool` does: a fresh socket is writable
//! at once, so that the second event, hand-over and system call to arm again buy nothing.

use std::io;

use super::reactor_pool;
use crate::Settings;
use crate::connection::Connection;
use crate::socket::Listener;

/// Serves like a reactor with a pool, a step for each event.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    reactor_pool::run(listener, settings, Connection::step)
}
