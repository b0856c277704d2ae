//! splice moves data between a pipe and another descriptor, and tee copies it from one pipe to
//! another, without the program ever seeing it. A pipe is what holds the pages on their way, so one
//! side has to be a pipe.

use harness::prelude::*;
use nix::fcntl::{SpliceFFlags, splice, tee};
use nix::sys::eventfd::EventFd;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::{read, write};

use super::nonblocking;

const NOTHING: SpliceFFlags = SpliceFFlags::empty();

/// tee copies what is in a pipe to another one, and leaves it where it was.
#[case(man = ["tee(2)"], since = "2.6.17", strength = Documented)]
fn tee_leaves_the_data(t: &mut Trial) -> Result {
    let ((reader, writer), (copy, to)) = (nonblocking()?, nonblocking()?);
    write(&writer, b"hello")?;
    check!(t, tee(&reader, &to, 64, NOTHING) == Ok(5), "five bytes are copied");
    for (pipe, name) in [(&reader, "the pipe"), (&copy, "its copy")] {
        let mut data = [0; 8];
        check!(t, read(pipe, &mut data) == Ok(5), "{name} holds five bytes");
        check!(t, &data[..5] == b"hello", "and they are those that were written");
    }
    Ok(())
}

/// splice moves data between a pipe and a pipe, a socket or a file, and takes it away where it was.
#[case(man = ["splice(2)"], since = "2.6.31", strength = Documented)]
fn splice_moves_the_data(t: &mut Trial) -> Result {
    let path = t.folder()?.join("file");
    let file = std::fs::File::options().read(true).write(true).create_new(true).open(path)?;
    let (socket, peer) = UnixStream::pair()?;
    let (pipe, to_pipe) = nonblocking()?;
    let targets: [(&str, OwnedFd, OwnedFd); 3] = [
        ("pipe", to_pipe, pipe),
        ("AF_UNIX", socket.into(), peer.into()),
        ("file", file.try_clone()?.into(), file.into()),
    ];
    for (kind, to, from) in targets {
        let (reader, writer) = nonblocking()?;
        write(&writer, b"hello")?;
        let moved = splice(&reader, None, &to, None, 64, NOTHING);
        check!(t, moved == Ok(5), "{kind}: five bytes are moved");
        check!(t, net::unread(&reader)? == 0, "{kind}: the pipe is empty");
        let mut data = [0; 8];
        let found = if kind == "file" {
            nix::sys::uio::pread(&from, &mut data, 0)
        } else {
            read(&from, &mut data)
        };
        check!(t, found == Ok(5), "{kind}: there they are");
        check!(t, &data[..5] == b"hello", "{kind}: as they were written");
    }
    Ok(())
}

/// splice from an empty pipe sleeps until there is data.
#[case(man = ["splice(2)"], kernel = ["ipipe_prep", "splice_from_pipe_next"], strength = Documented)]
fn splice_waits_for_data(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let (peer, socket) = UnixStream::pair()?;
    let job = t.spawn("splice", move || Ok(splice(&reader, None, &socket, None, 64, NOTHING)))?;
    check!(t, job.sleeps_in(t, Call::SPLICE)?, "the pipe is empty, and the thread sleeps");
    write(&writer, b"hello")?;
    check!(t, job.join_soon(t)? == Some(Ok(5)), "it moves what comes");
    check!(t, net::unread(&peer)? == 5, "and it has arrived");
    Ok(())
}

/// With `SPLICE_F_NONBLOCK`, splice and tee from an empty pipe fail with EAGAIN; at its end they
/// return 0.
#[case(man = ["splice(2), ERRORS: EAGAIN", "tee(2), ERRORS: EAGAIN"], since = "2.6.17", strength = Documented)]
fn the_flag_does_not_wait(t: &mut Trial) -> Result {
    let ((reader, writer), (_kept, to)) = (std::io::pipe()?, std::io::pipe()?);
    let flag = SpliceFFlags::SPLICE_F_NONBLOCK;
    check!(t, splice(&reader, None, &to, None, 64, flag) == Err(Errno::EAGAIN), "splice, no data");
    check!(t, tee(&reader, &to, 64, flag) == Err(Errno::EAGAIN), "tee, no data");
    drop(writer);
    check!(t, splice(&reader, None, &to, None, 64, flag) == Ok(0), "splice, no writer");
    check!(t, tee(&reader, &to, 64, flag) == Ok(0), "tee, no writer");
    Ok(())
}

