//! Four threads sleep over one descriptor: in select, in poll, in `epoll_wait` and in `io_uring_enter`. A
//! change that makes the descriptor ready is told to all of them: the kernel keeps one list of those that
//! wait for a descriptor, whatever call they came by.

use std::sync::Arc;
use std::time::Duration;

use harness::prelude::*;
use harness::sys::process;
use harness::sys::uring::Request;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::write;

use super::ring;

/// A descriptor that is not readable, and what makes it so.
struct Change {
    name: &'static str,
    fd: OwnedFd,
    happen: Box<dyn FnOnce() -> Result>,
}

fn change(
    name: &'static str,
    fd: impl Into<OwnedFd>,
    happen: impl FnOnce() -> Result + 'static,
) -> Change {
    Change { name, fd: fd.into(), happen: Box::new(happen) }
}

/// Starts a thread in each of the four calls, all provably asleep, lets the change happen, and checks
/// that all return.
fn wakes_all(t: &mut Trial, changes: Vec<Change>) -> Result {
    for Change { name, fd, happen } in changes {
        let fd = Arc::new(fd);
        let mut jobs = Vec::new();
        let mut sleep = |call: Call, wait: Box<dyn FnOnce() -> Result<bool> + Send>| -> Result {
            let job = t.spawn(call.name, wait)?;
            let asleep = job.sleeps_in(t, call)?;
            jobs.push((call.name, asleep, job));
            Ok(())
        };
        let number = fd.as_raw_fd();
        let asked = Sets { read: vec![number], ..Sets::default() };
        sleep(Call::SELECT, Box::new(move || Ok(select(number + 1, &asked, None).returned? == 1)))?;
        let polled = fd.clone();
        sleep(Call::POLL, Box::new(move || Ok(!poll_wait(&*polled, POLLIN)?.is_empty())))?;
        let epoll = Epoll::watching(&*fd, EPOLLIN)?;
        sleep(Call::EPOLL_WAIT, Box::new(move || Ok(epoll.wait(1, -1)?.len() == 1)))?;
        if let Some(mut ring) = ring()? {
            ring.submit([Request::poll(&*fd, POLLIN.bits().cast_unsigned().into()).tag(1)])?;
            sleep(Call::URING_ENTER, Box::new(move || Ok(ring.wait()?[0].result.is_ok())))?;
        }
        let asleep: Vec<_> =
            jobs.iter().filter(|(_, asleep, _)| *asleep).map(|(call, ..)| *call).collect();
        happen()?;
        let mut told = Vec::new();
        for (call, _, job) in jobs {
            if job.join_soon(t)? == Some(true) {
                told.push(call);
            }
        }
        check!(t, told == asleep && asleep.len() >= 3, "{name}: of {asleep:?}, told are {told:?}");
    }
    Ok(())
}

/// What comes through a pipe, or the end of it, wakes sleepers in select, poll, `epoll_wait` and
/// `io_uring_enter` alike.
#[case(man = ["select(2)", "poll(2)", "epoll_wait(2)", "io_uring_enter(2)"], kernel = ["__pollwait", "ep_poll_callback", "io_poll_wake"], strength = Implementation)]
fn pipe_and_unix(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let (ended, closing) = std::io::pipe()?;
    let (stream, mut peer) = UnixStream::pair()?;
    let (half, shutting) = UnixStream::pair()?;
    let changes = vec![
        change("data in a pipe", reader, move || Ok(write(&writer, b"a").map(drop)?)),
        change("the end of a pipe", ended, move || {
            drop(closing);
            Ok(())
        }),
        change("data in an AF_UNIX stream", stream, move || Ok(peer.write_all(b"a")?)),
        change("the end of an AF_UNIX stream", half, move || {
            Ok(shutting.shutdown(std::net::Shutdown::Write)?)
        }),
    ];
    wakes_all(t, changes)
}

/// What comes over the network, a reset too, wakes sleepers in select, poll, `epoll_wait` and
/// `io_uring_enter` alike.
#[case(man = ["select(2)", "poll(2)", "epoll_wait(2)", "io_uring_enter(2)"], kernel = ["sock_def_readable", "tcp_fin", "tcp_reset"], strength = Implementation)]
fn network(t: &mut Trial) -> Result {
    let (stream, mut peer) = net::tcp_pair()?;
    let (half, shutting) = net::tcp_pair()?;
    let (broken, resetting) = net::tcp_pair()?;
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&resetting, nix::sys::socket::sockopt::Linger, &linger)?;
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    let datagrams = UdpSocket::bind("127.0.0.1:0")?;
    datagrams.connect(datagrams.local_addr()?)?;
    let sender = datagrams.try_clone()?;
    let changes = vec![
        change("data in a TCP stream", stream, move || Ok(peer.write_all(b"a")?)),
        change("the end of a TCP stream", half, move || {
            Ok(shutting.shutdown(std::net::Shutdown::Write)?)
        }),
        change("a reset", broken, move || {
            drop(resetting);
            Ok(())
        }),
        change("a connection", listener, move || Ok(TcpStream::connect(address).map(drop)?)),
        change("a datagram", datagrams, move || Ok(sender.send(b"a").map(drop)?)),
    ];
    wakes_all(t, changes)
}

/// What happens to a counter, a timer, a process, a folder or another epoll instance wakes sleepers in
/// select, poll, `epoll_wait` and `io_uring_enter` alike.
#[case(man = ["select(2)", "poll(2)", "epoll_wait(2)", "io_uring_enter(2)"], kernel = ["eventfd_poll", "timerfd_poll", "pidfd_poll", "inotify_poll", "ep_eventpoll_poll"], since = "5.3", strength = Implementation)]
fn events(t: &mut Trial) -> Result {
    let counter = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
    let counted = counter.as_fd().try_clone_to_owned()?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    let timed = timer.as_fd().try_clone_to_owned()?;
    let (gate, open) = std::io::pipe()?;
    let child = process::fork(|| i32::from((&gate).read(&mut [0]).is_err()))?;
    let pidfd = process::pidfd(child)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS], "pidfd_open"))?;
    let folder = t.folder()?;
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(&folder, AddWatchFlags::IN_CREATE)?;
    let watched = Arc::new(std::io::pipe()?);
    let (inner, pipe) = (Epoll::watching(&watched.0, EPOLLIN)?, watched.clone());
    let changes = vec![
        change("a counter", counted, move || Ok(counter.write(1).map(drop)?)),
        change("a timer", timed, move || {
            let soon = Expiration::OneShot(Duration::from_nanos(1).into());
            Ok(timer.set(soon, TimerSetTimeFlags::empty())?)
        }),
        change("the end of a process", pidfd, move || Ok(write(&open, b"!").map(drop)?)),
        change("a new file", OwnedFd::from(inotify), move || {
            Ok(std::fs::write(folder.join("new"), "")?)
        }),
        change("an epoll instance", inner.as_fd().try_clone_to_owned()?, move || {
            Ok(write(&pipe.1, b"a").map(drop)?)
        }),
    ];
    wakes_all(t, changes)
}
