//! Behaviours of the kernel.

mod accept;
mod aio;
mod blocking;
mod delivery;
mod eintr;
mod epoll;
mod herd;
mod models;
mod nonblocking;
mod poll;
mod readiness;
mod reuseport;
mod select;
mod sigio;
mod trigger;
mod uring;
