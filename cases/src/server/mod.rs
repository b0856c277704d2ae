//! Behaviours of servers, each from a bug that a well-known server had, or from what is said of
//! the models that they are built by. A case sees a server from outside: what it sends, and what
//! `/proc` shows of its processes.

use harness::prelude::*;

mod accept;
mod backlog;
mod base;
mod churn;
mod close;
mod halfclose;
mod hup;
mod idle;
mod leak;
mod model;
mod partial;
mod pipeline;
mod reload;
mod shutdown;
mod slow;
mod start;
mod wakeup;
mod write;

/// The case that every server must pass before any other is tried on it.
pub const GATE: &str = "server.base.round_trip";

/// So many bytes of text without an end of line, for protocols that have lines.
fn text(length: usize) -> Vec<u8> {
    (b'a'..=b'w').cycle().take(length).collect()
}

/// A client in the middle of a big reply, which it does not read on.
fn midway(t: &Trial, server: &Server, big: &Exchange) -> Result<Client> {
    let mut client = server.connect_narrow(t)?;
    client.send_at_once(&big.request)?;
    if client.hears(t)? { Ok(client) } else { Err(Stop::error("no reply began")) }
}
