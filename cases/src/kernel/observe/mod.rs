//! What a program can see of others, and of the kernel's own books: this suite's evidence rests on it.

mod counters;
mod fdinfo;
mod identity;
mod thread;
