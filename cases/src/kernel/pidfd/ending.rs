//! How a process's end is told. Its pidfd becomes readable when the last of its threads has ended,
//! and can be watched beside sockets and timers; what wait would return is still there to be asked
//! for. Once it was, the number of the process may be another's, and the pidfd still means the one
//! that was.

use harness::prelude::*;
use harness::sys::pidfd::{PIDFD_NONBLOCK, send_signal, told_exit};
use harness::sys::{pidfd, process};
use harness::watch::Task;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};

use super::{Child, pidfd_of};

/// A pidfd becomes readable when its process ends, and stays so, while the process waits to be
/// reaped.
#[case(man = ["pidfd_open(2), NOTES"], since = "5.3", strength = Documented)]
fn becomes_readable(t: &mut Trial) -> Result {
    let child = Child::start(3)?;
    let (pid, pidfd) = (child.pid, child.pidfd(0)?);
    check!(t, poll_now(&pidfd, POLLIN)? == PollFlags::empty(), "the process lives");
    child.let_go();
    check!(t, poll_wait(&pidfd, POLLIN)? == POLLIN, "it has ended");
    check!(t, poll_now(&pidfd, POLLIN)? == POLLIN, "which can be asked again");
    check!(t, waitpid(pid, None)? == WaitStatus::Exited(pid, 3), "how it ended is still to be had");
    Ok(())
}

/// The end of a process wakes a thread that waits for its pidfd in `epoll_wait`.
#[case(man = ["pidfd_open(2), NOTES"], since = "5.3", strength = Documented)]
fn wakes_a_thread_in_epoll_wait(t: &mut Trial) -> Result {
    let child = Child::start(0)?;
    let (pid, pidfd) = (child.pid, child.pidfd(0)?);
    let epoll = Epoll::watching(&pidfd, EPOLLIN)?;
    let job = t.spawn("waiter", move || Ok(epoll.wait_one()?.events))?;
    check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "the process lives, and the thread sleeps");
    child.let_go();
    check!(t, job.join_soon(t)? == Some(EPOLLIN), "the process has ended, and it is told");
    waitpid(pid, None)?;
    Ok(())
}

/// Once its process was reaped, a pidfd reports a hang-up too.
#[case(
    man = ["pidfd_open(2), NOTES"],
    kernel = ["pidfd_poll"],
    since = "5.3",
    strength = Documented,
    changed = [("5.3", "6.9", deviates, "poll told of no hang-up before Linux 6.9")]
)]
fn hangs_up_when_it_was_reaped(t: &mut Trial) -> Result {
    let child = Child::start(0)?;
    let (pid, pidfd) = (child.pid, child.pidfd(0)?);
    child.let_go();
    check!(t, poll_wait(&pidfd, POLLIN)? == POLLIN, "it has ended, and waits to be reaped");
    waitpid(pid, None)?;
    check!(t, poll_now(&pidfd, POLLIN)? == POLLIN | POLLHUP, "it was reaped");
    Ok(())
}

/// A pidfd is not readable when the first thread of its process has ended and others go on.
#[case(man = ["pidfd_open(2), NOTES"], since = "5.3", strength = Documented)]
fn waits_for_the_last_thread(t: &mut Trial) -> Result {
    let (wait, gate) = std::io::pipe()?;
    let mut gate = Some(gate);
    let pid = process::fork(|| {
        drop(gate.take());
        std::thread::spawn(move || {
            let waited = (&wait).read(&mut [0]);
            process::exit_now(if waited.is_ok() { 7 } else { 1 })
        });
        process::exit_thread()
    })?;
    let pidfd = pidfd_of(pid, 0)?;
    let first = Task::of_process(pid);
    check!(t, t.eventually(|| Ok(first.is_zombie()))?, "the first thread has ended");
    check!(t, poll_now(&pidfd, POLLIN)? == PollFlags::empty(), "the process goes on");
    drop(gate);
    check!(t, poll_wait(&pidfd, POLLIN)? == POLLIN, "the other thread has ended");
    check!(t, waitpid(pid, None)? == WaitStatus::Exited(pid, 7), "and says how the process did");
    Ok(())
}

/// Waits for the process of a pidfd, and reaps it.
fn wait_for(pidfd: &OwnedFd) -> nix::Result<WaitStatus> {
    waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED)
}

