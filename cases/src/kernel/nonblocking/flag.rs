//! `O_NONBLOCK` is a flag of the open file description: of what open, pipe, socket or accept
//! made, and not of the number by which a process calls it. Copies of the number, by dup or by
//! fork, are names of the same thing. A terminal or pipe that several programs inherited is made
//! nonblocking for all of them by any one.

use harness::prelude::*;
use harness::sys::process;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
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
