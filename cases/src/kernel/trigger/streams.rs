//! Streams of bytes: two of them arrive at once, and none, one or both are read.

use harness::prelude::*;
use nix::unistd::{read, write};

use super::{Source, follows_its_mode};

/// A stream from `writer` to `reader`, where bytes arrive some time after they were written.
fn stream(
    reader: impl Into<OwnedFd>,
    writer: impl Into<OwnedFd>,
    loopback: bool,
) -> Result<Source> {
    let (reader, writer) = (reader.into(), writer.into());
    let (taker, other) = (reader.try_clone()?, reader.try_clone()?);
    Ok(Source {
        reader,
        feed: Box::new(move || {
            let unread = net::unread(&other)?;
            write(&writer, b"ab")?;
            net::delivered(&other, unread + 2)?;
            if loopback { net::barrier() } else { Ok(()) }
        }),
        take: Box::new(move |units| {
            read(&taker, &mut vec![0; units])?;
            Ok(())
        }),
    })
}

/// A pipe is reported as its trigger mode says, whether it blocks or not, to threads and processes
/// alike, and however much of it is read.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "pipe(7)"],
    commit = ["3a34b13a88ca"],
    strength = Documented,
    changed = [("5.5", "5.14", deviates, "a write to a pipe that was not empty woke nobody until commit 3a34b13a88ca")],
    deadline = 60,
)]
fn pipe(t: &mut Trial) -> Result {
    follows_its_mode(t, 2, || {
        let (reader, writer) = std::io::pipe()?;
        stream(reader, writer, false)
    })
}

/// A TCP connection is reported as its trigger mode says, whether it blocks or not, to threads and
/// processes alike, and however much of it is read.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "tcp(7)"], since = "2.6.2", strength = Documented, deadline = 60)]
fn tcp(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    follows_its_mode(t, 2, || {
        let (reader, writer) = net::tcp_pair()?;
        writer.set_nodelay(true)?;
        stream(reader, writer, true)
    })
}

/// An `AF_UNIX` stream is reported as its trigger mode says, whether it blocks or not, to threads and
/// processes alike, and however much of it is read.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "unix(7)"], since = "2.6.2", strength = Documented, deadline = 60)]
fn unix(t: &mut Trial) -> Result {
    follows_its_mode(t, 2, || {
        let (reader, writer) = UnixStream::pair()?;
        stream(reader, writer, false)
    })
}
