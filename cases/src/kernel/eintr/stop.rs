//! A process can be stopped and continued (Ctrl-Z and fg, or a debugger that attaches) without
//! having set any handler. Most calls hide that. Some of Linux do not: they fail with EINTR in a
//! program that believes it cannot get any signals.

use std::cell::Cell;
use std::io::{PipeReader, PipeWriter};

use harness::prelude::*;
use harness::sys::native_aio::Context;
use harness::sys::signal::{block, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{MsgFlags, accept, connect, recv, send, setsockopt, sockopt};
use nix::sys::time::TimeVal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, read};

use super::super::aio::context;
use super::others::{locks, objects, openings};
use super::table::{LONG, queues, splices, vectors, without_room};
use super::{Feed, Wait, select_one, transfers, wait};

/// Says over this pipe which process is to be stopped.
fn tell_pid(mut tell: &PipeWriter) -> Result {
    Ok(tell.write_all(&getpid().as_raw().to_ne_bytes())?)
}

/// Stops and continues the process that told its number.
fn stop_and_continue(mut told: PipeReader) -> Result {
    let mut pid = [0; 4];
    told.read_exact(&mut pid)?;
    let pid = Pid::from_raw(i32::from_ne_bytes(pid));
    kill(pid, Signal::SIGSTOP)?;
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
    kill(pid, Signal::SIGCONT)?;
    let continued = waitpid(pid, Some(WaitPidFlag::WCONTINUED))?;
    if (stopped, continued)
        == (WaitStatus::Stopped(pid, Signal::SIGSTOP), WaitStatus::Continued(pid))
    {
        Ok(())
    } else {
        Err(Stop::error(format!(
            "the process was not stopped and continued: {stopped:?}, {continued:?}"
        )))
    }
}

/// Starts a process that sleeps in `call`, stops and continues it, and returns it with the end of
/// the pipe whose data ends the sleep. It counts as `returned` every EINTR, as `took` a success.
fn stopped_and_continued(t: &mut Trial, call: Call) -> Result<(Crew, std::io::PipeWriter)> {
    let ((reader, writer), (told, tell)) = (std::io::pipe()?, std::io::pipe()?);
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    let crew = t.processes(1, call, |worker| {
        tell_pid(&tell)?;
        loop {
            let outcome = match call {
                Call::POLL => poll_wait(&reader, POLLIN).map(drop),
                Call::SELECT => select_one(reader.as_raw_fd()),
                Call::NANOSLEEP => nanosleep(LONG),
                _ => epoll.wait_one().map(drop),
            };
            match outcome {
                Err(Errno::EINTR) => worker.returned(),
                other => {
                    other?;
                    read(&reader, &mut [0])?;
                    worker.took();
                }
            }
        }
    })?;
    stop_and_continue(told)?;
    Ok((crew, writer))
}

/// The same for any call, which is made once: EINTR counts as `returned`, success as `took`. Also
/// returns what lets the call go on.
fn once_stopped(t: &mut Trial, wait: Wait) -> Result<(Crew, Feed)> {
    let (told, tell) = std::io::pipe()?;
    let (never, _writer) = std::io::pipe()?;
    let sleep = Cell::new(Some(wait.sleep));
    let crew = t.processes(1, wait.call, |worker| {
        tell_pid(&tell)?;
        let sleep = sleep.take().ok_or_else(|| Stop::error("it is one process"))?;
        match sleep() {
            Err(Errno::EINTR) => worker.returned(),
            other => {
                other?;
                worker.took();
            }
        }
        loop {
            read(&never, &mut [0])?;
        }
    })?;
    stop_and_continue(told)?;
    Ok((crew, wait.feed))
}

/// Each call fails with EINTR when its process is stopped and continued.
fn is_interrupted(t: &mut Trial, waits: Vec<Wait>) -> Result {
    for wait in waits {
        let name = wait.name;
        let (crew, _feed) = once_stopped(t, wait)?;
        check!(t, t.eventually(|| Ok(crew.counts()?.returned == [1]))?, "{name} fails with EINTR");
    }
    Ok(())
}

/// Each call goes on sleeping when its process is stopped and continued, and succeeds when it can.
fn sleeps_on(t: &mut Trial, waits: Vec<Wait>) -> Result {
    for wait in waits {
        let name = wait.name;
        let (crew, feed) = once_stopped(t, wait)?;
        feed()?;
        check!(t, crew.wait_for(t, 1)?, "{name} succeeds");
        check!(t, crew.counts()?.returned == [0], "{name} has not failed with EINTR");
    }
    Ok(())
}

/// `epoll_wait` fails with EINTR when its process is stopped and continued, without any handler.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], strength = Documented)]
fn interrupts_epoll_wait(t: &mut Trial) -> Result {
    let (crew, mut writer) = stopped_and_continued(t, Call::EPOLL_WAIT)?;
    check!(t, t.eventually(|| Ok(crew.counts()?.returned == [1]))?, "epoll_wait fails with EINTR");
    crew.settle(t)?;
    writer.write_all(b"!")?;
    check!(t, crew.wait_for(t, 1)?, "called again, it returns with data");
    check!(t, crew.counts()?.returned == [1], "called again, it waits for data as before");
    Ok(())
}

