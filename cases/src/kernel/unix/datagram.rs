//! Datagrams that are not lost.
//!
//! A send puts the datagram into the receiver's queue, or does not return: if there is no room it
//! sleeps, or fails with EAGAIN. Two things limit the queue: the sender's buffer, as for a stream;
//! and for a receiver that many may send to, a number of datagrams (`net.unix.max_dgram_qlen`).

use std::os::unix::net::UnixDatagram;

use harness::knobs::sysctl;
use harness::prelude::*;
use harness::sys::message::receive;
use nix::libc::{SO_SNDBUF, SOL_SOCKET};
use nix::sys::socket::{MsgFlags, send};

use super::bound;

/// A receiver that is bound to a name, and a sender that is connected to it: any other may be, too.
fn named() -> Result<(UnixDatagram, UnixDatagram)> {
    let ((receiver, address), sender) = (bound("receiver")?, UnixDatagram::unbound()?);
    sender.connect_addr(&address)?;
    Ok((sender, receiver))
}

/// The datagrams of a byte that a sender gets rid of before it would have to sleep.
fn capacity(sender: &UnixDatagram) -> Result<usize> {
    sender.set_nonblocking(true)?;
    let mut taken = 0;
    loop {
        match sender.send(b"a") {
            Ok(_) => taken += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(taken),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A receiver with a name holds one datagram more than `max_dgram_qlen`; then the sender is not
/// writable until one is received.
#[case(
    man = ["unix(7)"],
    kernel = ["unix_recvq_full", "unix_dgram_poll"],
    notes = ["S46"],
    needs = [Need::PrivateNet],
    strength = Implementation
)]
fn a_named_receiver_queues_a_number(t: &mut Trial) -> Result {
    let (sender, receiver) = named()?;
    check!(t, poll_now(&sender, POLLOUT)? == POLLOUT, "the queue is empty, and there is POLLOUT");
    let taken = capacity(&sender)?;
    t.measure("datagrams of a byte for a named receiver", f64::from(u32::try_from(taken)?))?;
    // A user's namespace does not tell the number on every kernel.
    if let Some(length) = sysctl("unix/max_dgram_qlen", 0) {
        check!(t, taken == length + 1, "datagrams that are taken before EAGAIN");
    }
    check!(t, poll_now(&sender, POLLOUT)?.is_empty(), "then there is no POLLOUT");
    receiver.recv(&mut [0; 8])?;
    check!(t, poll_now(&sender, POLLOUT)? == POLLOUT, "one is received, and there is again");
    check!(t, capacity(&sender)? == 1, "room for one more");
    Ok(())
}

/// Between two sockets that are connected to each other only the send buffer limits the queue, not
/// `max_dgram_qlen`.
#[case(
    man = ["unix(7)"],
    kernel = ["unix_dgram_sendmsg"],
    notes = ["S46"],
    needs = [Need::PrivateNet],
    strength = Implementation
)]
fn a_pair_queues_what_the_buffer_holds(t: &mut Trial) -> Result {
    let (sender, _receiver) = named()?;
    let by_number = capacity(&sender)?;
    let (sender, _receiver) = UnixDatagram::pair()?;
    let default = capacity(&sender)?;
    check!(t, default > by_number, "a pair takes more datagrams of a byte than a named receiver");
    let (sender, _receiver) = UnixDatagram::pair()?;
    net::set_option(&sender, SOL_SOCKET, SO_SNDBUF, 8 << 10)?;
    check!(t, capacity(&sender)? < default, "with a small send buffer they are fewer");
    t.measure("datagrams of a byte in a pair", f64::from(u32::try_from(default)?))
}

/// A datagram that is larger than the send buffer can never be sent: EMSGSIZE.
#[case(man = ["send(2), EMSGSIZE", "unix(7), SO_SNDBUF"], kernel = ["unix_dgram_sendmsg"], strength = Documented)]
fn larger_than_the_buffer_is_refused(t: &mut Trial) -> Result {
    let (sender, receiver) = UnixDatagram::pair()?;
    net::set_option(&sender, SOL_SOCKET, SO_SNDBUF, 8 << 10)?;
    let buffer = usize::try_from(net::get_option(&sender, SOL_SOCKET, SO_SNDBUF)?)?;
    let send = |length| send(sender.as_raw_fd(), &vec![0; length], MsgFlags::empty());
    check!(t, send(buffer + 1) == Err(Errno::EMSGSIZE), "a byte more than the buffer");
    check!(t, send(buffer / 2) == Ok(buffer / 2), "half of it");
    check!(t, receiver.recv(&mut vec![0; buffer])? == buffer / 2, "which arrives whole");
    Ok(())
}

/// A socket that is connected takes datagrams from its peer only: others are refused with EPERM.
#[case(man = ["unix(7), EPERM", "connect(2)"], kernel = ["unix_may_send"], strength = Documented)]
fn connected_takes_from_its_peer_only(t: &mut Trial) -> Result {
    let ((receiver, address), (peer, peer_address)) = (bound("receiver")?, bound("peer")?);
    let stranger = UnixDatagram::unbound()?;
    let send = |socket: &UnixDatagram| {
        let sent = socket.send_to_addr(b"a", &address);
        sent.map_err(|error| error.raw_os_error().map(Errno::from_raw))
    };
    check!(t, (send(&peer), send(&stranger)) == (Ok(1), Ok(1)), "anybody may send to it at first");
    receiver.connect_addr(&peer_address)?;
    check!(t, send(&peer) == Ok(1), "it is connected to a peer, which may send");
    check!(t, send(&stranger) == Err(Some(Errno::EPERM)), "a stranger may not");
    Ok(())
}

/// When the receiver has gone, a send fails with ECONNREFUSED, without a signal.
#[case(man = ["send(2)", "unix(7)"], kernel = ["unix_dgram_sendmsg"], strength = Implementation)]
fn a_gone_receiver_refuses(t: &mut Trial) -> Result {
    let (sender, receiver) = UnixDatagram::pair()?;
    harness::sys::signal::take_notes_of(nix::sys::signal::Signal::SIGPIPE as i32, true)?;
    drop(receiver);
    let sent = send(sender.as_raw_fd(), b"a", MsgFlags::empty());
    check!(t, sent == Err(Errno::ECONNREFUSED), "the send");
    check!(t, harness::sys::signal::handled() == 0, "signals");
    Ok(())
}

/// What does not fit into the buffer of a recv is lost, and `MSG_TRUNC` says so.
#[case(man = ["recv(2), MSG_TRUNC"], posix = ["recv()"], strength = Documented)]
fn the_rest_is_lost(t: &mut Trial) -> Result {
    let (sender, receiver) = UnixDatagram::pair()?;
    sender.send(b"abcdefgh")?;
    sender.send(b"next")?;
    let first = receive(&receiver, 3, 0, MsgFlags::empty())?;
    check!(t, first.data == b"abc", "three of eight bytes of a datagram");
    check!(t, first.flags.contains(MsgFlags::MSG_TRUNC), "it is marked as cut");
    check!(t, receive(&receiver, 8, 0, MsgFlags::empty())?.data == b"next", "the rest is gone");
    Ok(())
}
