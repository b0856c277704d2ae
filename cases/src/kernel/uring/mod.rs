//! `io_uring`: requests in one ring, completions in another.

mod cancel;
mod completion;
mod order;
