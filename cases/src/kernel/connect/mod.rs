//! connect: what a socket is once it was connected, or was to be, and how it comes to be something
//! else. How connect waits is a matter of the areas `blocking` and `nonblocking`.

mod again;
mod target;
mod time;
