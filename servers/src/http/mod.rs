//! HTTP/1.1 without input or output: bytes in, bytes out, and what is wanted next.
//!
//! Every model drives the same [`Exchange`]; only who waits for the bytes differs.

mod body;
mod exchange;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub(crate) use body::Progress;
pub(crate) use exchange::{Exchange, Phase, Wants};
pub(crate) use request::{Framing, Request};
pub(crate) use response::Response;
