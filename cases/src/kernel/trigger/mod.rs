//! Trigger modes, for every kind of descriptor: whether a registration is level-triggered, an edge or
//! one-shot decides how often the same readiness is reported, whatever the descriptor is, whether it
//! blocks, who waits, and how much of what came was taken.
//!
//! One story is told again and again. Something arrives while somebody sleeps in `epoll_wait`; none of
//! it, a part or all is taken; then nothing happens; then more arrives; then the registration is
//! modified. [`expected`] says what is reported at each step.

mod datagrams;
mod listeners;
mod others;
mod streams;

use std::sync::Arc;

use harness::prelude::*;
use harness::sys::process;

/// How a descriptor is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Level,
    Edge,
    OneShot,
}

impl Mode {
    const ALL: [Mode; 3] = [Mode::Level, Mode::Edge, Mode::OneShot];

    fn events(self) -> EpollFlags {
        match self {
            Mode::Level => EPOLLIN,
            Mode::Edge => EPOLLIN | EPOLLET,
            Mode::OneShot => EPOLLIN | EPOLLONESHOT,
        }
    }
}

/// Who sleeps in `epoll_wait` when something arrives.
#[derive(Debug, Clone, Copy)]
enum Waiter {
    Thread,
    Process,
    TwoThreads,
}

/// A descriptor of some kind, and what goes in and out of it.
struct Source {
    /// The end that is watched.
    reader: OwnedFd,
    /// Lets something arrive, by one call, and returns when it is there.
    feed: Box<dyn Fn() -> Result>,
    /// Takes so many units, at least one, all of which are there.
    take: Box<dyn Fn(usize) -> Result>,
}

/// A row of the matrix.
struct Row {
    mode: Mode,
    blocking: bool,
    waiter: Waiter,
    taken: usize,
}

impl std::fmt::Display for Row {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.blocking { "blocking" } else { "nonblocking" };
        write!(out, "{:?}, {kind}, {:?}, {} taken", self.mode, self.waiter, self.taken)
    }
}

/// Who waits, on a blocking descriptor or not. That it blocks must make no difference.
const WAITERS: [(Waiter, bool); 4] = [
    (Waiter::Thread, true),
    (Waiter::Thread, false),
    (Waiter::Process, true),
    (Waiter::TwoThreads, false),
];

/// The whole matrix for a kind of which so many units arrive at once: modes, waiters, and how many units
/// are taken.
fn follows_its_mode(t: &mut Trial, units: usize, make: impl Fn() -> Result<Source>) -> Result {
    for mode in Mode::ALL {
        for (waiter, blocking) in WAITERS {
            for taken in 0..=units {
                let source = make()?;
                net::set_nonblocking(&source.reader, !blocking)?;
                let row = Row { mode, blocking, waiter, taken };
                tells(t, &row, &source, units - taken)?;
            }
        }
    }
    Ok(())
}

/// What is reported, and to how many, at each step of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Story {
    before_anything_arrives: usize,
    to_who_sleeps: usize,
    when_nothing_happens: usize,
    when_more_arrives: usize,
    when_it_is_not_taken: usize,
    when_modified: usize,
}

/// What a row is to tell.
fn expected(row: &Row, left: usize) -> Story {
    let level = usize::from(row.mode == Mode::Level);
    Story {
        before_anything_arrives: 0,
        to_who_sleeps: if let Waiter::TwoThreads = row.waiter { 1 + level } else { 1 },
        when_nothing_happens: if left > 0 { level } else { 0 },
        when_more_arrives: usize::from(row.mode != Mode::OneShot),
        when_it_is_not_taken: level,
        when_modified: 1,
    }
}

