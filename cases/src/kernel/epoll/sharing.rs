//! One instance, several processes. fork copies the number of the instance, and not the instance:
//! parent and child then work on one table, whatever either of them adds. What it reports may be a
//! number that only the other process has.

use std::io::{IoSlice, IoSliceMut};

use harness::prelude::*;
use harness::sys::epoll_raw::create1;
use harness::sys::process::{adopt, borrow, fork, fork_bound};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Registration, counter, registered};

/// A child that has done its part, and holds what it has open until it is ended.
struct Child {
    pid: Pid,
}

impl Child {
    /// Forks; returns when the child has done `work`. What that returns stays open in the child.
    fn after<T>(work: impl FnOnce() -> Result<T>) -> Result<Child> {
        let (mut told, mut tell) = std::io::pipe()?;
        let pid = fork_bound(|| {
            if work().is_ok() && tell.write_all(b"!").is_ok() {
                let _ = poll_entries(&mut [], -1);
            }
            1
        })?;
        drop(tell);
        match told.read_exact(&mut [0]) {
            Ok(()) => Ok(Child { pid }),
            Err(_) => Err(Stop::error(format!("the child failed: {:?}", waitpid(pid, None)))),
        }
    }

    /// Ends it, and returns when all that it had open is closed.
    fn end(self) -> Result {
        kill(self.pid, Signal::SIGKILL)?;
        waitpid(self.pid, None)?;
        Ok(())
    }
}

/// What a child adds to an inherited instance is in its parent's too: there is one table.
#[case(man = ["epoll(7)", "fork(2)"], kernel = ["ep_insert"], strength = Implementation)]
fn child_adds_for_both(t: &mut Trial) -> Result {
    let (counter, epoll) = (counter()?, Epoll::new()?);
    counter.write(1)?;
    Child::after(|| Ok(epoll.add(&counter, EPOLLIN)?))?.end()?;
    check!(t, registered(&epoll)? == [counter.as_fd().as_raw_fd()], "the table has it");
    check!(t, epoll.ready_now()? == [EPOLLIN], "and the parent gets the event");
    check!(t, epoll.delete(&counter) == Ok(()), "it can delete what the child has added");
    Ok(())
}

/// A parent gets events of a descriptor that only its child has, cannot delete it, and is rid of it
/// when the child ends.
#[case(man = ["epoll(7), Questions and answers"], strength = Implementation)]
fn events_of_a_stranger(t: &mut Trial) -> Result {
    const FAR: i32 = 60;
    let epoll = Epoll::new()?;
    let child = Child::after(|| {
        let counter = counter()?;
        counter.write(1)?;
        let number = fcntl(&counter, FcntlArg::F_DUPFD_CLOEXEC(FAR))?;
        epoll.add(borrow(number), EPOLLIN)?;
        Ok(counter)
    })?;
    let reports = epoll.wait(8, 0)?;
    check!(t, reports.len() == 1, "the parent gets an event");
    let number = reports[0].fd;
    check!(t, number >= FAR, "of number {number}, which is the child's");
    check!(t, epoll.delete(borrow(number)) == Err(Errno::EBADF), "here nothing has that number");
    child.end()?;
    check!(t, epoll.ready_now()? == [], "the child has ended, and its descriptor with it");
    check!(t, registered(&epoll)?.is_empty(), "the table is empty");
    Ok(())
}

/// A child that inherited a registered descriptor keeps the registration alive when the parent has
/// closed it.
#[case(man = ["epoll(7), Questions and answers"], strength = Documented)]
fn child_keeps_what_the_parent_closed(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    let child = Child::after(|| Ok(()))?;
    drop(reader);
    writer.write_all(b"!")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "closed here, it is reported here all the same");
    child.end()?;
    check!(t, epoll.ready_now()? == [], "the last process that had it open has ended");
    Ok(())
}

/// An instance can be sent to another process over an `AF_UNIX` socket, with all that is in it.
#[case(man = ["epoll(7), Questions and answers", "unix(7), SCM_RIGHTS"], strength = Documented)]
fn instance_can_be_sent(t: &mut Trial) -> Result {
    let ((left, right), counter) = (UnixStream::pair()?, counter()?);
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    let numbers = [epoll.as_fd().as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&numbers)];
    let nobody = None::<&nix::sys::socket::UnixAddr>;
    let sent = sendmsg(left.as_raw_fd(), &[IoSlice::new(b"!")], &rights, MsgFlags::empty(), nobody);
    check!(t, sent == Ok(1), "it is sent");
    drop(epoll);
    let received = receive(&right)?;
    counter.write(1)?;
    check!(t, received.ready_now()? == [EPOLLIN], "whoever received it gets the events");
    Ok(())
}

/// Takes an instance out of a message.
fn receive(socket: &UnixStream) -> Result<Epoll> {
    let (mut byte, mut space) = ([0], nix::cmsg_space!(i32));
    let mut parts = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<nix::sys::socket::UnixAddr>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        flags,
    )?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            return Ok(Epoll::from(adopt(numbers[0])?));
        }
    }
    Err(Stop::error("the message carried no descriptor"))
}

/// An instance without `EPOLL_CLOEXEC` survives exec with its table; what a process alone had open
/// with close-on-exec leaves the table at that moment.
#[case(man = ["epoll_create(2), EPOLL_CLOEXEC", "execve(2)", "epoll(7), Questions and answers"], strength = Documented)]
fn table_survives_exec(t: &mut Trial) -> Result {
    let (kept, epoll) = (OwnedFd::from(counter()?), Epoll::from(create1(0)?));
    epoll.add(&kept, EPOLLIN)?;
    let child = fork(|| {
        let become_another = || -> Result<()> {
            let closed = counter()?;
            epoll.add(&closed, EPOLLIN)?;
            ptrace::traceme()?;
            nix::unistd::execv(c"/proc/self/exe", &[c"ioconform"])?;
            Ok(())
        };
        i32::from(become_another().is_err())
    })?;
    let stopped = waitpid(child, None)?;
    if stopped != WaitStatus::Stopped(child, Signal::SIGTRAP) {
        let reason = format!("no exec under a tracer: {stopped:?}");
        return Err(Stop::Skipped { reason, mend: String::new() });
    }
    let fdinfo = format!("/proc/{child}/fdinfo/{}", epoll.as_fd().as_raw_fd());
    let there = Registration::all(&fdinfo)?.iter().map(|line| line.fd).collect::<Vec<_>>();
    let here = registered(&epoll)?;
    kill(child, Signal::SIGKILL)?;
    waitpid(child, None)?;
    check!(t, here == [kept.as_raw_fd()], "the counter that only the child had is gone");
    check!(t, there == here, "the new program has the instance, under the same number");
    Ok(())
}
