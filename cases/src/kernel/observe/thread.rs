//! A thread as `/proc/PID/task/TID` shows it: what it does, in which system call it sleeps, and how
//! often it has gone to sleep. Nobody has to be asked, least of all the thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::prelude::*;
use harness::sys::process;
use harness::watch::{State, Task, cost};
use nix::sched::sched_yield;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, gettid, read};

/// A thread that reads from a pipe for ever, a byte at a time, with its number.
fn reader(t: &mut Trial) -> Result<(Job<()>, Pid, std::io::PipeWriter, i32)> {
    let (pipe, writer) = std::io::pipe()?;
    let number = pipe.as_raw_fd();
    let (tell, told) = std::sync::mpsc::channel();
    let job = t.spawn("reader", move || {
        let mut byte = [0];
        tell.send(gettid())?;
        while read(&pipe, &mut byte)? == 1 {}
        Ok(())
    })?;
    Ok((job, told.recv()?, writer, number))
}

/// A file of `/proc` about a thread of this process.
fn of_thread(tid: Pid, file: &str) -> Result<String> {
    std::fs::read_to_string(format!("/proc/self/task/{tid}/{file}"))
        .map_err(|error| Stop::Unobservable(format!("{file} cannot be read: {error}")))
}

/// `/proc/PID/task/TID/syscall` tells of a sleeping thread the number of its system call, and its
/// arguments.
#[case(man = ["proc_pid_syscall(5)"], since = "2.6.27", needs = [Need::Syscalls], strength = Documented)]
fn tells_the_call_and_its_arguments(t: &mut Trial) -> Result {
    let (job, tid, _writer, pipe) = reader(t)?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the thread sleeps in a read of a byte from a pipe");
    let line = of_thread(tid, "syscall")?;
    let fields: Vec<_> = line.split_whitespace().collect();
    check!(t, fields.len() == 9, "the number, six arguments, and two pointers");
    check!(t, fields[0] == nix::libc::SYS_read.to_string(), "the number is that of read");
    check!(t, fields[1] == format!("{pipe:#x}"), "the first argument is the pipe");
    check!(t, fields[3] == "0x1", "the third is a length of one");
    Ok(())
}

/// `/proc/PID/task/TID/syscall` says `running` of another thread that does not sleep.
#[case(man = ["proc_pid_syscall(5)"], since = "2.6.27", needs = [Need::Syscalls], strength = Documented)]
fn tells_that_it_runs(t: &mut Trial) -> Result {
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = std::sync::mpsc::channel();
    let job = t.spawn("busy", {
        let stop = stop.clone();
        move || {
            tell.send(gettid())?;
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            Ok(())
        }
    })?;
    let line = of_thread(told.recv()?, "syscall");
    stop.store(true, Ordering::Relaxed);
    job.join()?;
    check!(
        t,
        line?.trim() == "running",
        "a thread that is busy, whether it has a CPU or waits for one"
    );
    Ok(())
}

/// Each time a thread sleeps adds one to its `voluntary_ctxt_switches`; that it only gives way to
/// others, by `sched_yield`, adds nothing.
#[case(man = ["proc_pid_status(5)"], since = "2.6.23", needs = [Need::Syscalls], strength = Documented)]
fn counts_each_sleep(t: &mut Trial) -> Result {
    let (pipe, mut writer) = std::io::pipe()?;
    let crew = t.threads(1, Call::READ, move |worker| {
        loop {
            read(&pipe, &mut [0])?;
            for _ in 0..100 {
                sched_yield()?;
            }
            worker.took();
        }
    })?;
    for byte in 1..=8 {
        let before = crew.counts()?;
        writer.write_all(b"x")?;
        check!(t, crew.wait_for(t, byte)?, "the thread takes byte {byte}");
        crew.settle(t)?;
        let slept = cost(crew.counts()?.since(&before).wakeups);
        check!(t, slept == 1, "it gives way a hundred times and sleeps again: that is once more");
    }
    Ok(())
}

/// The state of a process in `/proc/PID/stat` is `S` while it sleeps, `T` while it is stopped, and `Z`
/// when it has ended and was not reaped.
#[case(man = ["proc_pid_stat(5)"], strength = Documented)]
fn tells_the_state(t: &mut Trial) -> Result {
    let (pipe, gate) = std::io::pipe()?;
    let mut gate = Some(gate);
    let child = process::fork(|| {
        drop(gate.take());
        i32::from(read(&pipe, &mut [0]).is_err())
    })?;
    let task = Task::of_process(child);
    let comes_to = |state: State| t.eventually(|| Ok(task.state()? == state));
    let (sleeps, seen) = (comes_to(State::SLEEPING)?, State::SLEEPING);
    kill(child, Signal::SIGSTOP)?;
    waitpid(child, Some(WaitPidFlag::WUNTRACED))?;
    let stops = comes_to(State('T'))?;
    kill(child, Signal::SIGCONT)?;
    let goes_on = comes_to(seen)?;
    drop(gate);
    let ends = comes_to(State('Z'))?;
    waitpid(child, None)?;
    check!(t, sleeps, "it sleeps in a read");
    check!(t, stops, "it is stopped");
    check!(t, goes_on, "it is continued, and sleeps");
    check!(t, ends, "it has ended");
    check!(t, task.state().is_err(), "it was reaped, and there is nothing to be told");
    Ok(())
}

/// The state of the thread that asks is `R`.
#[case(man = ["proc_pid_stat(5)"], strength = Documented)]
fn whoever_asks_runs(t: &mut Trial) -> Result {
    check!(t, Task::current().state()? == State('R'), "this thread");
    Ok(())
}

/// `/proc/PID/task/TID/wchan` names the function of the kernel in which a thread sleeps.
#[case(
    man = ["proc_pid_wchan(5)"],
    commit = ["bc9bbb81730e"],
    needs = [Need::Syscalls],
    strength = Documented,
    changed = [("4.14", "5.16", deviates, "on x86 with the ORC unwinder it was always 0, until commit bc9bbb81730e")]
)]
fn names_the_function(t: &mut Trial) -> Result {
    let (job, tid, _writer, _pipe) = reader(t)?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the thread sleeps in a read from a pipe");
    let name = of_thread(tid, "wchan")?;
    if std::fs::metadata("/proc/kallsyms").is_err() {
        return Err(Stop::Unobservable("this kernel has no names of its functions".to_owned()));
    }
    // Before Linux 5.5 a pipe's readers and writers slept in a function of their own.
    let named = name.contains("pipe_read") || name.contains("pipe_wait");
    check!(t, named, "the function is `{name}`");
    Ok(())
}
