//! A stopped process and its time-outs. Nobody tells it that it was stopped, so a wait that the stop
//! interrupted has to go on as if nothing had been: poll keeps the moment at which it is to end,
//! select and ppoll keep the time that is left, to which the stop then comes on top.

use std::io::PipeReader;
use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::timed::{TimeSpec, ppoll, pselect6};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

/// What a wait came to whose process was stopped and continued.
#[derive(Debug)]
struct Outcome {
    /// What it returned; an error by its number, negative.
    returned: i64,
    /// The time-out that it was given.
    limit: Duration,
    /// How long it took.
    took: Duration,
    /// How long its process was stopped, at least.
    stopped: Duration,
}

/// A wait for a descriptor, with a time-out.
type Wait = fn(&PipeReader, Duration) -> nix::Result<i32>;

/// Has a process wait for an empty pipe, stops it in its sleep until the time-out has gone by, and
/// continues it. A process that may have been stopped too late counts for nothing: once more, with
/// a longer time-out.
fn stop_and_continue(t: &mut Trial, call: Call, wait: Wait) -> Result<Outcome> {
    for limit in [30, 60, 120, 240, 480, 480, 480].map(Duration::from_millis) {
        let ((reader, _writer), (mut told, tell)) = (std::io::pipe()?, std::io::pipe()?);
        let begin = Instant::now();
        let _crew = t.processes(1, call, |_| {
            (&tell).write_all(&getpid().as_raw().to_ne_bytes())?;
            let start = Instant::now();
            let returned = wait(&reader, limit).map_or_else(|error| -(error as i64), i64::from);
            let took = u64::try_from(start.elapsed().as_nanos())?;
            (&tell).write_all(&[returned.to_ne_bytes(), took.to_ne_bytes()].concat())?;
            loop {
                wait(&reader, Duration::from_hours(1))?;
            }
        })?;
        let (mut pid, mut number) = ([0; 4], [0; 8]);
        told.read_exact(&mut pid)?;
        let pid = Pid::from_raw(i32::from_ne_bytes(pid));
        kill(pid, Signal::SIGSTOP)?;
        waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
        let stop = Instant::now();
        if begin.elapsed() >= limit {
            continue;
        }
        while stop.elapsed() < limit {
            nix::sched::sched_yield()?;
        }
        let stopped = stop.elapsed();
        kill(pid, Signal::SIGCONT)?;
        told.read_exact(&mut number)?;
        let returned = i64::from_ne_bytes(number);
        told.read_exact(&mut number)?;
        let took = Duration::from_nanos(u64::from_ne_bytes(number));
        return Ok(Outcome { returned, limit, took, stopped });
    }
    Err(Stop::error("the process could not be stopped before its time was over"))
}

fn poll_it(reader: &PipeReader, limit: Duration) -> nix::Result<i32> {
    let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    poll_entries(&mut [Entry::new(reader.as_raw_fd(), POLLIN)], limit)
}

fn select_it(reader: &PipeReader, limit: Duration) -> nix::Result<i32> {
    let sets = Sets { read: vec![reader.as_raw_fd()], ..Sets::default() };
    select(reader.as_raw_fd() + 1, &sets, Some(limit)).returned
}

fn ppoll_it(reader: &PipeReader, limit: Duration) -> nix::Result<i32> {
    ppoll(reader, POLLIN, Some(&mut TimeSpec::from(limit)))
}

fn pselect6_it(reader: &PipeReader, limit: Duration) -> nix::Result<i32> {
    pselect6(reader, Some(&mut TimeSpec::from(limit)))
}

/// A poll whose time runs out while its process is stopped returns 0 when that is continued, and
/// not an error.
#[case(man = ["restart_syscall(2)", "signal(7), Interruption of system calls and library functions by stop signals"], kernel = ["do_restart_poll"], strength = Documented)]
fn poll_is_not_interrupted(t: &mut Trial) -> Result {
    let outcome = stop_and_continue(t, Call::POLL, poll_it)?;
    check!(t, outcome.returned == 0, "nothing was ready");
    check!(t, outcome.took >= outcome.limit, "its time was over: {outcome:?}");
    let late = outcome.took.saturating_sub(outcome.stopped.max(outcome.limit));
    t.measure("milliseconds of poll that the stop does not account for", late.as_secs_f64() * 1e3)
}

/// The time for which their process is stopped does not count for select, ppoll and pselect6: when
/// it is continued they sleep for what was left.
#[case(kernel = ["poll_select_finish", "do_select"], needs = [Need::Syscalls], strength = Implementation)]
fn select_and_ppoll_sleep_for_the_rest(t: &mut Trial) -> Result {
    let waits: [(&str, Call, Wait); 3] = [
        ("select", Call::SELECT, select_it),
        ("ppoll", Call::POLL, ppoll_it),
        ("pselect6", Call::SELECT, pselect6_it),
    ];
    for (name, call, wait) in waits {
        let outcome = stop_and_continue(t, call, wait)?;
        check!(t, outcome.returned == 0, "{name}: nothing was ready");
        let (least, took) = (outcome.limit + outcome.stopped, outcome.took);
        check!(
            t,
            took + Duration::from_millis(1) >= least,
            "{name}: time-out and stop add up: {outcome:?}"
        );
    }
    Ok(())
}
