//! `poll`: an array of descriptors, and what the kernel writes back to it.

mod files;
mod hangup;
mod listener;
mod results;
mod sockets;
mod waiting;
