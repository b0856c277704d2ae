//! Which descriptors can tell by signal, and of what. Sockets and pipes can; files are always ready, and
//! the younger kinds of descriptors (eventfd, timerfd, epoll) were never taught to. None of those says
//! so: they take the flag and keep silent.

use std::path::PathBuf;

use harness::prelude::*;
use harness::sys::signal;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, accept4, socket, socketpair};
use nix::sys::stat::Mode;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::{mkfifo, pipe2, read, write};

use super::{flags, handled, set_async, tell_me_of};

/// A descriptor, and what makes it readable.
type Kind = (&'static str, OwnedFd, Box<dyn Fn() -> Result>);

/// A FIFO, where it is, and open for reading and writing with these flags.
fn fifo(t: &Trial, how: OFlag) -> Result<(PathBuf, OwnedFd)> {
    let path = t.folder()?.join("fifo");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let fifo = open(&path, how | OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    Ok((path, fifo))
}

/// Kinds of descriptors to which somebody else brings data, or connections.
fn kinds(t: &Trial) -> Result<Vec<Kind>> {
    fn written(name: &'static str, writer: impl Into<OwnedFd>, reader: OwnedFd) -> Kind {
        let writer = writer.into();
        (name, reader, Box::new(move || Ok(write(&writer, b"x").map(drop)?)))
    }
    let (_, fifo) = fifo(t, OFlag::empty())?;
    let (left, right) =
        socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
    let (server, client) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    client.connect(server.local_addr()?)?;
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    let mut kinds: Vec<_> =
        net::streams()?.into_iter().map(|(name, to, from)| written(name, to, from)).collect();
    kinds.push(written("FIFO", fifo.try_clone()?, fifo));
    kinds.push(written("AF_UNIX datagram", left, right));
    kinds.push(written("UDP", client, server.into()));
    kinds.push((
        "listener",
        listener.into(),
        Box::new(move || Ok(TcpStream::connect(address).map(drop)?)),
    ));
    Ok(kinds)
}

/// Data for a pipe, a FIFO or a socket, and a connection for a listener, are told by a signal with
/// the code `POLL_IN`.
#[case(man = ["open(2), O_ASYNC", "F_SETSIG(2const)"], kernel = ["sock_def_readable", "pipe_write"], strength = Documented)]
fn pipes_and_sockets_tell(t: &mut Trial) -> Result {
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    for (name, fd, bring) in kinds(t)? {
        let before = signal::handled();
        tell_me_of(&fd, number)?;
        check!(t, flags(&fd)?.contains(OFlag::O_ASYNC), "{name}: the flag is set");
        bring()?;
        check!(t, handled(t, before + 1)?, "{name}: the arrival is signalled");
        let note = signal::last();
        check!(t, note.fd == fd.as_raw_fd(), "{name}: with its descriptor");
        check!(t, note.code == signal::POLL_IN, "{name}: si_code says that it is input");
        // The end of what brought it would be told too.
        fcntl(&fd, FcntlArg::F_SETFL(OFlag::empty()))?;
    }
    Ok(())
}

/// The end of the stream is told by a signal, for a pipe, a TCP connection and an `AF_UNIX` one.
#[case(kernel = ["pipe_release", "tcp_fin", "unix_release_sock"], strength = Implementation)]
fn the_end_is_told(t: &mut Trial) -> Result {
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    for (name, writer, reader) in net::streams()? {
        let before = signal::handled();
        tell_me_of(&reader, number)?;
        drop(writer);
        check!(t, handled(t, before + 1)?, "{name}: the end of the last writer is signalled");
        check!(t, read(&reader, &mut [0]) == Ok(0), "{name}: it can be read");
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty()))?;
    }
    Ok(())
}

/// Each write to a pipe signals its reader, whether what was there before was read or not.
#[case(
    kernel = ["pipe_write"],
    commit = ["fe67f4dd8daa"],
    strength = Implementation,
    changed = [("5.5", "5.14", deviates, "a write to a pipe that was not empty signalled nobody until commit fe67f4dd8daa")],
)]
fn each_write_to_a_pipe_is_told(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    tell_me_of(&reader, number)?;
    for round in 1..=3 {
        write(&writer, b"x")?;
        check!(t, handled(t, round)?, "write {round} is signalled");
        check!(t, signal::handled() == round, "and by one signal");
    }
    Ok(())
}

/// Each read from a pipe signals its writer, whether the pipe was full or not.
#[case(
    kernel = ["pipe_read"],
    commit = ["fe67f4dd8daa"],
    strength = Implementation,
    changed = [("", "5.14", deviates, "before 5.5 a read signalled that emptied a buffer of the pipe, and then one from a full pipe, until commit fe67f4dd8daa")],
)]
fn each_read_from_a_pipe_is_told(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    write(&writer, b"abc")?;
    tell_me_of(&writer, number)?;
    for round in 1..=3 {
        read(&reader, &mut [0])?;
        check!(t, handled(t, round)?, "read {round} is signalled");
        check!(t, signal::last().code == signal::POLL_OUT, "si_code says that it is room");
        check!(t, signal::handled() == round, "and by one signal");
    }
    Ok(())
}

