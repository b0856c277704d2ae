//! Behaviours of the kernel.

mod accept;
mod aio;
mod bind;
mod blocking;
mod connect;
mod cost;
mod delivery;
mod eintr;
mod epoll;
mod eventfd;
mod herd;
mod listen;
mod models;
mod nonblocking;
mod observe;
mod pidfd;
mod pipe;
mod poll;
mod reuseport;
mod select;
mod sigio;
mod signalfd;
mod timeout;
mod timerfd;
mod uring;
