//! `ioconform matrix` and `ioconform vm`, with real kernels in real guests.

#[path = "../common/mod.rs"]
mod common;

mod columns;
mod guests;
mod runner;
mod vm;
