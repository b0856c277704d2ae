//! A buffer without room. read looks at the buffer first, and has nothing to do. recv looks at the
//! socket first: it waits for data as ever, and then copies none of it. On a datagram socket a
//! message may itself be empty, and then it makes a difference too who takes it.

use std::os::unix::net::UnixDatagram;

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::{read, write};

/// A recv into an empty buffer sleeps on a stream socket without data; when data arrives it
/// returns 0, and leaves the data where it is.
#[case(kernel = ["tcp_recvmsg_locked", "unix_stream_read_generic", "sock_rcvlowat"], strength = Implementation)]
fn recv_waits_all_the_same(t: &mut Trial) -> Result {
    for (kind, writer, reader) in net::streams()?.into_iter().skip(1) {
        let socket = reader.as_raw_fd();
        let job = t.spawn(kind, move || Ok(recv(socket, &mut [], MsgFlags::empty())))?;
        check!(t, job.sleeps_in(t, Call::RECV)?, "{kind}: the thread sleeps, for there is no data");
        write(&writer, b"two")?;
        check!(t, job.join_soon(t)? == Some(Ok(0)), "{kind}: data arrives, and recv returns 0");
        check!(t, net::unread(&reader)? == 3, "{kind}: all of it is unread");
    }
    Ok(())
}

/// A recv of zero bytes returns at once.
#[case(
    man = ["recv(2)"],
    strength = Folklore,
    changed = [("", "", deviates, "on a blocking stream socket recv waits for data first, whatever the size of the buffer; it is read that returns at once")]
)]
fn recv_returns_at_once(t: &mut Trial) -> Result {
    let (_client, server) = net::tcp_pair()?;
    let socket = server.as_raw_fd();
    let job = t.spawn("recv", move || Ok(recv(socket, &mut [], MsgFlags::empty())))?;
    check!(t, !job.sleeps_in(t, Call::RECV)?, "nothing is asked for, and nothing is waited for");
    Ok(())
}

/// A read into an empty buffer returns 0 at once, although a pipe or socket is empty and blocking.
#[case(man = ["read(2)"], kernel = ["sock_read_iter", "pipe_read"], strength = Implementation)]
fn read_does_not_wait(t: &mut Trial) -> Result {
    for (kind, _writer, reader) in net::streams()? {
        let job = t.spawn(kind, move || Ok(read(&reader, &mut [])))?;
        check!(t, !job.sleeps_in(t, Call::READ)?, "{kind}: the call does not sleep");
        check!(t, job.join_soon(t)? == Some(Ok(0)), "{kind}: it returns 0");
    }
    Ok(())
}

/// The two ends of a UDP and of an `AF_UNIX` datagram connection, sender first; the receiver does
/// not block.
fn datagram_pairs() -> Result<[(&'static str, OwnedFd, OwnedFd); 2]> {
    let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sender.connect(receiver.local_addr()?)?;
    receiver.set_nonblocking(true)?;
    let (left, right) = UnixDatagram::pair()?;
    right.set_nonblocking(true)?;
    Ok([("UDP", sender.into(), receiver.into()), ("AF_UNIX", left.into(), right.into())])
}

/// Sends a datagram without content; whether it arrives.
fn nothing_arrives(t: &Trial, sender: &OwnedFd, receiver: &OwnedFd) -> Result<bool> {
    nix::sys::socket::send(sender.as_raw_fd(), &[], MsgFlags::empty())?;
    t.eventually(|| Ok(poll_now(receiver, POLLIN)? == POLLIN))
}

/// A read into an empty buffer leaves a datagram without content in the queue; a recv into one
/// takes it out.
#[case(man = ["recv(2), NOTES"], kernel = ["sock_read_iter"], strength = Documented)]
fn recv_takes_an_empty_datagram(t: &mut Trial) -> Result {
    for (kind, sender, receiver) in datagram_pairs()? {
        check!(t, nothing_arrives(t, &sender, &receiver)?, "{kind}: a datagram arrives");
        check!(t, read(&receiver, &mut []) == Ok(0), "{kind}: read returns 0");
        check!(t, poll_now(&receiver, POLLIN)? == POLLIN, "{kind}: the datagram is still there");
        let take = || recv(receiver.as_raw_fd(), &mut [], MsgFlags::empty());
        check!(t, take() == Ok(0), "{kind}: recv returns 0 as well");
        check!(t, take() == Err(Errno::EAGAIN), "{kind}: and has taken the datagram");
    }
    Ok(())
}

/// A read with any buffer leaves a datagram without content in the queue, as recv(2) says.
#[case(
    man = ["recv(2), NOTES"],
    strength = Documented,
    changed = [("", "", deviates, "only a read into an empty buffer does nothing; one with room for a byte takes the datagram, as recv does")]
)]
fn read_leaves_an_empty_datagram(t: &mut Trial) -> Result {
    for (kind, sender, receiver) in datagram_pairs()? {
        check!(t, nothing_arrives(t, &sender, &receiver)?, "{kind}: a datagram arrives");
        check!(t, read(&receiver, &mut [0; 8]) == Ok(0), "{kind}: read returns 0");
        check!(t, poll_now(&receiver, POLLIN)? == POLLIN, "{kind}: the datagram is still there");
    }
    Ok(())
}
