//! Behaviours of servers, each from a bug that a well-known server had, or from what is said of
//! the models that they are built by. A case sees a server from outside: what it sends, and what
//! `/proc` shows of its processes.

mod backlog;
mod base;
mod close;
mod halfclose;
mod hup;
mod idle;
mod leak;
mod model;
mod reload;
mod shutdown;
mod slow;
mod write;

/// The case that every server must pass before any other is tried on it.
pub const GATE: &str = "server.base.round_trip";

/// So many bytes of text without an end of line, for protocols that have lines.
fn text(length: usize) -> Vec<u8> {
    (b'a'..=b'w').cycle().take(length).collect()
}