/// poll and select go on sleeping when their process is stopped and continued, and return with
/// the data that arrives later.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals", "restart_syscall(2)"], strength = Documented)]
fn does_not_interrupt_poll_and_select(t: &mut Trial) -> Result {
    for call in [Call::POLL, Call::SELECT] {
        let (crew, mut writer) = stopped_and_continued(t, call)?;
        writer.write_all(b"!")?;
        check!(t, crew.wait_for(t, 1)?, "{} returns with the data", call.name);
        check!(
            t,
            crew.counts()?.returned == [0],
            "{}: there was no EINTR before the data",
            call.name
        );
    }
    Ok(())
}

/// recv, accept, send and connect on sockets with a time-out fail with EINTR when their process is
/// stopped and continued, without any handler.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], needs = [Need::Syscalls], strength = Documented)]
fn interrupts_sockets_with_a_timeout(t: &mut Trial) -> Result {
    let hour = TimeVal::new(3600, 0);
    let (_client, server) = net::tcp_pair()?;
    let listener = net::listener()?;
    let (writer, _reader) = without_room()?;
    let (_unix_listener, address) = net::unix_listener(0)?;
    let (early, late) = (net::unix_socket()?, net::unix_socket()?);
    connect(early.as_raw_fd(), &address)?;
    setsockopt(&server, sockopt::ReceiveTimeout, &hour)?;
    setsockopt(&listener, sockopt::ReceiveTimeout, &hour)?;
    setsockopt(&writer, sockopt::SendTimeout, &hour)?;
    setsockopt(&late, sockopt::SendTimeout, &hour)?;
    let (none, nothing) = (MsgFlags::empty(), || Ok(()));
    let receiving = move || recv(server.as_raw_fd(), &mut [0], none).map(drop);
    let accepting = move || accept(listener.as_raw_fd()).map(drop);
    let sending = move || send(writer.as_raw_fd(), b"!", none).map(drop);
    let connecting = move || connect(late.as_raw_fd(), &address);
    is_interrupted(
        t,
        vec![
            wait("recv", Call::RECV, receiving, nothing),
            wait("accept", Call::ACCEPT, accepting, nothing),
            wait("send", Call::SEND, sending, nothing),
            wait("connect", Call::CONNECT, connecting, nothing),
        ],
    )
}

/// sigtimedwait fails with EINTR when its process is stopped and continued, without any handler.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], needs = [Need::Syscalls], strength = Documented)]
fn interrupts_sigtimedwait(t: &mut Trial) -> Result {
    let number = Signal::SIGUSR2 as i32;
    block(number, true)?;
    let waiting = move || wait_for(number, LONG);
    is_interrupted(t, vec![wait("sigtimedwait", Call::SIGNAL_WAIT, waiting, || Ok(()))])
}

/// semop and semtimedop fail with EINTR when their process is stopped and continued, without any
/// handler.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], needs = [Need::Syscalls], strength = Documented)]
fn interrupts_semop(t: &mut Trial) -> Result {
    let mut waits = objects()?;
    waits.retain(|wait| wait.call == Call::SEMOP);
    is_interrupted(t, waits)
}

/// `io_getevents` fails with EINTR when its process is stopped and continued, without any handler.
#[case(kernel = ["io_getevents"], since = "2.6.0", needs = [Need::Syscalls], strength = Implementation)]
fn interrupts_io_getevents(t: &mut Trial) -> Result {
    context()?;
    // A process has no context of its parent's.
    let events = || Context::new(1)?.events(1, 1, None).map(drop);
    is_interrupted(t, vec![wait("io_getevents", Call::IO_GETEVENTS, events, || Ok(()))])
}

/// Calls that move data or connections go on sleeping when their process is stopped and continued.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], strength = Documented)]
fn does_not_interrupt_transfers(t: &mut Trial) -> Result {
    sleeps_on(t, transfers()?)?;
    sleeps_on(t, vectors()?)?;
    sleeps_on(t, splices()?)
}

/// Opens of a FIFO, waits for a file lock, `mq_receive` and `mq_send` go on sleeping when their process
/// is stopped and continued.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], since = "3.15", strength = Documented)]
fn does_not_interrupt_waits_for_others(t: &mut Trial) -> Result {
    for waits in [openings(t)?, locks(t)?, queues(t)?] {
        sleeps_on(t, waits)?;
    }
    Ok(())
}

/// msgrcv and msgsnd go on sleeping when their process is stopped and continued.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals"], since = "2.6.9", strength = Documented)]
fn does_not_interrupt_msgrcv(t: &mut Trial) -> Result {
    let mut waits = objects()?;
    waits.retain(|wait| wait.call != Call::SEMOP);
    sleeps_on(t, waits)
}

/// nanosleep goes on sleeping when its process is stopped and continued.
#[case(man = ["signal(7), Interruption of system calls and library functions by stop signals", "nanosleep(2)"], since = "2.6.0", strength = Documented)]
fn does_not_interrupt_nanosleep(t: &mut Trial) -> Result {
    let (crew, _writer) = stopped_and_continued(t, Call::NANOSLEEP)?;
    crew.settle(t)?;
    check!(t, crew.counts()?.returned == [0], "it sleeps, and there was no EINTR before");
    Ok(())
}

/// A program that sets no signal handlers never sees EINTR.
#[case(
    man = ["signal(7), Interruption of system calls and library functions by stop signals"],
    strength = Folklore,
    changed = [("", "", deviates, "stopping and continuing a process ends its epoll_wait with EINTR, without any handler")]
)]
fn no_handler_no_eintr(t: &mut Trial) -> Result {
    let (crew, _writer) = stopped_and_continued(t, Call::EPOLL_WAIT)?;
    crew.settle(t)?;
    check!(t, crew.counts()?.returned == [0], "epoll_wait was not interrupted");
    Ok(())
}
