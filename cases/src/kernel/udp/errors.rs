//! What a sender hears of a datagram that could not be delivered.
//!
//! If nobody is at the port, the other kernel says so by ICMP. That comes after the send, and may
//! be about any datagram of the socket; so it is kept for a later call, and only if the socket is
//! connected and so has but one peer. `IP_RECVERR` keeps all of them in a queue, for every socket.

use std::net::SocketAddr;

use harness::prelude::*;
use harness::sys::message::{ORIGIN_ICMP, Report, next_report};
use nix::sys::socket::{setsockopt, sockopt};

/// A port that is closed to everybody: its socket is connected to itself, and so takes nothing
/// from others. It stays so while the socket lives.
fn closed_port() -> Result<(UdpSocket, SocketAddr)> {
    let keeper = UdpSocket::bind("127.0.0.1:0")?;
    let address = keeper.local_addr()?;
    keeper.connect(address)?;
    Ok((keeper, address))
}

/// A socket that is not connected hears nothing of a closed port: every send succeeds.
#[case(man = ["udp(7), Error handling"], rfc = ["RFC 1122, 4.1.3.3"], strength = Documented)]
fn unconnected_is_not_told(t: &mut Trial) -> Result {
    let (_keeper, closed) = closed_port()?;
    let (socket, connected) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    connected.connect(closed)?;
    net::stay_on_this_cpu()?;
    for attempt in 1..=3 {
        check!(t, socket.send_to(b"a", closed)? == 1, "attempt {attempt}");
    }
    connected.send(b"a")?;
    let told = t.eventually(|| Ok(poll_now(&connected, POLLIN)?.contains(POLLERR)))?;
    check!(t, told, "a connected socket, which sent after it, is told");
    check!(t, poll_now(&socket, POLLIN)?.is_empty(), "this one is not");
    check!(t, net::take_error(&socket)? == None, "and has no error");
    Ok(())
}

/// With `IP_RECVERR` every socket is told, by POLLERR and on its error queue.
#[case(man = ["ip(7), IP_RECVERR", "udp(7), Error handling"], since = "2.2", strength = Documented)]
fn recverr_tells_everybody(t: &mut Trial) -> Result {
    let (_keeper, closed) = closed_port()?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    check!(t, socket.send_to(b"a", closed)? == 1, "the send succeeds");
    let told = t.eventually(|| Ok(poll_now(&socket, POLLIN)?.contains(POLLERR)))?;
    check!(t, told, "then there is POLLERR, although the socket is not connected");
    let report = next_report(&socket)?;
    let refused = Report {
        errno: Errno::ECONNREFUSED as i32,
        origin: ORIGIN_ICMP,
        code: 3,
        info: 0,
        data: 0,
    };
    check!(t, report == Some(refused), "the report is ICMP's: port unreachable");
    check!(t, next_report(&socket)? == None, "it is the only one");
    Ok(())
}

/// A connected socket is told of a closed port by recv too: a recv that sleeps fails with
/// ECONNREFUSED.
#[case(man = ["udp(7), Error handling"], rfc = ["RFC 1122, 4.1.3.3"], strength = Documented)]
fn a_sleeping_recv_is_told(t: &mut Trial) -> Result {
    let (_keeper, closed) = closed_port()?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(closed)?;
    let reader = socket.try_clone()?;
    let job =
        t.spawn("reader", move || Ok(reader.recv(&mut [0; 8]).map_err(|error| error.kind())))?;
    check!(t, job.sleeps_in(t, Call::RECV)?, "the reader sleeps");
    socket.send(b"a")?;
    let told = job.join_soon(t)?;
    check!(t, told == Some(Err(ErrorKind::ConnectionRefused)), "what it hears after a send");
    Ok(())
}
