//! A blocking write is through when the kernel has taken over every byte. Its buffers are finite:
//! once they are full, the writer sleeps until the reader makes room, as often as it takes.

use std::fs::File;

use harness::prelude::*;
use nix::unistd::write;

/// A write of more than a pipe, a TCP connection or an `AF_UNIX` socket can hold sleeps until the
/// reader has made room for all of it, and then returns the full count.
#[case(man = ["pipe(7), PIPE_BUF", "send(2)"], strength = Documented)]
fn sleeps_until_drained(t: &mut Trial) -> Result {
    // A pipe holds 16 pages, whatever their size.
    let size = (1 << 20).max(
        64 * usize::try_from(
            nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(0),
        )?,
    );
    for (kind, writer, reader) in net::streams()? {
        if kind != "pipe" {
            net::set_option(&writer, nix::libc::SOL_SOCKET, nix::libc::SO_SNDBUF, 32 << 10)?;
            net::set_option(&reader, nix::libc::SOL_SOCKET, nix::libc::SO_RCVBUF, 32 << 10)?;
        }
        let job = t.spawn(kind, move || Ok(write(&writer, &vec![b'x'; size])?))?;
        check!(t, job.sleeps_in(t, Call::WRITE)?, "{kind}: the writer sleeps while nobody reads");
        check!(t, net::unread(&reader)? < size, "{kind}: the kernel holds a part of the data only");
        let mut part = File::from(reader).take(size.try_into()?);
        let drain =
            t.spawn("reader", move || Ok(std::io::copy(&mut part, &mut std::io::sink())?))?;
        let drained = drain.join_soon(t)?.map(usize::try_from).transpose()?;
        check!(t, drained == Some(size), "{kind}: the writer goes on as the reader makes room");
        check!(t, job.join_soon(t)? == Some(size), "{kind}: the one call has written everything");
    }
    Ok(())
}

/// A sleeping write that has taken a part of its data when the reader closes returns the size of
/// that part; only the next write tells of the error.
#[case(man = ["write(2), RETURN VALUE", "pipe(7), I/O on pipes and FIFOs"], kernel = ["tcp_sendmsg_locked", "unix_stream_sendmsg"], strength = Implementation)]
fn closed_reader_leaves_the_part(t: &mut Trial) -> Result {
    const SIZE: usize = 4 << 20;
    // The TCP peer answers with a reset, for data is unread. The error of AF_UNIX is the sleeper's.
    let errors = [Errno::EPIPE, Errno::ECONNRESET, Errno::EPIPE];
    for ((kind, writer, reader), error) in net::streams()?.into_iter().zip(errors) {
        if kind != "pipe" {
            net::set_option(&writer, nix::libc::SOL_SOCKET, nix::libc::SO_SNDBUF, 32 << 10)?;
            net::set_option(&reader, nix::libc::SOL_SOCKET, nix::libc::SO_RCVBUF, 32 << 10)?;
        }
        let (sleeper, data) = (writer.try_clone()?, vec![b'x'; SIZE]);
        let job = t.spawn(kind, move || Ok(write(&sleeper, &data)))?;
        check!(t, job.sleeps_in(t, Call::WRITE)?, "{kind}: the writer sleeps while nobody reads");
        let some = t.eventually(|| Ok(net::unread(&reader)? > 0))?;
        check!(t, some, "{kind}: a part of its data has arrived");
        drop(reader);
        let part = job.join_soon(t)?;
        check!(
            t,
            matches!(part, Some(Ok(length)) if 0 < length && length < SIZE),
            "{kind}: the write has moved a part, and says so: {part:?}"
        );
        check!(t, write(&writer, b"!") == Err(error), "{kind}: the next one fails");
    }
    Ok(())
}
