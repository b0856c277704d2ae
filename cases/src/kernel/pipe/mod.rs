//! Pipes and FIFOs: a queue of pages between processes, with a name or without.

mod atomic;
mod capacity;
mod edges;
mod ends;
mod fifo;
mod packets;
mod splice;
mod times;

use harness::prelude::*;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{SysconfVar, pipe2, sysconf};

/// A nonblocking pipe, reader first.
fn nonblocking() -> nix::Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
}

/// A nonblocking pipe of so many pages. Nobody is refused what he had at first, unless he has used
/// up his share of pages (pipe(7), `pipe-user-pages-soft`), which then ends the trial.
fn of_pages(pages: usize) -> Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nonblocking()?;
    if capacity(&writer)? != pages * page()? {
        set_capacity(&writer, pages * page()?).map_err(share_is_used_up)?;
    }
    Ok((reader, writer))
}

fn share_is_used_up(error: Errno) -> Stop {
    match error {
        Errno::EPERM => Stop::Skipped {
            reason: "this user has used up the pages that pipes may have".to_owned(),
            mend: "sysctl -w fs.pipe-user-pages-soft=65536".to_owned(),
        },
        other => other.into(),
    }
}

/// The size of a page, in bytes.
fn page() -> Result<usize> {
    Ok(usize::try_from(sysconf(SysconfVar::PAGE_SIZE)?.unwrap_or(4096))?)
}

/// `F_GETPIPE_SZ`.
fn capacity(pipe: impl AsFd) -> Result<usize> {
    Ok(usize::try_from(fcntl(pipe, FcntlArg::F_GETPIPE_SZ)?)?)
}

/// `F_SETPIPE_SZ`: what the kernel made of it.
fn set_capacity(pipe: impl AsFd, bytes: usize) -> nix::Result<usize> {
    let bytes = i32::try_from(bytes).map_err(|_| Errno::ERANGE)?;
    let made = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes))?;
    usize::try_from(made).map_err(|_| Errno::ERANGE)
}
