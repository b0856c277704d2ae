//! Datagram sockets: UDP, and `AF_UNIX` datagrams. There is no connection that could end; a socket is
//! readable while a datagram waits, writable while it may send one, and POLLERR while an error waits
//! to be told.

use std::os::unix::net::UnixDatagram;

use harness::prelude::*;
use nix::sys::socket::{Shutdown, shutdown};

use super::{IDLE, state, told_alike};

const ENDED: PollFlags = POLLIN.union(POLLOUT).union(POLLRDHUP);

/// A socket that is connected to itself: its datagrams are its own, and nobody else's.
fn udp() -> Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(socket.local_addr()?)?;
    Ok(socket)
}

/// Of a UDP socket select, poll, epoll and `io_uring` tell the same: datagrams, a pending error, and
/// its own shutdown.
#[case(man = ["udp(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["udp_poll", "datagram_poll"], strength = Implementation)]
fn udp_socket(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    states.push(state("unbound", POLLOUT, unbound_udp()?, ()));
    states.push(state("idle", POLLOUT, udp()?, ()));
    let socket = udp()?;
    socket.send(b"a")?;
    states.push(state("with a datagram", POLLIN | POLLOUT, socket, ()));
    let socket = udp()?;
    socket.send(b"")?;
    states.push(state("with an empty datagram", POLLIN | POLLOUT, socket, ()));

    let (closed, socket) = (udp()?, udp()?);
    socket.connect(closed.local_addr()?)?;
    socket.send(b"a")?;
    states.push(state("whose peer's port is closed", POLLOUT | POLLERR, socket, closed));
    for (name, how, expected) in [
        ("that receives no more", Shutdown::Read, ENDED),
        ("that sends no more", Shutdown::Write, POLLOUT),
        ("that does neither", Shutdown::Both, ENDED | POLLHUP),
    ] {
        let socket = udp()?;
        shutdown(socket.as_raw_fd(), how)?;
        states.push(state(name, expected, socket, ()));
    }
    told_alike(t, states)
}

fn unbound_udp() -> Result<OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    Ok(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}

/// Of an `AF_UNIX` datagram socket select, poll, epoll and `io_uring` tell the same: datagrams, room,
/// and the end of its peer, which is no hang-up.
#[case(man = ["unix(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["unix_dgram_poll"], strength = Implementation)]
fn unix_datagram(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    states.push(state("unconnected", POLLOUT, UnixDatagram::unbound()?, ()));
    let (socket, peer) = UnixDatagram::pair()?;
    states.push(state("idle", POLLOUT, socket, peer));
    let (socket, peer) = UnixDatagram::pair()?;
    peer.send(b"a")?;
    states.push(state("with a datagram", POLLIN | POLLOUT, socket, peer));
    let (socket, peer) = UnixDatagram::pair()?;
    socket.set_nonblocking(true)?;
    while socket.send(&[0; 1024]).is_ok() {}
    states.push(state("without room", IDLE, socket, peer));
    let (socket, _) = UnixDatagram::pair()?;
    states.push(state("whose peer is gone", POLLOUT, socket, ()));
    let (socket, peer) = UnixDatagram::pair()?;
    shutdown(socket.as_raw_fd(), Shutdown::Read)?;
    states.push(state("that receives no more", ENDED, socket, peer));
    let (socket, peer) = UnixDatagram::pair()?;
    shutdown(socket.as_raw_fd(), Shutdown::Both)?;
    states.push(state("that does neither", ENDED | POLLHUP, socket, peer));
    told_alike(t, states)
}
