//! `poll`: an array of descriptors, and what the kernel writes back to it.

mod hangup;
mod listener;
mod results;
mod waiting;
