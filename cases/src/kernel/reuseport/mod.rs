//! `SO_REUSEPORT`: several sockets on the same address and port. The kernel chooses one of them for
//! each connection or datagram by a hash of both addresses and both ports. It does not look at how
//! busy anybody is, and what it gave to one socket stays there.

mod balance;
mod group;
mod queues;

use harness::prelude::*;

/// Listeners of one group, all on the same port.
fn group(size: usize) -> Result<Vec<TcpListener>> {
    let mut listeners = vec![net::reuseport_listener(0)?];
    let port = net::port_of(&listeners[0])?;
    for _ in 1..size {
        listeners.push(net::reuseport_listener(port)?);
    }
    for listener in &listeners {
        listener.set_nonblocking(true)?;
    }
    Ok(listeners)
}

/// Connects `count` clients, and returns when all of them wait to be accepted.
fn clients(count: usize, listener: &TcpListener) -> Result<Vec<TcpStream>> {
    net::stay_on_this_cpu()?;
    (0..count).map(|_| net::connect(listener.local_addr()?)).collect()
}

/// A nonblocking UDP socket on the port of the first member, if there is one.
fn udp_member(first: Option<&UdpSocket>) -> Result<UdpSocket> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
    let member = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )?;
    setsockopt(&member, sockopt::ReusePort, &true)?;
    net::bind_to(&member, first.map_or(Ok(0), net::port_of)?)?;
    Ok(UdpSocket::from(member))
}