/// An eventfd, a timerfd, an epoll instance and a regular file take `O_ASYNC` without an error,
/// without setting the flag, and without ever sending a signal.
#[case(man = ["fcntl(2), F_SETFL"], kernel = ["setfl"], strength = Implementation)]
fn others_take_the_flag_and_are_silent(t: &mut Trial) -> Result {
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    let eventfd = EventFd::new()?.as_fd().try_clone_to_owned()?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    let epoll = Epoll::watching(&eventfd, EPOLLIN)?;
    let path = t.folder()?.join("file");
    let file = std::fs::File::create_new(path)?;
    let silent: [(&str, OwnedFd); 4] = [
        ("eventfd", eventfd.try_clone()?),
        ("timerfd", timer.as_fd().try_clone_to_owned()?),
        ("epoll", epoll.as_fd().try_clone_to_owned()?),
        ("file", file.try_clone()?.into()),
    ];
    for (name, fd) in &silent {
        tell_me_of(fd, number)?;
        check!(t, !flags(fd)?.contains(OFlag::O_ASYNC), "{name}: the flag is not set");
    }
    write(&eventfd, &1_u64.to_ne_bytes())?;
    write(&file, b"x")?;
    timer.set(
        nix::sys::timerfd::Expiration::OneShot(nix::sys::time::TimeSpec::new(0, 1)),
        nix::sys::timerfd::TimerSetTimeFlags::empty(),
    )?;
    poll_wait(&timer, POLLIN)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "all of them have become ready");
    let (reader, writer) = std::io::pipe()?;
    tell_me_of(&reader, number)?;
    write(&writer, b"x")?;
    check!(t, handled(t, 1)?, "a pipe signals");
    check!(t, signal::handled() == 1, "and it was the only one");
    Ok(())
}

/// `O_ASYNC` cannot be asked for when a pipe or a socket is made: EINVAL.
#[case(man = ["fcntl(2), BUGS", "pipe(2), ERRORS", "socket(2), ERRORS"], since = "2.6.27", strength = Implementation)]
fn not_when_it_is_made(t: &mut Trial) -> Result {
    let flag = SockFlag::from_bits_retain(OFlag::O_ASYNC.bits());
    check!(t, pipe2(OFlag::O_ASYNC).err() == Some(Errno::EINVAL), "pipe2");
    let made = socket(AddressFamily::Unix, SockType::Stream, flag, None);
    check!(t, made.err() == Some(Errno::EINVAL), "socket");
    let listener = net::listener()?;
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let accepted = accept4(listener.as_raw_fd(), flag);
    check!(t, accepted.err() == Some(Errno::EINVAL), "accept4");
    Ok(())
}

/// `O_ASYNC` in the flags of open is kept, has no effect, and can neither be cleared nor set in
/// earnest any more.
#[case(man = ["open(2), BUGS"], kernel = ["setfl", "fasync_remove_entry"], strength = Implementation)]
fn open_does_not_arm_it(t: &mut Trial) -> Result {
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    let (path, fifo) = fifo(t, OFlag::O_ASYNC)?;
    check!(t, flags(&fifo)?.contains(OFlag::O_ASYNC), "the flag is set");
    tell_me_of(&fifo, number)?;
    fcntl(&fifo, FcntlArg::F_SETFL(OFlag::empty()))?;
    check!(t, flags(&fifo)?.contains(OFlag::O_ASYNC), "cleared, it is still set");
    set_async(&fifo)?;
    write(&fifo, b"x")?;
    check!(t, signal::handled() == 0, "and nobody is signalled");
    let other = open(&path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    tell_me_of(&other, number)?;
    write(&fifo, b"x")?;
    check!(t, handled(t, 1)?, "opened without the flag, the same FIFO signals");
    check!(t, signal::last().fd == other.as_raw_fd(), "by that descriptor");
    Ok(())
}

/// Clearing `O_ASYNC` ends the signals.
#[case(man = ["open(2), O_ASYNC", "fcntl(2), F_SETFL"], strength = Documented)]
fn can_be_switched_off(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    tell_me_of(&reader, number)?;
    writer.write_all(b"a")?;
    check!(t, handled(t, 1)?, "an arrival is signalled");
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty()))?;
    writer.write_all(b"b")?;
    check!(t, signal::handled() == 1, "without the flag, the next one is not");
    set_async(&reader)?;
    writer.write_all(b"c")?;
    check!(t, handled(t, 2)?, "with it, the one after that is");
    check!(t, signal::handled() == 2, "and no other");
    Ok(())
}
