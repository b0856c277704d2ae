//! Small safe wrappers around system calls that `nix` leaves unsafe or leaves out.
//!
//! The only `unsafe` of the workspace is here.

pub mod aio;
pub mod brink;
pub mod capability;
pub(crate) mod diag;
pub(crate) mod early;
pub mod epoll;
pub mod epoll_raw;
pub mod poll;
pub mod port;
pub mod prepared;
pub mod priority;
pub mod process;
pub mod rwf;
pub mod schedule;
pub mod shared;
pub mod signal;
pub mod socket;
pub mod timed;
pub mod uring;
