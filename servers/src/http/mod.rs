//! HTTP/1.1 without input or output: bytes in, bytes out, and what is wanted next.
//!
//! Every model drives the same [`Exchange`]; only who waits for the bytes differs.

pub(crate) mod body;
mod exchange;
pub(crate) mod request;
pub(crate) mod response;

pub(crate) use exchange::{Exchange, Phase, Wants};
pub(crate) use request::Request;
pub(crate) use response::Response;
