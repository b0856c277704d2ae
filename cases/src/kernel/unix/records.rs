//! Sequenced packets: connected like a stream, in records like datagrams. The end is told like a
//! stream's; a record is received whole, or cut and marked as cut.

use harness::prelude::*;
use harness::sys::message::receive;
use nix::sys::socket::{MsgFlags, SockType, recv, send};

use super::pair;

/// Records of a sequenced-packet socket keep their boundaries, in order.
#[case(man = ["unix(7)", "socket(2), SOCK_SEQPACKET"], since = "2.6.4", strength = Documented)]
fn keep_their_boundaries(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::SeqPacket)?;
    for record in ["one", "three"] {
        send(sender.as_raw_fd(), record.as_bytes(), MsgFlags::empty())?;
    }
    for record in ["one", "three"] {
        let message = receive(&receiver, 100, 0, MsgFlags::empty())?;
        check!(t, message.data == record.as_bytes(), "a recv with room for more");
    }
    Ok(())
}

/// What does not fit of a record is lost, and `MSG_TRUNC` says so.
#[case(man = ["recv(2), MSG_TRUNC", "socket(2), SOCK_SEQPACKET"], since = "2.6.4", strength = Documented)]
fn the_rest_of_a_record_is_lost(t: &mut Trial) -> Result {
    let (sender, receiver) = pair(SockType::SeqPacket)?;
    for record in ["abcdefgh", "next"] {
        send(sender.as_raw_fd(), record.as_bytes(), MsgFlags::empty())?;
    }
    let first = receive(&receiver, 3, 0, MsgFlags::empty())?;
    check!(t, first.data == b"abc", "three of eight bytes");
    check!(t, first.flags.contains(MsgFlags::MSG_TRUNC), "the record is marked as cut");
    check!(t, receive(&receiver, 8, 0, MsgFlags::empty())?.data == b"next", "the rest is gone");
    Ok(())
}

/// When the peer has closed, a sequenced-packet socket is at its end like a stream: recv returns 0,
/// and send fails with EPIPE.
#[case(man = ["unix(7)", "send(2), EPIPE"], since = "2.6.4", strength = Documented)]
fn end_like_a_stream(t: &mut Trial) -> Result {
    let (peer, socket) = pair(SockType::SeqPacket)?;
    send(peer.as_raw_fd(), b"last", MsgFlags::empty())?;
    drop(peer);
    let receive = || recv(socket.as_raw_fd(), &mut [0; 8], MsgFlags::empty());
    check!(t, receive() == Ok(4), "what was sent is received");
    check!(t, receive() == Ok(0), "then comes the end");
    let sent = send(socket.as_raw_fd(), b"a", MsgFlags::MSG_NOSIGNAL);
    check!(t, sent == Err(Errno::EPIPE), "and nobody is there to send to");
    Ok(())
}

/// `SIOCINQ` of a datagram socket is the size of the next message; of a stream and of a
/// sequenced-packet socket, the size of all that wait.
#[case(man = ["unix(7), SIOCINQ"], kernel = ["unix_inq_len"], strength = Implementation)]
fn inq_depends_on_the_type(t: &mut Trial) -> Result {
    for (kind, expected) in
        [(SockType::Datagram, 3), (SockType::SeqPacket, 8), (SockType::Stream, 8)]
    {
        let (sender, receiver) = pair(kind)?;
        for message in ["one", "three"] {
            send(sender.as_raw_fd(), message.as_bytes(), MsgFlags::empty())?;
        }
        check!(t, net::unread(&receiver)? == expected, "{kind:?}: three bytes and five wait");
    }
    Ok(())
}
