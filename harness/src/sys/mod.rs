//! Small safe wrappers around system calls that `nix` leaves unsafe or leaves out.
//!
//! The only `unsafe` of the workspace is here.

pub mod aio;
pub mod attribute;
pub(crate) mod diag;
pub(crate) mod early;
pub mod epoll;
pub mod message;
pub mod poll;
pub mod port;
pub mod process;
pub mod shared;
pub mod signal;
pub mod socket;
pub mod uring;
