//! What a signal does to a call that sleeps: it ends the sleep. Whether the call then fails with
//! EINTR or goes on depends on the call, on `SA_RESTART`, and on what it had done so far.

mod close;
mod never;
mod others;
mod partial;
mod restart;
mod restarted;
mod stop;
mod table;
mod timeout;

use std::time::Duration;

use harness::prelude::*;
use harness::sys::signal::handled;
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, SockaddrIn, accept, connect, recv};
use nix::unistd::{read, write};

/// The signal of these cases.
const SIGNAL: Signal = Signal::SIGUSR1;

/// A call that sleeps, and what lets it go on. `feed` also holds what must stay open meanwhile.
struct Wait {
    name: &'static str,
    call: Call,
    sleep: Box<dyn FnOnce() -> nix::Result<()> + Send>,
    feed: Feed,
}

/// What lets a call go on.
type Feed = Box<dyn Fn() -> nix::Result<()>>;

fn wait(
    name: &'static str,
    call: Call,
    sleep: impl FnOnce() -> nix::Result<()> + Send + 'static,
    feed: impl Fn() -> nix::Result<()> + 'static,
) -> Wait {
    Wait { name, call, sleep: Box::new(sleep), feed: Box::new(feed) }
}

/// Sends the signal to a thread that sleeps in the call, and expects EINTR.
fn is_interrupted(t: &mut Trial, waits: Vec<Wait>) -> Result {
    for Wait { name, call, sleep, feed } in waits {
        let job = t.spawn(name, move || Ok(sleep()))?;
        check!(t, job.sleeps_in(t, call)?, "{name}: the thread sleeps");
        job.signal(SIGNAL)?;
        check!(
            t,
            job.join_soon(t)? == Some(Err(Errno::EINTR)),
            "{name}: the signal ends the call with EINTR"
        );
        drop(feed);
    }
    Ok(())
}

/// Sends the signal to a thread that sleeps in the call, and expects it to sleep on, and to succeed
/// when it can.
fn sleeps_on(t: &mut Trial, waits: Vec<Wait>) -> Result {
    for Wait { name, call, sleep, feed } in waits {
        let before = handled();
        let job = t.spawn(name, move || Ok(sleep()))?;
        check!(t, job.sleeps_in(t, call)?, "{name}: the thread sleeps");
        job.signal(SIGNAL)?;
        check!(t, t.eventually(|| Ok(handled() == before + 1))?, "{name}: the handler runs");
        check!(t, job.sleeps_in(t, call)?, "{name}: the thread sleeps in the call again");
        feed()?;
        check!(t, job.join_soon(t)? == Some(Ok(())), "{name}: the call succeeds");
        drop(feed);
    }
    Ok(())
}

/// Calls that move data or connections, which `SA_RESTART` concerns.
fn transfers() -> Result<Vec<Wait>> {
    let (pipe_reader, pipe_writer) = std::io::pipe()?;
    let (client, server) = net::tcp_pair()?;
    let listener = net::listener()?;
    let address = SockaddrIn::new(127, 0, 0, 1, listener.local_addr()?.port());
    let (full_reader, full_writer) = std::io::pipe()?;
    net::set_nonblocking(&full_writer, true)?;
    let content = net::fill(&full_writer)?;
    net::set_nonblocking(&full_writer, false)?;
    let (unix_listener, unix_address) = net::unix_listener(0)?;
    let (early, late) = (net::unix_socket()?, net::unix_socket()?);
    connect(early.as_raw_fd(), &unix_address)?;
    Ok(vec![
        wait(
            "read from a pipe",
            Call::READ,
            move || read(&pipe_reader, &mut [0]).map(drop),
            move || write(&pipe_writer, b"!").map(drop),
        ),
        wait(
            "write to a full pipe",
            Call::WRITE,
            move || write(&full_writer, b"!").map(drop),
            move || read(&full_reader, &mut vec![0; content]).map(drop),
        ),
        wait(
            "recv",
            Call::RECV,
            move || recv(server.as_raw_fd(), &mut [0], MsgFlags::empty()).map(drop),
            move || write(&client, b"!").map(drop),
        ),
        wait(
            "accept",
            Call::ACCEPT,
            move || accept(listener.as_raw_fd()).map(drop),
            move || {
                let client = nix::sys::socket::socket(
                    nix::sys::socket::AddressFamily::Inet,
                    nix::sys::socket::SockType::Stream,
                    nix::sys::socket::SockFlag::empty(),
                    None,
                )?;
                connect(client.as_raw_fd(), &address)
            },
        ),
        wait(
            "connect to a full AF_UNIX queue",
            Call::CONNECT,
            move || connect(late.as_raw_fd(), &unix_address),
            move || {
                let _keep = &early;
                accept(unix_listener.as_raw_fd()).map(drop)
            },
        ),
    ])
}

/// Calls that wait for readiness or for time, which no flag restarts.
fn multiplexers() -> Result<Vec<Wait>> {
    let (reader, writer) = std::io::pipe()?;
    let (polled, selected) = (reader.try_clone()?, reader.try_clone()?);
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    let nothing = || Ok(());
    Ok(vec![
        wait("poll", Call::POLL, move || poll_wait(&polled, POLLIN).map(drop), nothing),
        wait("select", Call::SELECT, move || select_one(selected.as_raw_fd()), nothing),
        wait(
            "epoll_wait",
            Call::EPOLL_WAIT,
            move || epoll.wait_one().map(drop),
            move || {
                let _keep = (&reader, &writer);
                Ok(())
            },
        ),
        wait("nanosleep", Call::NANOSLEEP, || nanosleep(Duration::from_hours(1)), nothing),
    ])
}

/// Waits in select until `number` is readable.
fn select_one(number: i32) -> nix::Result<()> {
    let sets = Sets { read: vec![number], ..Sets::default() };
    select(number + 1, &sets, None).returned.map(drop)
}
