//! Behaviours of the kernel.

mod accept;
mod aio;
mod bind;
mod blocking;
mod connect;
mod delivery;
mod eintr;
mod epoll;
mod herd;
mod listen;
mod models;
mod nonblocking;
mod poll;
mod reuseport;
mod select;
mod sigio;
mod uring;
