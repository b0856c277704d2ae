//! Signal-driven I/O: the kernel sends a signal when a descriptor becomes ready.

mod folklore;
mod kinds;
mod owner;
mod queue;
mod readiness;

use harness::prelude::*;
use harness::sys::signal;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Has this process told of I/O on `fd` by the signal of this number; 0 is a plain `SIGIO`.
fn tell_me_of(fd: impl AsFd, number: i32) -> Result {
    signal::set_io_signal(&fd, number)?;
    signal::set_io_owner(&fd, nix::unistd::getpid().as_raw())?;
    set_async(fd)
}

/// Sets `O_ASYNC`, and no other flag.
fn set_async(fd: impl AsFd) -> Result {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_ASYNC))?;
    Ok(())
}

/// The flags of an open file.
fn flags(fd: impl AsFd) -> Result<OFlag> {
    Ok(OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?))
}

/// Whether the handler comes to have seen `count` signals in all.
fn handled(t: &Trial, count: u64) -> Result<bool> {
    t.eventually(|| Ok(signal::handled() >= count))
}
