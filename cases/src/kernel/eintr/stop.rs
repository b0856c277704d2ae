//! A process can be stopped and continued (Ctrl-Z and fg, or a debugger that attaches) without
//! having set any handler. Most calls hide that. Some of Linux do not: they fail with EINTR in a
//! program that believes it cannot get any signals.

use harness::prelude::*;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, read};

use super::select_one;

/// Starts a process that sleeps in `call`, stops and continues it, and returns it with the end of
/// the pipe whose data ends the sleep. It counts as `returned` every EINTR, as `took` a success.
fn stopped_and_continued(t: &mut Trial, call: Call) -> Result<(Crew, std::io::PipeWriter)> {
    let ((reader, writer), (mut told, tell)) = (std::io::pipe()?, std::io::pipe()?);
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    let crew = t.processes(1, call, |worker| {
        (&tell).write_all(&getpid().as_raw().to_ne_bytes())?;
        loop {
            let outcome = match call {
                Call::POLL => poll_wait(&reader, POLLIN).map(drop),
                Call::SELECT => select_one(reader.as_raw_fd()),
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
    let mut pid = [0; 4];
    told.read_exact(&mut pid)?;
    let pid = Pid::from_raw(i32::from_ne_bytes(pid));
    kill(pid, Signal::SIGSTOP)?;
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
    kill(pid, Signal::SIGCONT)?;
    let continued = waitpid(pid, Some(WaitPidFlag::WCONTINUED))?;
    if (stopped, continued)
        != (WaitStatus::Stopped(pid, Signal::SIGSTOP), WaitStatus::Continued(pid))
    {
        return Err(Stop::error(format!(
            "the process was not stopped and continued: {stopped:?}, {continued:?}"
        )));
    }
    Ok((crew, writer))
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
