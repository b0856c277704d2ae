//! Descriptors that stand for an event: counters, timers, signals, processes, changes of files, and
//! the multiplexers themselves, which can be watched by each other.

use std::time::Duration;

use harness::prelude::*;
use harness::sys::uring::{Request, Ring};
use harness::sys::{process, signal};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::{IDLE, state, told_alike};

/// Of an eventfd select, poll, epoll and `io_uring` tell the same: whether it can be read, and whether
/// one can be added to it.
#[case(man = ["eventfd(2)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["eventfd_poll"], strength = Documented)]
fn eventfd(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    for (name, value, expected) in [
        ("at 0", 0, POLLOUT),
        ("at 1", 1, POLLIN | POLLOUT),
        ("at its maximum", u64::MAX - 1, POLLIN),
    ] {
        let counter = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        counter.write(value)?;
        states.push(state(name, expected, OwnedFd::from(counter), ()));
    }
    told_alike(t, states)
}

/// Of a timer select, poll, epoll and `io_uring` tell the same: whether it has expired.
#[case(man = ["timerfd_create(2)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["timerfd_poll"], strength = Documented)]
fn timerfd(t: &mut Trial) -> Result {
    let timer = |after: Option<Duration>| -> Result<OwnedFd> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
        if let Some(after) = after {
            timer.set(Expiration::OneShot(after.into()), TimerSetTimeFlags::empty())?;
        }
        Ok(timer.into())
    };
    let states = vec![
        state("that is not set", IDLE, timer(None)?, ()),
        state("that runs", IDLE, timer(Some(Duration::from_hours(1)))?, ()),
        state("that has expired", POLLIN, timer(Some(Duration::from_nanos(1)))?, ()),
    ];
    told_alike(t, states)
}

/// Of a signalfd select, poll, epoll and `io_uring` tell the same: whether a signal is pending.
#[case(man = ["signalfd(2)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["signalfd_poll"], strength = Documented)]
fn signalfd(t: &mut Trial) -> Result {
    let watched = |signal: Signal| -> Result<OwnedFd> {
        signal::block(signal as i32, true)?;
        let set: SigSet = [signal].into_iter().collect();
        Ok(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?.into())
    };
    let (quiet, pending) = (watched(Signal::SIGUSR1)?, watched(Signal::SIGUSR2)?);
    nix::sys::signal::raise(Signal::SIGUSR2)?;
    let states = vec![
        state("with no signal", IDLE, quiet, ()),
        state("with a pending signal", POLLIN, pending, ()),
    ];
    told_alike(t, states)
}

/// Of a pidfd select, poll, epoll and `io_uring` tell the same: whether its process has ended.
#[case(man = ["pidfd_open(2)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["pidfd_poll"], since = "5.3", strength = Documented)]
fn pidfd(t: &mut Trial) -> Result {
    let (gate, open) = std::io::pipe()?;
    let wait = || i32::from((&gate).read(&mut [0]).is_err());
    let (alive, ended) = (process::fork(wait)?, process::fork(|| 0)?);
    let pidfd = |pid| {
        process::pidfd(pid)
            .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS], "pidfd_open"))
    };
    let states = vec![
        state("of a process that runs", IDLE, pidfd(alive)?, open),
        state("of a process that has ended", POLLIN, pidfd(ended)?, ()),
    ];
    told_alike(t, states)
}

/// Of an inotify instance select, poll, epoll and `io_uring` tell the same: whether something has
/// happened.
#[case(man = ["inotify(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["inotify_poll"], strength = Documented)]
fn inotify(t: &mut Trial) -> Result {
    let folder = t.folder()?;
    let watching = || -> Result<Inotify> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(&folder, AddWatchFlags::IN_CREATE)?;
        Ok(inotify)
    };
    let happened = watching()?;
    std::fs::write(folder.join("new"), "")?;
    let states = vec![
        state("with no event", IDLE, OwnedFd::from(watching()?), ()),
        state("with an event", POLLIN, OwnedFd::from(happened), ()),
    ];
    told_alike(t, states)
}

/// Of an epoll instance select, poll, another instance and `io_uring` tell the same: whether a wait in
/// it would report something.
#[case(man = ["epoll(7), Questions and answers", "poll(2)", "select(2)"], kernel = ["ep_eventpoll_poll"], strength = Documented)]
fn epoll_in_epoll(t: &mut Trial) -> Result {
    let watching = |ready: bool, mode: EpollFlags| -> Result<_> {
        let (reader, mut writer) = std::io::pipe()?;
        if ready {
            writer.write_all(b"a")?;
        }
        Ok((Epoll::watching(&reader, mode)?, (reader, writer)))
    };
    let owned = |epoll: &Epoll| epoll.as_fd().try_clone_to_owned();
    let mut states = vec![state("that watches nothing", IDLE, owned(&Epoll::new()?)?, ())];
    let (epoll, keep) = watching(false, EPOLLIN)?;
    states.push(state("that watches an idle pipe", IDLE, owned(&epoll)?, keep));
    let (epoll, keep) = watching(true, EPOLLIN)?;
    states.push(state("that watches a ready pipe", POLLIN, owned(&epoll)?, keep));
    let (epoll, keep) = watching(true, EPOLLIN | EPOLLET)?;
    epoll.ready_now()?;
    states.push(state("that has reported an edge", IDLE, owned(&epoll)?, keep));
    let (epoll, keep) = watching(true, EPOLLIN)?;
    let outer = Epoll::watching(&epoll, EPOLLIN)?;
    states.push(state("that watches one that is ready", POLLIN, owned(&outer)?, (epoll, keep)));
    told_alike(t, states)
}

/// Of an `io_uring` select, poll, epoll and another ring tell the same: whether a completion waits, and
/// whether there is room for requests.
#[case(man = ["io_uring_setup(2)", "poll(2)", "select(2)"], kernel = ["io_uring_poll"], since = "5.1", needs = [Need::IoUring], strength = Implementation)]
fn ring_in_ring(t: &mut Trial) -> Result {
    let (idle, mut complete) = (Ring::new()?, Ring::new()?);
    complete.submit([Request::nop().tag(1)])?;
    let owned = |ring: &Ring| ring.as_fd().try_clone_to_owned();
    let states = vec![
        state("with nothing complete", POLLOUT, owned(&idle)?, idle),
        state("with a completion", POLLIN | POLLOUT, owned(&complete)?, complete),
    ];
    told_alike(t, states)
}
