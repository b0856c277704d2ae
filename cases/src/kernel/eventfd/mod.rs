//! eventfd: a counter that can be waited for.

mod counter;
mod waiting;

use harness::prelude::*;
use nix::sys::eventfd::{EfdFlags, EventFd};

/// A nonblocking counter that starts with `value`; with `EFD_SEMAPHORE` a read takes one.
fn counter(value: u32, semaphore: bool) -> nix::Result<EventFd> {
    let mut flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    flags.set(EfdFlags::EFD_SEMAPHORE, semaphore);
    EventFd::from_value_and_flags(value, flags)
}

/// The largest value of a counter.
const MOST: u64 = u64::MAX - 1;

/// A read with a buffer of so many bytes, 16 at most: how many it got.
fn read_bytes(fd: impl AsFd, length: usize) -> nix::Result<usize> {
    nix::unistd::read(fd, &mut [0; 16][..length])
}
