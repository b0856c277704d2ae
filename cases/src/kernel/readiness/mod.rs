//! One story, told by four: what `select`, `poll`, `epoll` and a poll request of `io_uring` say of a
//! descriptor in a given state. Behind all of them is one function of the descriptor's kind (the
//! kernel's `f_op->poll`), so they must agree; where they do not, a case of its own says so.

mod datagrams;
mod differences;
mod events;
mod pipes;
mod streams;
mod tcp;
mod terminals;
mod waking;

use std::any::Any;
use std::time::Duration;

use harness::prelude::*;
use harness::sys::uring::{Request, Ring};

/// What poll may be asked for, and what it tells unasked.
const ASKED: PollFlags = POLLIN
    .union(POLLPRI)
    .union(POLLOUT)
    .union(POLLRDHUP)
    .union(PollFlags::POLLRDNORM)
    .union(PollFlags::POLLRDBAND)
    .union(PollFlags::POLLWRNORM)
    .union(PollFlags::POLLWRBAND);
/// The events that a table names. The others repeat them, for priority bands that Linux has not.
const NAMED: PollFlags =
    POLLIN.union(POLLPRI).union(POLLOUT).union(POLLRDHUP).union(POLLERR).union(POLLHUP);

/// Nothing is ready.
const IDLE: PollFlags = PollFlags::empty();

/// A descriptor in some state, and what is to be said of it.
struct State {
    name: &'static str,
    expected: PollFlags,
    fd: OwnedFd,
    /// What must stay open meanwhile.
    _keep: Box<dyn Any>,
}

/// A row of a table. The state may still be on its way, over loopback, but must be the last one.
fn state(name: &'static str, expected: PollFlags, fd: impl Into<OwnedFd>, keep: impl Any) -> State {
    State { name, expected, fd: fd.into(), _keep: Box::new(keep) }
}

/// Asks everybody about each state of a kind, and checks that they say the same, and the right thing.
fn told_alike(t: &mut Trial, states: Vec<State>) -> Result {
    let mut ring = ring()?;
    t.measure("pollers", if ring.is_some() { 4.0 } else { 3.0 })?;
    for State { name, expected, fd, .. } in &states {
        let arrived = || Ok(poll_now(fd, ASKED)?.intersection(NAMED) == *expected);
        t.eventually(arrived)?;
        let polled = poll_now(fd, ASKED)?;
        check!(t, polled.intersection(NAMED) == *expected, "poll, {name}");
        let classes = Classes::of(polled);
        let completed = ring.as_mut().map(|ring| by_uring(ring, fd, ASKED)).transpose()?;
        check!(
            t,
            (by_epoll(fd)?, by_select(fd)?, completed.unwrap_or(polled))
                == (polled, classes, polled),
            "epoll_wait, select and a poll request, {name}"
        );
    }
    Ok(())
}

/// A ring, where there are any: the others tell their story without.
fn ring() -> Result<Option<Ring>> {
    match Need::IoUring.probe().and_then(|()| Ring::new()) {
        Ok(ring) => Ok(Some(ring)),
        Err(Stop::Skipped { .. } | Stop::Unsupported(_) | Stop::Unobservable(_)) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// What a level-triggered registration reports.
fn by_epoll(fd: &OwnedFd) -> Result<PollFlags> {
    let asked = EpollFlags::from_bits_retain(i32::from(ASKED.bits()));
    let reports = Epoll::watching(fd, asked)?.ready_now()?;
    let bits = reports.iter().fold(0, |bits, report| bits | report.bits());
    Ok(PollFlags::from_bits_retain(i16::try_from(bits)?))
}

/// What a poll request completes with. It looks before it waits, so that one that is cancelled at
/// once has found nothing.
fn by_uring(ring: &mut Ring, fd: impl AsFd, events: PollFlags) -> Result<PollFlags> {
    ring.submit([Request::poll(fd, events.bits().cast_unsigned().into()).tag(1)])?;
    ring.submit([Request::cancel(1).tag(2)])?;
    match ring.wait_by_tag(2)?[0].result {
        Err(Errno::ECANCELED) => Ok(IDLE),
        result => Ok(PollFlags::from_bits_retain(i16::try_from(result?)?)),
    }
}

/// The three things that select knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Classes {
    readable: bool,
    writable: bool,
    exceptional: bool,
}

impl Classes {
    /// Those that poll events belong to: the constants `POLLIN_SET`, `POLLOUT_SET` and `POLLEX_SET` of
    /// the kernel's `fs/select.c`.
    fn of(events: PollFlags) -> Classes {
        use PollFlags as P;
        Classes {
            readable: events.intersects(P::POLLRDNORM | P::POLLRDBAND | POLLIN | POLLHUP | POLLERR),
            writable: events.intersects(P::POLLWRBAND | P::POLLWRNORM | POLLOUT | POLLERR),
            exceptional: events.intersects(POLLPRI),
        }
    }
}

/// Which of its three sets select leaves a descriptor in.
fn by_select(fd: &OwnedFd) -> Result<Classes> {
    let number = fd.as_raw_fd();
    let all = Sets { read: vec![number], write: vec![number], except: vec![number] };
    let selected = select(number + 1, &all, Some(Duration::ZERO));
    selected.returned?;
    Ok(Classes {
        readable: !selected.sets.read.is_empty(),
        writable: !selected.sets.write.is_empty(),
        exceptional: !selected.sets.except.is_empty(),
    })
}
