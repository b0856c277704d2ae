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
mod reuseport;
mod select;
mod sigio;
mod tcp;
mod udp;
mod unix;
mod uring;
