//! `O_NONBLOCK` is a flag of the open file description: of what open, pipe, socket or accept
//! made, and not of the number by which a process calls it. Copies of the number, by dup or by
//! fork, are names of the same thing. A terminal or pipe that several programs inherited is made
//! nonblocking for all of them by any one.

use harness::prelude::*;
use harness::sys::process;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::unistd::read;

fn nonblocking(fd: impl AsFd) -> nix::Result<bool> {
    Ok(OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?).contains(OFlag::O_NONBLOCK))
}

/// Setting `O_NONBLOCK` through one descriptor makes its duplicate nonblocking too.
#[case(man = ["fcntl(2), File status flags", "dup(2)"], posix = ["fcntl, F_SETFL"], strength = Documented)]
fn is_shared_by_duplicates(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let duplicate = reader.try_clone()?;
    check!(t, !nonblocking(&duplicate)?, "a pipe is blocking at first");
    net::set_nonblocking(&reader, true)?;
    check!(
        t,
        nonblocking(&duplicate)?,
        "the flag was set on the original and is seen on the duplicate"
    );
    check!(
        t,
        read(&duplicate, &mut [0]) == Err(Errno::EAGAIN),
        "a read from the duplicate does not sleep"
    );
    net::set_nonblocking(&duplicate, false)?;
    check!(t, !nonblocking(&reader)?, "and it is cleared for both");
    Ok(())
}

/// A child process that sets `O_NONBLOCK` on an inherited descriptor sets it for its parent.
#[case(man = ["fork(2)", "fcntl(2), File status flags"], strength = Documented)]
fn is_shared_across_fork(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let child = process::fork(|| i32::from(net::set_nonblocking(&reader, true).is_err()))?;
    let status = nix::sys::wait::waitpid(child, None)?;
    if status != nix::sys::wait::WaitStatus::Exited(child, 0) {
        return Err(Stop::error(format!("the child could not set the flag: {status:?}")));
    }
    check!(t, nonblocking(&reader)?, "the child has set the flag, and the parent sees it");
    check!(t, read(&reader, &mut [0]) == Err(Errno::EAGAIN), "the parent's read does not sleep");
    Ok(())
}

/// Opening a pipe anew by its path in /proc gives a description with flags of its own.
#[case(man = ["open(2), Open file descriptions", "proc_pid_fd(5)"], strength = Documented)]
fn is_not_shared_by_a_second_open(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let second = std::fs::File::open(format!("/proc/self/fd/{}", reader.as_raw_fd()))?;
    net::set_nonblocking(&second, true)?;
    check!(t, nonblocking(&second)?, "the flag is set on what the second open made");
    check!(t, !nonblocking(&reader)?, "what the first one made stays blocking");
    Ok(())
}

/// `FD_CLOEXEC` is a flag of the number, not of what it names: neither a duplicate nor the parent of
/// a child that sets it has it too.
#[case(man = ["fcntl(2), File descriptor flags", "dup(2)"], posix = ["fcntl, F_SETFD"], strength = Documented)]
fn close_on_exec_is_not_shared(t: &mut Trial) -> Result {
    let set = |fd: &OwnedFd| fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    let flags = |fd: &OwnedFd| fcntl(fd, FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
    let (reader, _writer) = nix::unistd::pipe()?;
    let duplicate = nix::unistd::dup(&reader)?;
    set(&reader)?;
    check!(t, flags(&reader)? == FdFlag::FD_CLOEXEC, "the flag was set on the original");
    check!(t, flags(&duplicate)?.is_empty(), "the duplicate does not have it");
    let child = process::fork(|| i32::from(set(&duplicate).is_err()))?;
    let status = nix::sys::wait::waitpid(child, None)?;
    if status != nix::sys::wait::WaitStatus::Exited(child, 0) {
        return Err(Stop::error(format!("the child could not set the flag: {status:?}")));
    }
    check!(t, flags(&duplicate)?.is_empty(), "the child has set it on its own number alone");
    Ok(())
}

/// `O_NONBLOCK` concerns only the descriptor on which it was set.
#[case(
    man = ["fcntl(2), File status flags"],
    strength = Folklore,
    changed = [("", "", deviates, "the flag belongs to the open file description: duplicates, and processes that inherited it, share it")]
)]
fn is_for_one_descriptor(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let duplicate = reader.try_clone()?;
    net::set_nonblocking(&duplicate, true)?;
    check!(t, !nonblocking(&reader)?, "it was set on the duplicate, and the original blocks");
    Ok(())
}