/// One row, at the end of whose first arrival `left` units are left.
fn tells(t: &mut Trial, row: &Row, source: &Source, left: usize) -> Result {
    let epoll = Arc::new(Epoll::watching(&source.reader, row.mode.events())?);
    let expected = expected(row, left);
    let before_anything_arrives = reports(&epoll)?;
    let (to_who_sleeps, mut second) =
        arrives(t, row.waiter, source, &epoll, expected.to_who_sleeps)?;
    if row.taken > 0 {
        (source.take)(row.taken)?;
    }
    let when_nothing_happens = told(t, &epoll, &mut second, expected.when_nothing_happens)?;
    (source.feed)()?;
    let when_more_arrives = told(t, &epoll, &mut second, expected.when_more_arrives)?;
    let when_it_is_not_taken = told(t, &epoll, &mut second, expected.when_it_is_not_taken)?;
    epoll.modify(&source.reader, row.mode.events())?;
    let when_modified = told(t, &epoll, &mut second, expected.when_modified)?;
    let story = Story {
        before_anything_arrives,
        to_who_sleeps,
        when_nothing_happens,
        when_more_arrives,
        when_it_is_not_taken,
        when_modified,
    };
    check!(t, story == expected, "{row}");
    Ok(())
}

/// A thread that sleeps in the instance and has not been told of anything.
type Second = Option<Job<EpollFlags>>;

/// Something arrives while the waiter sleeps, and `expected` threads or processes are to be told. Returns
/// how many are, and of two threads the one that is not.
fn arrives(
    t: &mut Trial,
    waiter: Waiter,
    source: &Source,
    epoll: &Arc<Epoll>,
    expected: usize,
) -> Result<(usize, Second)> {
    match waiter {
        Waiter::Thread => {
            let job = thread(t, epoll)?;
            (source.feed)()?;
            Ok((usize::from(job.join_soon(t)? == Some(EPOLLIN)), None))
        }
        Waiter::Process => {
            let crew = t.processes(1, Call::EPOLL_WAIT, |worker| {
                while epoll.wait_one()?.events != EPOLLIN {}
                worker.took();
                process::exit_now(0)
            })?;
            (source.feed)()?;
            let told = crew.wait_for(t, 1)?;
            if told {
                // A SIGCHLD that comes while the next thread is made, with all signals blocked, would
                // end the sleep of that one.
                nix::sys::wait::wait()?;
            }
            Ok((usize::from(told), None))
        }
        Waiter::TwoThreads => {
            let jobs = [thread(t, epoll)?, thread(t, epoll)?];
            (source.feed)()?;
            let returned = || jobs.iter().filter(|job| job.ended()).count();
            t.eventually(|| Ok(returned() >= expected))?;
            let (mut told, mut second) = (0, None);
            for job in jobs {
                if job.sleeps_in(t, Call::EPOLL_WAIT)? {
                    second = Some(job);
                } else {
                    told += usize::from(job.join()? == EPOLLIN);
                }
            }
            Ok((told, second))
        }
    }
}

/// How many are told now, which is to be `expected`: the thread that still sleeps, if there is one, or
/// else who asks.
fn told(t: &mut Trial, epoll: &Epoll, second: &mut Second, expected: usize) -> Result<usize> {
    let Some(job) = second.take() else { return reports(epoll) };
    if expected > 0 {
        return Ok(usize::from(job.join_soon(t)? == Some(EPOLLIN)));
    }
    let asleep = job.sleeps_in(t, Call::EPOLL_WAIT)?;
    *second = Some(job);
    Ok(usize::from(!asleep))
}

/// The reports that are there for who asks.
fn reports(epoll: &Epoll) -> Result<usize> {
    Ok(epoll.ready_now()?.iter().filter(|events| **events == EPOLLIN).count())
}

/// A thread that is asleep in the instance, or has been told something that it should not.
fn thread(t: &mut Trial, epoll: &Arc<Epoll>) -> Result<Job<EpollFlags>> {
    let epoll = epoll.clone();
    let job = t.spawn("waiter", move || Ok(epoll.wait_one()?.events))?;
    job.sleeps_in(t, Call::EPOLL_WAIT)?;
    Ok(job)
}
