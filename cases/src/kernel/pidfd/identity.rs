//! What a pidfd is a descriptor of: a process, or a thread if one asks for it.

use std::os::unix::fs::MetadataExt as _;

use harness::prelude::*;
use harness::sys::pidfd::{self, PIDFD_SELF_THREAD, PIDFD_THREAD, send_signal, told_pid};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::wait::waitpid;
use nix::unistd::{getpid, gettid, read};

use super::{Child, pidfd_of};

/// A thread that sleeps until it is let go, and its number.
fn thread(t: &mut Trial) -> Result<(Job<usize>, nix::unistd::Pid, std::io::PipeWriter)> {
    let (wait, gate) = std::io::pipe()?;
    let (tell, told) = std::sync::mpsc::channel();
    let job = t.spawn("thread", move || {
        tell.send(gettid())?;
        Ok(read(&wait, &mut [0])?)
    })?;
    Ok((job, told.recv()?, gate))
}

/// `PIDFD_THREAD` gives a pidfd of a single thread, which is readable when that thread has ended.
#[case(man = ["pidfd_open(2), PIDFD_THREAD"], since = "6.9", strength = Documented)]
fn a_thread_can_have_one(t: &mut Trial) -> Result {
    let (job, tid, gate) = thread(t)?;
    let pidfd = pidfd_of(tid, PIDFD_THREAD)?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the thread lives");
    check!(t, poll_now(&pidfd, POLLIN)? == PollFlags::empty(), "its pidfd is not readable");
    drop(gate);
    job.join()?;
    let ended = poll_wait(&pidfd, POLLIN)?;
    check!(t, ended.contains(POLLIN), "it has ended, and its pidfd tells so");
    Ok(())
}

/// Without `PIDFD_THREAD`, the number of a thread that is not the first of its process is refused
/// with EINVAL.
#[case(
    man = ["pidfd_open(2), ERRORS"],
    kernel = ["pidfd_prepare"],
    since = "5.3",
    strength = Implementation,
    changed = [("6.16", "", deviates, "the error is ENOENT; between Linux 6.12 and 6.16")]
)]
fn a_thread_is_no_process(t: &mut Trial) -> Result {
    let (job, tid, _gate) = thread(t)?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the thread lives");
    pidfd_of(getpid(), 0)?;
    check!(t, pidfd::open(tid, 0).err() == Some(Errno::EINVAL), "its number is not taken");
    Ok(())
}

/// All pidfds of a process are one inode, and those of another are another.
#[case(
    kernel = ["pidfs"],
    since = "5.3",
    strength = Implementation,
    changed = [("5.3", "6.9", deviates, "before pidfs, in Linux 6.9, all pidfds were one inode")]
)]
fn has_an_inode_of_its_own(t: &mut Trial) -> Result {
    let (one, other) = (Child::start(0)?, Child::start(0)?);
    let inode = |pidfd: OwnedFd| -> Result<_> {
        let metadata = std::fs::File::from(pidfd).metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    };
    let first = inode(one.pidfd(0)?)?;
    check!(t, inode(one.pidfd(0)?)? == first, "the same process");
    check!(t, inode(other.pidfd(0)?)? != first, "another process");
    // The younger one has inherited what holds the older one.
    let pids = [one.pid, other.pid];
    one.let_go();
    other.let_go();
    for pid in pids {
        waitpid(pid, None)?;
    }
    Ok(())
}

/// `PIDFD_GET_INFO` tells the number of the process.
#[case(kernel = ["pidfd_info"], since = "6.13", strength = Implementation)]
fn tells_its_process(t: &mut Trial) -> Result {
    let own = pidfd_of(getpid(), 0)?;
    let told = told_pid(&own).map_err(|error| {
        let missing = [Errno::ENOTTY, Errno::EINVAL];
        Stop::unsupported_if(error, &missing, "ioctl(PIDFD_GET_INFO)")
    })?;
    check!(t, told == getpid().as_raw().unsigned_abs(), "the number of this process");
    Ok(())
}

/// `PIDFD_SELF` stands for the caller, where a pidfd is expected.
#[case(kernel = ["pidfd_get_task"], since = "6.15", strength = Implementation)]
fn the_caller_needs_none(t: &mut Trial) -> Result {
    let outcome = send_signal(PIDFD_SELF_THREAD, 0);
    if let Err(error @ (Errno::EBADF | Errno::ENOSYS)) = outcome {
        return Err(Stop::Unsupported(format!("PIDFD_SELF: {}", error.desc())));
    }
    check!(t, outcome == Ok(()), "signal 0 may be sent to oneself");
    Ok(())
}

/// A pidfd is closed by exec without having been asked to.
#[case(man = ["pidfd_open(2)"], since = "5.3", strength = Documented)]
fn is_closed_by_exec(t: &mut Trial) -> Result {
    let own = pidfd_of(getpid(), 0)?;
    let flags = FdFlag::from_bits_retain(fcntl(&own, FcntlArg::F_GETFD)?);
    check!(t, flags.contains(FdFlag::FD_CLOEXEC), "FD_CLOEXEC is set");
    Ok(())
}

/// There is nothing to read from a pidfd: EINVAL.
#[case(kernel = ["pidfd_fops"], since = "5.3", strength = Implementation)]
fn cannot_be_read(t: &mut Trial) -> Result {
    let own = pidfd_of(getpid(), 0)?;
    check!(t, read(&own, &mut [0; 8]) == Err(Errno::EINVAL), "a read of eight bytes");
    Ok(())
}
