//! Many datagrams as one piece: `UDP_SEGMENT` has the kernel cut what one send gives it into
//! datagrams of equal size, `UDP_GRO` lets one recv take several of a size together. In between
//! they are ordinary datagrams.

use harness::knobs::known;
use harness::prelude::*;
use harness::sys::message::receive;
use nix::libc::{self, SOL_UDP, UDP_GRO, UDP_SEGMENT};
use nix::sys::socket::MsgFlags;

use super::pair;

/// A sender that cuts at a hundred bytes, and a receiver.
fn cutting_pair() -> Result<(UdpSocket, UdpSocket)> {
    let (sender, receiver) = pair()?;
    known(net::set_option(&sender, SOL_UDP, UDP_SEGMENT, 100), "UDP_SEGMENT")?;
    Ok((sender, receiver))
}

/// With `UDP_SEGMENT` one send makes several datagrams of that size, and a last one of the rest.
#[case(man = ["udp(7), UDP_SEGMENT"], since = "4.18", strength = Documented)]
fn one_send_makes_many(t: &mut Trial) -> Result {
    let (sender, receiver) = cutting_pair()?;
    check!(t, sender.send(&[0; 250])? == 250, "one send of 250 bytes");
    for length in [100, 100, 50] {
        check!(t, receiver.recv(&mut [0; 1000])? == length, "a datagram of {length} bytes arrives");
    }
    receiver.set_nonblocking(true)?;
    check!(t, receiver.recv(&mut [0; 1000]).is_err(), "and no other");
    Ok(())
}

/// With `UDP_GRO` a recv may return several datagrams of one sender at once, and is told their
/// size.
#[case(
    man = ["udp(7), UDP_GRO"],
    since = "5.0",
    strength = Documented,
    changed = [("", "5.11", deviates, "measured on 5.10: the loopback device has the datagrams cut, and nothing puts them together again; 6.1 leaves them in one piece")],
)]
fn one_recv_takes_many(t: &mut Trial) -> Result {
    let (sender, receiver) = cutting_pair()?;
    known(net::set_option(&receiver, SOL_UDP, UDP_GRO, 1), "UDP_GRO")?;
    sender.send(&[0; 250])?;
    let message = receive(&receiver, 1000, 64, MsgFlags::empty())?;
    check!(t, message.data.len() == 250, "what the sender's kernel never cut comes in one piece");
    let size = message.control_int(SOL_UDP, UDP_GRO);
    check!(t, size == Some(100), "a control message tells where to cut it");
    Ok(())
}

/// A UDP socket may send with `MSG_ZEROCOPY`: it takes `SO_ZEROCOPY`.
#[case(
    man = ["send(2), MSG_ZEROCOPY"],
    kernel = ["Documentation/networking/msg_zerocopy.rst"],
    since = "5.0",
    strength = Documented
)]
fn may_send_without_a_copy(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    let set = net::set_option(&sender, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1);
    known(set, "SO_ZEROCOPY of a UDP socket")?;
    let flags = MsgFlags::from_bits_retain(libc::MSG_ZEROCOPY);
    let sent = nix::sys::socket::send(sender.as_raw_fd(), &[7; 1000], flags);
    check!(t, sent == Ok(1000), "the send");
    let arrived = receive(&receiver, 2000, 0, MsgFlags::empty())?.data == [7; 1000];
    check!(t, arrived, "all of it arrives");
    let told = t.eventually(|| Ok(poll_now(&sender, POLLIN)?.contains(POLLERR)))?;
    check!(t, told, "its end is reported");
    let report = harness::sys::message::next_report(&sender)?;
    check!(t, report.is_some_and(|report| (report.info, report.data) == (0, 0)), "with its number");
    Ok(())
}
