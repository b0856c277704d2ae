//! Small safe wrappers around system calls that `nix` leaves unsafe or leaves out.
//!
//! The only `unsafe` of the workspace is here.

pub(crate) mod abi;
pub mod aio;
pub mod attribute;
pub mod brink;
pub mod capability;
pub mod descriptor;
pub(crate) mod diag;
pub(crate) mod early;
pub mod epoll;
pub mod epoll_raw;
pub mod futex;
pub mod inet;
pub mod ipc;
pub mod message;
pub mod native_aio;
pub mod pidfd;
pub mod poll;
pub mod port;
pub mod prepared;
pub mod process;
pub mod rwf;
pub mod schedule;
pub mod shared;
pub mod signal;
pub mod signalfd;
pub mod socket;
pub mod steer;
pub mod timed;
pub(crate) mod trace;
pub mod uring;
