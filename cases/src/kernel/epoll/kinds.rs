//! What an edge is, kind by kind. Every kind of descriptor decides for itself when it tells its
//! watchers that something happened. Almost all tell of each arrival, whether or not the one before
//! was taken. A timer does not: it is started again by being read.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use harness::prelude::*;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::write;

use super::counter;

/// A descriptor of some kind, and what makes something arrive at it.
struct Source {
    kind: &'static str,
    fd: OwnedFd,
    arrive: Box<dyn Fn() -> Result>,
}

/// A source at whose other end `writer` is.
fn written(kind: &'static str, fd: impl Into<OwnedFd>, writer: impl Into<OwnedFd>) -> Source {
    let writer = writer.into();
    let arrive = move || {
        write(&writer, b"x")?;
        net::barrier()
    };
    Source { kind, fd: fd.into(), arrive: Box::new(arrive) }
}

/// A source of each kind. The calling thread must stay on its CPU.
fn sources() -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (kind, writer, reader) in net::streams()? {
        sources.push(written(kind, reader, writer));
    }
    for (kind, socket_type) in
        [("AF_UNIX datagram", SockType::Datagram), ("AF_UNIX packet", SockType::SeqPacket)]
    {
        let (writer, reader) =
            socketpair(AddressFamily::Unix, socket_type, None, SockFlag::SOCK_CLOEXEC)?;
        sources.push(written(kind, reader, writer));
    }
    let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sender.connect(receiver.local_addr()?)?;
    sources.push(written("UDP", receiver, sender));

    let count = OwnedFd::from(counter()?);
    let writer = count.try_clone()?;
    let arrive = move || -> Result {
        write(&writer, &1_u64.to_ne_bytes())?;
        Ok(())
    };
    sources.push(Source { kind: "eventfd", fd: count, arrive: Box::new(arrive) });

    let listener = net::listener()?;
    let (address, clients) = (listener.local_addr()?, RefCell::new(Vec::new()));
    let arrive = move || {
        clients.borrow_mut().push(net::connect(address)?);
        net::barrier()
    };
    sources.push(Source { kind: "listener", fd: listener.into(), arrive: Box::new(arrive) });
    sources.push(signals()?);
    Ok(sources)
}

/// A signalfd. A signal that is pending already does not arrive again, so each is another one.
fn signals() -> Result<Source> {
    let order = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH];
    let mask: SigSet = order.into_iter().collect();
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC)?;
    let next = Cell::new(0);
    let arrive = move || -> Result {
        raise(order[next.get() % order.len()])?;
        next.set(next.get() + 1);
        Ok(())
    };
    Ok(Source { kind: "signalfd", fd: signals.into(), arrive: Box::new(arrive) })
}

/// Whether an arrival is reported, as soon as the system has delivered it.
fn is_reported(t: &Trial, epoll: &Epoll) -> Result<bool> {
    t.eventually(|| Ok(epoll.ready_now()? == [EPOLLIN]))
}

/// What arrived is reported to an edge-triggered watcher once, whatever kind of descriptor it is.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], strength = Documented)]
fn arrival_is_reported_once(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    for Source { kind, fd, arrive } in sources()? {
        let epoll = Epoll::watching(&fd, EPOLLIN | EPOLLET)?;
        check!(t, epoll.ready_now()? == [], "{kind}: nothing has arrived");
        arrive()?;
        check!(t, is_reported(t, &epoll)?, "{kind}: the arrival is reported");
        check!(t, epoll.ready_now()? == [], "{kind}: but not again, though nothing was taken");
    }
    Ok(())
}

/// Each arrival is reported to an edge-triggered watcher, although those before were not taken,
/// whatever kind of descriptor it is.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered"],
    strength = Implementation,
    changed = [("5.5", "5.14", deviates, "a write to a pipe that was not empty woke nobody until commit 3a34b13a88ca")]
)]
fn every_arrival_is_an_edge(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    for Source { kind, fd, arrive } in sources()? {
        let epoll = Epoll::watching(&fd, EPOLLIN | EPOLLET)?;
        for arrival in 1..=3 {
            arrive()?;
            check!(t, is_reported(t, &epoll)?, "{kind}: arrival {arrival} is reported");
        }
    }
    Ok(())
}

/// A periodic timerfd that is not read gives one edge and no more, however often it expires; the
/// next one comes after a read.
#[case(man = ["timerfd_create(2)"], kernel = ["timerfd_read_iter", "timerfd_tmrproc"], strength = Implementation)]
fn unread_timer_is_silent(t: &mut Trial) -> Result {
    let timer = |expiration| -> Result<TimerFd> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
        timer.set(expiration, TimerSetTimeFlags::empty())?;
        Ok(timer)
    };
    // The kernel makes no period shorter than the resolution of the clock.
    let resolution = nix::time::ClockId::CLOCK_MONOTONIC.res()?;
    let (period, time) =
        (Duration::from_millis(1).max(resolution.into()), Duration::from_millis(20));
    let periodic = timer(Expiration::Interval(TimeSpec::from(period)))?;
    let epoll = Epoll::watching(&periodic, EPOLLIN | EPOLLET)?;
    check!(t, is_reported(t, &epoll)?, "the first period is over");
    let control = timer(Expiration::OneShot(TimeSpec::from(time)))?;
    epoll.add(&control, EPOLLIN | EPOLLET)?;
    let (mut reported, number) = (Vec::new(), control.as_fd().as_raw_fd());
    t.eventually(|| {
        reported.extend(epoll.wait(8, 0)?.iter().map(|report| report.fd));
        Ok(reported.contains(&number))
    })?;
    check!(t, reported == [number], "20 ms later, another timer is reported, and it alone");
    let mut periods = [0; 8];
    nix::unistd::read(&periodic, &mut periods)?;
    let periods = u128::from(u64::from_ne_bytes(periods));
    let least = time.as_nanos() / period.as_nanos();
    check!(t, periods >= least, "the first one has had {periods} periods, and at least {least}");
    check!(t, is_reported(t, &epoll)?, "it is read, and the next period is reported");
    Ok(())
}
