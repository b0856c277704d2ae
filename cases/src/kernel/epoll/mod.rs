//! epoll: one call that waits for many descriptors.

mod edge;
