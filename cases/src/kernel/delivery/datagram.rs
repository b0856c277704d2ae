//! Datagrams that do not arrive.
//!
//! UDP promises nothing: a datagram that finds no room in the receiver's buffer, or no receiver,
//! is dropped, and `send` has long succeeded. The little that a sender may hear comes by ICMP, too
//! late for the call that caused it, and only to a connected socket. Unix domain sockets look the
//! same to the program but lose nothing: their sender waits for room.

use std::os::unix::net::UnixDatagram;

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, send};

/// UDP `send` succeeds when the receiver's buffer is full; the datagrams that find no room are
/// dropped, and neither side is told.
#[case(man = ["udp(7)", "send(2)"], notes = ["S43", "S46"], strength = Implementation)]
fn udp_drops_silently(t: &mut Trial) -> Result {
    const SENT: u8 = 60;
    let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sender.connect(receiver.local_addr()?)?;
    nix::sys::socket::setsockopt(&receiver, nix::sys::socket::sockopt::RcvBuf, &8192)?;
    net::stay_on_this_cpu()?;

    let taken =
        (0..SENT).filter(|number| matches!(sender.send(&[*number; 1000]), Ok(1000))).count();
    check!(t, taken == usize::from(SENT), "every send succeeds");
    net::barrier()?;
    receiver.set_nonblocking(true)?;
    let mut kept = Vec::new();
    let mut datagram = [0; 2000];
    while receiver.recv(&mut datagram).is_ok() {
        kept.push(datagram[0]);
    }
    check!(t, !kept.is_empty(), "there is room for some");
    check!(t, kept.len() < taken, "and not for others, which are missing");
    let first: Vec<u8> = (0..SENT).take(kept.len()).collect();
    check!(t, kept == first, "those that came while there was room are there, in order");
    let told = (net::take_error(&sender)?, net::take_error(&receiver)?);
    check!(t, told == (None, None), "nobody is told of the others");
    t.measure("datagrams kept", f64::from(u32::try_from(kept.len())?))
}

/// A connected UDP socket hears of a closed port one call late: the `send` that found it closed
/// succeeds, the next one fails with `ECONNREFUSED` and sends nothing, the one after it succeeds.
#[case(
    man = ["udp(7), Error handling", "ip(7), IP_RECVERR"],
    rfc = ["RFC 1122, 4.1.3.3"],
    strength = Documented
)]
fn udp_hears_of_a_closed_port_one_call_late(t: &mut Trial) -> Result {
    // A socket that is connected to itself keeps the port for this trial, and takes nothing from
    // anybody else: to others the port is closed.
    let closed = UdpSocket::bind("127.0.0.1:0")?;
    closed.connect(closed.local_addr()?)?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(closed.local_addr()?)?;
    let send = || sender.send(b"a").map_err(|error| error.kind());

    check!(t, send() == Ok(1), "the first send succeeds");
    let told = t.eventually(|| Ok(poll_now(&sender, POLLIN)?.contains(POLLERR)))?;
    check!(t, told, "then the port is reported unreachable: POLLERR");
    check!(
        t,
        send() == Err(ErrorKind::ConnectionRefused),
        "the second send fails for the sake of the first"
    );
    check!(t, send() == Ok(1), "the third succeeds: the error was used up");
    Ok(())
}

/// A Unix domain datagram socket drops nothing: when there is no room, the sender waits.
#[case(man = ["unix(7)", "send(2)"], notes = ["S46"], strength = Documented)]
fn unix_datagrams_wait_for_room(t: &mut Trial) -> Result {
    // Large ones, of which no system has room for many.
    let numbered = |number: u32| [number.to_ne_bytes(); 250].concat();
    let (sender, receiver) = UnixDatagram::pair()?;
    let mut taken = 0_u32;
    let refused = loop {
        match send(sender.as_raw_fd(), &numbered(taken), MsgFlags::MSG_DONTWAIT) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    check!(t, refused == Errno::EAGAIN, "with MSG_DONTWAIT, a full buffer refuses");
    let last = numbered(taken);
    let job = t.spawn("sender", move || Ok(send(sender.as_raw_fd(), &last, MsgFlags::empty())?))?;
    check!(t, job.sleeps_in(t, Call::SEND)?, "without it, the sender sleeps");

    let receive = move |_| {
        let mut datagram = [0; 4];
        receiver.recv(&mut datagram)?;
        Ok(u32::from_ne_bytes(datagram))
    };
    let all = t.spawn("receiver", move || (0..=taken).map(receive).collect::<Result<Vec<_>>>())?;
    check!(t, job.join_soon(t)? == Some(1000), "once there is room it goes on");
    let expected = Some((0..=taken).collect());
    check!(t, all.join_soon(t)? == expected, "and all datagrams are received, in order");
    Ok(())
}
