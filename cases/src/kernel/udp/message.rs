//! A datagram is a unit.
//!
//! One send makes one datagram, and one receive takes one: never a part of the next, and the rest
//! of this one is gone if there was no room for it. A datagram of no bytes is a datagram.

use harness::prelude::*;
use harness::sys::message::receive;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, recv, send, sendto, socketpair,
};

use super::pair;

/// Each receive returns one datagram, however much room there is.
#[case(man = ["udp(7)", "recv(2)"], rfc = ["RFC 768"], strength = Documented)]
fn one_at_a_time(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    for datagram in ["one", "three"] {
        check!(t, sender.send(datagram.as_bytes())? == datagram.len(), "sent: {datagram}");
    }
    for length in [3, 5] {
        check!(t, receiver.recv(&mut [0; 100])? == length, "received: a datagram of {length}");
    }
    Ok(())
}

/// A datagram of zero bytes makes the socket readable, and is received as 0 bytes, which is not
/// the end of anything.
#[case(man = ["recv(2), RETURN VALUE", "udp(7)"], strength = Documented)]
fn may_be_empty(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    check!(t, sender.send(b"")? == 0, "nothing is sent, and that is a datagram");
    sender.send(b"next")?;
    let readable = t.eventually(|| Ok(poll_now(&receiver, POLLIN)? == POLLIN))?;
    check!(t, readable, "the receiver is readable");
    check!(t, receiver.recv(&mut [0; 8])? == 0, "the first datagram has no bytes");
    check!(t, receiver.recv(&mut [0; 8])? == 4, "it was one: the second follows");
    Ok(())
}

/// What does not fit into the buffer is lost: recv returns what fits, the next recv the next
/// datagram.
#[case(man = ["udp(7)", "recv(2)"], posix = ["recv()"], strength = Documented)]
fn the_rest_is_lost(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    sender.send(b"abcdefgh")?;
    sender.send(b"next")?;
    let first = receive(&receiver, 3, 0, MsgFlags::empty())?;
    check!(t, first.data == b"abc", "three of eight bytes");
    check!(t, first.flags.contains(MsgFlags::MSG_TRUNC), "recvmsg says that it was more");
    let second = receive(&receiver, 8, 0, MsgFlags::empty())?;
    check!(t, second.data == b"next", "the other five are gone");
    check!(t, !second.flags.contains(MsgFlags::MSG_TRUNC), "and this one is whole");
    Ok(())
}

/// With `MSG_TRUNC` recv returns the true length of a datagram that did not fit; with `MSG_PEEK`
/// too, it can still be received.
#[case(man = ["recv(2), MSG_TRUNC", "udp(7)"], since = "2.6.8", strength = Documented)]
fn trunc_tells_the_length(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    sender.send(b"abcdefgh")?;
    let take = |flags| recv(receiver.as_raw_fd(), &mut [0; 3], flags);
    check!(t, take(MsgFlags::MSG_TRUNC | MsgFlags::MSG_PEEK) == Ok(8), "room for 3, looked at");
    check!(t, take(MsgFlags::MSG_TRUNC) == Ok(8), "room for 3, taken");
    let none = take(MsgFlags::MSG_DONTWAIT);
    check!(t, none == Err(Errno::EAGAIN), "the datagram is gone");
    Ok(())
}

/// A datagram holds up to 65507 bytes over IPv4; one more is refused with EMSGSIZE.
#[case(man = ["udp(7)", "send(2), EMSGSIZE"], rfc = ["RFC 768", "RFC 791, 3.1"], strength = Documented)]
fn up_to_65507_bytes(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    let mut data = vec![0; 65_508];
    let outcome = send(sender.as_raw_fd(), &data, MsgFlags::empty());
    check!(t, outcome == Err(Errno::EMSGSIZE), "65508 bytes");
    data.pop();
    let outcome = send(sender.as_raw_fd(), &data, MsgFlags::empty());
    check!(t, outcome == Ok(65_507), "65507 bytes");
    check!(t, receiver.recv(&mut vec![0; 1 << 17])? == 65_507, "which arrive");
    Ok(())
}