/// `O_NONBLOCK` of a pipe does for splice between pipes what its own flag does.
#[case(kernel = ["do_splice"], since = "5.1", strength = Implementation)]
fn a_nonblocking_pipe_does_not_wait(t: &mut Trial) -> Result {
    let ((reader, _writer), (_kept, to)) = (nonblocking()?, std::io::pipe()?);
    let job = t.spawn("splice", move || Ok(splice(&reader, None, &to, None, 64, NOTHING)))?;
    check!(t, job.join_soon(t)? == Some(Err(Errno::EAGAIN)), "no data, and nobody waits for it");
    Ok(())
}

/// splice and tee from a pipe to itself fail with EINVAL.
#[case(man = ["splice(2), ERRORS: EINVAL", "tee(2), ERRORS: EINVAL"], since = "2.6.17", strength = Documented)]
fn not_to_itself(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    write(&writer, b"hello")?;
    let moved = splice(&reader, None, &writer, None, 64, NOTHING);
    check!(t, moved == Err(Errno::EINVAL), "splice");
    check!(t, tee(&reader, &writer, 64, NOTHING) == Err(Errno::EINVAL), "tee");
    check!(t, net::unread(&reader)? == 5, "the data is where it was");
    Ok(())
}

/// splice between two descriptors of which none is a pipe fails with EINVAL.
#[case(man = ["splice(2), ERRORS: EINVAL"], since = "2.6.17", strength = Documented)]
fn one_side_must_be_a_pipe(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let (socket, _peer) = UnixStream::pair()?;
    writer.write_all(b"hello")?;
    let moved = splice(&reader, None, &socket, None, 64, NOTHING);
    check!(t, moved == Err(Errno::EINVAL), "from a socket to a socket");
    let (_pipe, to) = nonblocking()?;
    check!(t, splice(&reader, None, &to, None, 64, NOTHING) == Ok(5), "from a socket to a pipe");
    Ok(())
}

/// splice from an eventfd, a timerfd or an epoll instance fails with EINVAL: they hold no stream.
#[case(
    man = ["splice(2), ERRORS: EINVAL"],
    commit = ["36e2c7421f02"],
    strength = Implementation,
    changed = [("", "5.10", deviates, "what had no splice of its own was read until commit 36e2c7421f02")],
)]
fn not_from_what_is_no_stream(t: &mut Trial) -> Result {
    let (_reader, writer) = nonblocking()?;
    // A kernel that reads it must not sleep there: it was never set.
    let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
    let sources: [(&str, OwnedFd); 3] = [
        ("eventfd", EventFd::from_value(1)?.into()),
        ("timerfd", timer.as_fd().try_clone_to_owned()?),
        ("epoll", Epoll::new()?.as_fd().try_clone_to_owned()?),
    ];
    for (kind, source) in sources {
        let moved = splice(&source, None, &writer, None, 64, SpliceFFlags::SPLICE_F_NONBLOCK);
        check!(t, moved == Err(Errno::EINVAL), "from {kind}");
    }
    Ok(())
}

/// An offset makes no sense for a pipe: splice with one fails with ESPIPE.
#[case(man = ["splice(2), ERRORS: ESPIPE"], since = "2.6.17", strength = Documented)]
fn no_offset_for_a_pipe(t: &mut Trial) -> Result {
    let ((reader, writer), (_kept, to)) = (nonblocking()?, nonblocking()?);
    write(&writer, b"hello")?;
    let from_offset = splice(&reader, Some(&mut 0), &to, None, 64, NOTHING);
    check!(t, from_offset == Err(Errno::ESPIPE), "from an offset");
    let to_offset = splice(&reader, None, &to, Some(&mut 0), 64, NOTHING);
    check!(t, to_offset == Err(Errno::ESPIPE), "to an offset");
    check!(t, splice(&reader, None, &to, None, 64, NOTHING) == Ok(5), "and without one");
    Ok(())
}
