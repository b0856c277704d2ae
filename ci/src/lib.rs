//! One binary, many kernels: fetches them, boots them, runs the catalogue in each, and gathers one
//! matrix.
//!
//! A guest has one file system, in memory, and one program, which is this one ([`guest`]). Host and
//! guest speak over a serial port of their own ([`protocol`]); how a guest ended is told from an
//! exit status that only it can give, and never from silence ([`session`]).

pub mod accelerator;
pub mod column;
pub mod console;
pub mod gather;
pub mod guest;
pub mod initramfs;
pub mod kernels;
pub mod local;
pub mod machine;
pub mod plan;
pub mod program;
pub mod protocol;
pub mod qemu;
pub mod session;
pub mod uml;
pub mod vm;