/// A thread that does so.
fn waiting(t: &mut Trial, pidfd: &OwnedFd) -> Result<Job<nix::Result<WaitStatus>>> {
    let copy = pidfd.try_clone()?;
    t.spawn("waiter", move || Ok(wait_for(&copy)))
}

/// waitid waits for the process of a pidfd, and reaps it.
#[case(man = ["waitid(2), P_PIDFD"], since = "5.4", strength = Documented)]
fn can_be_waited_for(t: &mut Trial) -> Result {
    let child = Child::start(3)?;
    let (pid, pidfd) = (child.pid, child.pidfd(0)?);
    let job = waiting(t, &pidfd)?;
    check!(t, job.sleeps_in(t, Call::WAIT)?, "the process lives, and waitid sleeps");
    child.let_go();
    check!(t, job.join_soon(t)? == Some(Ok(WaitStatus::Exited(pid, 3))), "it returns how it ended");
    check!(t, waitpid(pid, None) == Err(Errno::ECHILD), "and has reaped it");
    Ok(())
}

/// With `PIDFD_NONBLOCK`, waitid for a process that lives fails with EAGAIN.
#[case(man = ["pidfd_open(2), PIDFD_NONBLOCK"], since = "5.10", strength = Documented)]
fn nonblocking_waits_do_not_wait(t: &mut Trial) -> Result {
    let child = Child::start(3)?;
    let (pid, pidfd) = (child.pid, child.pidfd(PIDFD_NONBLOCK)?);
    let job = waiting(t, &pidfd)?;
    check!(t, job.join_soon(t)? == Some(Err(Errno::EAGAIN)), "the process lives");
    child.let_go();
    poll_wait(&pidfd, POLLIN)?;
    check!(t, wait_for(&pidfd) == Ok(WaitStatus::Exited(pid, 3)), "it has ended");
    Ok(())
}

/// A signal that is sent by a pidfd reaches its process, and fails with ESRCH once that was reaped.
#[case(man = ["pidfd_send_signal(2)"], since = "5.3", strength = Documented)]
fn signals_reach_nobody_else(t: &mut Trial) -> Result {
    let child = Child::start(0)?;
    let (pid, pidfd) = (child.pid, child.pidfd(0)?);
    check!(t, send_signal(pidfd.as_raw_fd(), 0) == Ok(()), "signal 0 asks whether it may be sent");
    let sent = send_signal(pidfd.as_raw_fd(), Signal::SIGKILL as i32);
    check!(t, sent == Ok(()), "SIGKILL is sent");
    let end = waitpid(pid, None)?;
    check!(t, end == WaitStatus::Signaled(pid, Signal::SIGKILL, false), "and kills it");
    let gone = send_signal(pidfd.as_raw_fd(), Signal::SIGKILL as i32);
    check!(t, gone == Err(Errno::ESRCH), "nobody else is killed in its place");
    Ok(())
}

/// There is no pidfd to be had of a process that was reaped: ESRCH.
#[case(man = ["pidfd_open(2), ERRORS"], since = "5.3", strength = Documented)]
fn none_of_what_was_reaped(t: &mut Trial) -> Result {
    let child = Child::start(0)?;
    let (pid, before) = (child.pid, child.pidfd(0)?);
    child.let_go();
    poll_wait(&before, POLLIN)?;
    check!(t, pidfd::open(pid, 0).is_ok(), "as long as it waits to be reaped, there is");
    waitpid(pid, None)?;
    check!(t, pidfd::open(pid, 0).err() == Some(Errno::ESRCH), "and then not any more");
    Ok(())
}

/// `PIDFD_GET_INFO` tells how a process ended even after it was reaped.
#[case(
    kernel = ["pidfd_info"],
    since = "6.13",
    strength = Implementation,
    changed = [("6.13", "6.15", deviates, "PIDFD_INFO_EXIT came with Linux 6.15")]
)]
fn tells_how_it_ended(t: &mut Trial) -> Result {
    let child = Child::start(3)?;
    let (pid, pidfd) = (child.pid, child.pidfd(0)?);
    told_exit(&pidfd).map_err(|error| {
        let missing = [Errno::ENOTTY, Errno::EINVAL];
        Stop::unsupported_if(error, &missing, "ioctl(PIDFD_GET_INFO)")
    })?;
    child.let_go();
    waitpid(pid, None)?;
    let status = told_exit(&pidfd).ok().flatten();
    check!(t, status == Some(3 << 8), "the status, as wait encodes it");
    Ok(())
}
