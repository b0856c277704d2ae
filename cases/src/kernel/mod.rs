//! Behaviours of the kernel.

mod epoll;