/// `SIOCINQ` of a UDP socket is the length of the next datagram, not of all that wait.
#[case(man = ["udp(7), Ioctls"], strength = Documented)]
fn inq_is_the_next(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    check!(t, net::unread(&receiver)? == 0, "no datagram waits");
    sender.send(b"one")?;
    sender.send(b"three")?;
    net::delivered(&receiver, 3)?;
    for length in [3, 5] {
        let told = t.eventually(|| Ok(net::unread(&receiver)? == length))?;
        check!(t, told, "the next datagram has {length} bytes");
        receiver.recv(&mut [0; 8])?;
    }
    check!(t, net::unread(&receiver)? == 0, "no other waits");
    Ok(())
}

/// A socket that is not connected must say where to send: EDESTADDRREQ.
#[case(man = ["send(2), EDESTADDRREQ"], posix = ["send()"], strength = Documented)]
fn needs_a_destination(t: &mut Trial) -> Result {
    let (socket, receiver) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let sent = send(socket.as_raw_fd(), b"a", MsgFlags::empty());
    check!(t, sent == Err(Errno::EDESTADDRREQ), "send without an address");
    let address = SockaddrIn::new(127, 0, 0, 1, net::port_of(&receiver)?);
    let sent = sendto(socket.as_raw_fd(), b"a", &address, MsgFlags::empty());
    check!(t, sent == Ok(1), "sendto with one");
    Ok(())
}

/// A connected socket receives from its peer only: the datagrams of others do not reach it.
#[case(man = ["connect(2)", "udp(7)"], posix = ["connect()"], strength = Documented)]
fn connected_hears_its_peer_only(t: &mut Trial) -> Result {
    let (peer, stranger) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(peer.local_addr()?)?;
    let address = socket.local_addr()?;
    net::stay_on_this_cpu()?;
    stranger.send_to(b"stranger", address)?;
    peer.send_to(b"peer", address)?;
    net::barrier()?;
    let mut data = [0; 16];
    let length = socket.recv(&mut data)?;
    check!(t, data[..length] == *b"peer", "the stranger sent first, the peer second");
    socket.set_nonblocking(true)?;
    let next = socket.recv(&mut data).map_err(|error| error.kind());
    check!(t, next == Err(ErrorKind::WouldBlock), "there is nothing else");
    Ok(())
}

/// Datagrams and records have no urgent data: a send with `MSG_OOB` fails with EOPNOTSUPP.
#[case(man = ["send(2), EOPNOTSUPP"], posix = ["send()"], strength = Documented)]
fn none_is_urgent(t: &mut Trial) -> Result {
    let unix = |kind| {
        let pair = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC);
        pair.map(|(sender, receiver)| (sender, Some(receiver)))
    };
    let (udp, _receiver) = pair()?;
    for (kind, (sender, _receiver)) in [
        ("UDP", (udp.into(), None)),
        ("AF_UNIX datagram", unix(SockType::Datagram)?),
        ("AF_UNIX sequenced packet", unix(SockType::SeqPacket)?),
    ] {
        let sent = send(sender.as_raw_fd(), b"a", MsgFlags::MSG_OOB);
        check!(t, sent == Err(Errno::EOPNOTSUPP), "{kind}");
    }
    Ok(())
}

/// With `SO_RCVPRIORITY` the receiver is told the priority that the sender gave to the datagram.
#[case(kernel = ["sock_recv_priority"], since = "6.14", strength = Implementation)]
fn priority_is_told(t: &mut Trial) -> Result {
    /// `SO_RCVPRIORITY` of `asm-generic/socket.h`.
    const SO_RCVPRIORITY: i32 = 82;
    use nix::libc::{SO_PRIORITY, SOL_SOCKET};
    let (sender, receiver) = pair()?;
    let set = net::set_option(&receiver, SOL_SOCKET, SO_RCVPRIORITY, 1);
    harness::knobs::known(set, "SO_RCVPRIORITY")?;
    for priority in [0, 5] {
        net::set_option(&sender, SOL_SOCKET, SO_PRIORITY, priority)?;
        sender.send(b"a")?;
        let message = receive(&receiver, 8, 64, MsgFlags::empty())?;
        let told = message.control_int(SOL_SOCKET, SO_PRIORITY);
        check!(t, told == Some(priority), "SO_PRIORITY of the sender is {priority}");
    }
    Ok(())
}
