//! Behaviours of servers, each from a bug that a well-known server had, or from what is said of
//! the models that they are built by. A case sees a server from outside: what it sends, and what
//! `/proc` shows of its processes.

mod accept;
mod base;
mod churn;
mod partial;
mod pipeline;
mod start;
mod wakeup;

/// The case that every server must pass before any other is tried on it.
pub const GATE: &str = "server.base.round_trip";
