//! `SO_REUSEPORT`: several sockets on the same address and port. The kernel chooses one of them for
//! each connection or datagram by a hash of both addresses and both ports. It does not look at how
//! busy anybody is, and what it gave to one socket stays there.

mod address;
mod balance;
mod cpu;
mod group;
mod members;
mod migration;
mod queues;
mod steering;

use std::net::SocketAddr;

use harness::prelude::*;
use harness::sys::steer;
use nix::libc;
use nix::sys::socket::{Backlog, SockType, listen, setsockopt, sockopt};

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

/// Listeners of a group of two, and 40 clients whose handshakes are under way: the server's kernel
/// waits for their data.
fn half_open() -> Result<(Vec<TcpListener>, Vec<TcpStream>)> {
    let listeners = group(2)?;
    for listener in &listeners {
        net::set_option(listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 30)?;
    }
    let clients = clients(40, &listeners[0])?;
    net::barrier()?;
    Ok((listeners, clients))
}

/// Sends a byte from each client, and returns when all that comes of it has come.
fn finish_handshakes(clients: &mut [TcpStream]) -> Result {
    clients.iter_mut().try_for_each(|client| client.write_all(b"x"))?;
    (0..3).try_for_each(|_| net::barrier())
}

/// A nonblocking UDP socket on the port of the first member, if there is one.
fn udp_member(first: Option<&UdpSocket>) -> Result<UdpSocket> {
    let port = first.map_or(Ok(0), net::port_of)?;
    Ok(UdpSocket::from(member(SockType::Datagram, SocketAddr::from(([127, 0, 0, 1], port)))?))
}

/// A nonblocking member of the group of an address; one of TCP listens.
fn member(kind: SockType, address: SocketAddr) -> Result<OwnedFd> {
    let member = net::socket_for(kind, address)?;
    net::set_nonblocking(&member, true)?;
    setsockopt(&member, sockopt::ReusePort, &true)?;
    net::bind_at(&member, address)?;
    if kind == SockType::Stream {
        listen(&member, Backlog::MAXCONN)?;
    }
    Ok(member)
}

/// Sockets that send, each with a port of its own.
fn sources(count: usize) -> Result<Vec<UdpSocket>> {
    Ok((0..count).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?)
}

/// How many datagrams each member has got since it was asked last, when everything that this thread
/// sent has arrived.
fn received(members: &[UdpSocket]) -> Result<Vec<usize>> {
    net::barrier()?;
    let drain = |member: &UdpSocket| std::iter::from_fn(|| member.recv(&mut [0; 8]).ok()).count();
    Ok(members.iter().map(drain).collect())
}

/// How many connections wait at each listener.
fn shares(listeners: &[TcpListener]) -> Result<Vec<usize>> {
    listeners.iter().map(|listener| Ok(usize::try_from(net::queued(listener)?)?)).collect()
}

/// Gives the group of a member a program that chooses. Ends the trial as `unsupported` on a system
/// that knows none.
fn set_program(member: impl AsFd, program: &[steer::Instruction]) -> Result {
    steer::attach(member, program).map_err(|error| {
        Stop::unsupported_if(error, &[Errno::ENOPROTOOPT], "SO_ATTACH_REUSEPORT_CBPF")
    })
}
