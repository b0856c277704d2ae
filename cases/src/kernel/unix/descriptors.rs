//! Descriptors that are sent (`SCM_RIGHTS`).
//!
//! What travels is not a number but the open file: while it is under way the file is open, even if
//! nobody has a descriptor of it, and the receiver gets a descriptor of its own for the same open
//! file. They come with the data that they were sent with, and a recv does not read past it.

use std::io::Seek as _;

use harness::prelude::*;
use harness::sys::message::receive;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{MsgFlags, SockType, send};

use super::{pair, send_with};

/// Room for a few descriptors.
const ROOM: usize = 64;

/// A descriptor that was sent and received is one more of the same open file: they share the
/// position.
#[case(man = ["unix(7), SCM_RIGHTS"], strength = Documented)]
fn share_the_open_file(t: &mut Trial) -> Result {
    let path = t.folder()?.join("file");
    std::fs::write(&path, "abc")?;
    let mut file = std::fs::File::open(&path)?;
    let (sender, receiver) = pair(SockType::Stream)?;
    send_with(&sender, b"!", &[file.as_raw_fd()])?;
    let message = receive(&receiver, 8, ROOM, MsgFlags::empty())?;
    check!(t, message.descriptors.len() == 1, "one descriptor was sent; received");
    let received = &message.descriptors[0];
    check!(t, received.as_raw_fd() != file.as_raw_fd(), "it has a number of its own");
    std::fs::File::from(received.try_clone()?).read_exact(&mut [0; 2])?;
    check!(
        t,
        file.stream_position()? == 2,
        "two bytes are read through the one: the other's position"
    );
    Ok(())
}

/// A descriptor that is under way keeps its file open: the other end of a pipe notices its close
/// only when the socket that holds it is gone.
#[case(man = ["unix(7), SCM_RIGHTS"], kernel = ["unix_inflight"], strength = Documented)]
fn keep_the_file_open(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::Stream)?;
    let (pipe_reader, mut pipe_writer) = std::io::pipe()?;
    send_with(&sender, b"!", &[pipe_reader.as_raw_fd()])?;
    drop(pipe_reader);
    drop(sender);
    check!(t, pipe_writer.write(b"a").is_ok(), "the only reader is under way: a write succeeds");
    drop(receiver);
    let closed = t.eventually(|| Ok(poll_now(&pipe_writer, POLLOUT)?.contains(POLLERR)))?;
    check!(t, closed, "the receiver is closed, and the reader with it");
    let next = pipe_writer.write(b"a").map_err(|error| error.kind());
    check!(t, next == Err(ErrorKind::BrokenPipe), "a write then");
    Ok(())
}

/// A socket that is under way to itself, and that nobody else holds, is found when another one is
/// closed, and is closed with all that waits in it.
#[case(kernel = ["unix_gc"], strength = Implementation)]
fn under_way_to_themselves_are_collected(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::Stream)?;
    let (pipe_reader, pipe_writer) = std::io::pipe()?;
    send_with(&sender, b"!", &[receiver.as_raw_fd(), pipe_reader.as_raw_fd()])?;
    drop((sender, pipe_reader));
    check!(t, !poll_now(&pipe_writer, POLLOUT)?.contains(POLLERR), "a pipe's reader is with it");
    drop(receiver);
    let closed = t.eventually(|| {
        drop(pair(SockType::Stream)?);
        Ok(poll_now(&pipe_writer, POLLOUT)?.contains(POLLERR))
    })?;
    check!(t, closed, "the socket is held by nobody but itself: it goes, and the reader with it");
    Ok(())
}

/// With `MSG_CMSG_CLOEXEC` the received descriptor is closed by exec, otherwise it is not, whatever
/// the sender's was.
#[case(man = ["recv(2), MSG_CMSG_CLOEXEC"], since = "2.6.23", strength = Documented)]
fn close_on_exec_is_the_receivers_choice(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::Stream)?;
    for (flags, expected) in
        [(MsgFlags::empty(), FdFlag::empty()), (MsgFlags::MSG_CMSG_CLOEXEC, FdFlag::FD_CLOEXEC)]
    {
        send_with(&sender, b"!", &[sender.as_raw_fd()])?;
        let message = receive(&receiver, 8, ROOM, flags)?;
        check!(t, message.descriptors.len() == 1, "one descriptor was sent; received");
        let seen = fcntl(&message.descriptors[0], FcntlArg::F_GETFD)?;
        let seen = FdFlag::from_bits_retain(seen);
        check!(t, seen == expected, "the flags of what came with {flags:?}");
    }
    Ok(())
}

/// Up to 253 descriptors may be sent with a message; one more is refused with EINVAL.
#[case(man = ["unix(7), SCM_RIGHTS"], since = "2.6.38", strength = Documented)]
fn up_to_253_of_them(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::Stream)?;
    let number = receiver.as_raw_fd();
    check!(t, send_with(&sender, b"!", &[number; 254]) == Err(Errno::EINVAL), "254 descriptors");
    check!(t, send_with(&sender, b"!", &[number; 253]) == Ok(1), "253 descriptors");
    let message = receive(&receiver, 8, 2048, MsgFlags::empty())?;
    check!(t, message.descriptors.len() == 253, "which all arrive");
    Ok(())
}

/// Descriptors for which the receiver has no room are closed, and `MSG_CTRUNC` says so.
#[case(man = ["unix(7), SCM_RIGHTS", "recv(2), MSG_CTRUNC"], strength = Documented)]
fn without_room_are_closed(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::Stream)?;
    let (pipe_reader, pipe_writer) = std::io::pipe()?;
    send_with(&sender, b"!", &[sender.as_raw_fd(), pipe_reader.as_raw_fd()])?;
    drop(pipe_reader);
    check!(t, !poll_now(&pipe_writer, POLLOUT)?.contains(POLLERR), "the pipe's reader is open");
    // The header of a control message and one descriptor.
    let message = receive(&receiver, 8, 20, MsgFlags::empty())?;
    check!(t, message.data == b"!", "the data comes");
    check!(t, message.flags.contains(MsgFlags::MSG_CTRUNC), "the descriptors are cut");
    check!(t, message.descriptors.len() == 1, "to the one that there was room for");
    let closed = t.eventually(|| Ok(poll_now(&pipe_writer, POLLOUT)?.contains(POLLERR)))?;
    check!(t, closed, "the pipe's reader, which was the other, is closed");
    Ok(())
}

/// Data that is sent before the descriptors may come with them, data that is sent after them does
/// not: recv stops there, however much room there is.
#[case(man = ["unix(7), Ancillary messages"], strength = Documented)]
fn are_a_barrier_in_a_stream(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::Stream)?;
    send(sender.as_raw_fd(), b"four", MsgFlags::empty())?;
    send_with(&sender, b"1", &[sender.as_raw_fd()])?;
    send(sender.as_raw_fd(), b"more", MsgFlags::empty())?;
    let first = receive(&receiver, 20, ROOM, MsgFlags::empty())?;
    check!(t, first.data == b"four1", "the first recv ends with the descriptor's byte");
    check!(t, first.descriptors.len() == 1, "and has the descriptor");
    let second = receive(&receiver, 20, ROOM, MsgFlags::empty())?;
    check!(t, second.data == b"more", "the second has the rest");
    check!(t, second.descriptors.is_empty(), "and no descriptor");
    Ok(())
}
