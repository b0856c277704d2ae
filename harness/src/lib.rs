//! How an ioconform case is declared, isolated, observed, judged and reported.
//!
//! A program that holds cases calls [`entry`] first thing in `main`: a trial is the same program,
//! started again in a process and namespaces of its own ([`isolate`]). What the trial sees and
//! may say is [`trial::Trial`]; how it watches threads without ever sleeping is [`watch`]; what
//! comes out is a [`record::Record`], and everything a reader sees is made from that.

pub mod baseline;
pub mod case;
pub mod catalogue;
pub mod claims;
pub mod dialect;
pub mod doctor;
pub mod events;
pub mod filter;
pub mod isolate;
pub mod judge;
pub mod kernel;
pub mod knobs;
pub mod libtest;
pub mod matrix;
pub mod measure;
pub mod mutant;
pub mod need;
pub mod net;
pub mod power;
pub mod record;
pub mod report;
pub mod runner;
pub mod suggest;
#[allow(unsafe_code, reason = "the only module that may talk to the kernel without a safe wrapper")]
pub mod sys;
pub mod target;
pub mod tcp;
pub mod trace;
pub mod trial;
pub mod watch;
pub mod xdg;

pub use harness_macros::{case, check};
pub use isolate::entry;

/// What a case file needs: `use harness::prelude::*;`.
pub mod prelude {
    pub use std::io::{ErrorKind, Read as _, Write as _};
    pub use std::net::{TcpListener, TcpStream, UdpSocket};
    pub use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    pub use std::os::unix::net::UnixStream;

    pub use nix::errno::Errno;

    pub use crate::dialect::{Exchange, Wish};
    pub use crate::need::Need;
    pub use crate::net;
    pub use crate::sys::epoll::*;
    pub use crate::sys::poll::*;
    pub use crate::target::{Client, Ending, Reply, Server, Target};
    pub use crate::trial::{Result, Stop, Trial};
    pub use crate::watch::{Call, Crew, Job, Worker};
    pub use harness_macros::{case, check};
}

/// Used by the code that the macros write.
#[doc(hidden)]
pub mod private {
    pub use linkme;
}
