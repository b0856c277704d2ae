//! epoll: one call that waits for many descriptors. The kernel remembers what a program is
//! interested in, and a descriptor that becomes ready puts itself on a list that `epoll_wait`
//! takes from. When it does so, and how often it is reported, is a matter of the trigger mode.

mod edge;
mod exclusive;
mod interest;
mod level;
mod oneshot;
mod wakeup;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// A counter that is readable while it is not zero, to make a descriptor ready at will.
fn counter() -> nix::Result<EventFd> {
    EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
}
