//! bind: an address and a port for a socket. Which of them exclude each other, what `SO_REUSEADDR`
//! lets through, and which port the kernel takes if it may choose.

mod conflict;
mod port;
mod reuseaddr;

use std::net::SocketAddr;

use harness::prelude::*;
use nix::sys::socket::SockType;

/// The kinds of sockets that have ports.
const KINDS: [SockType; 2] = [SockType::Stream, SockType::Datagram];

/// A socket that is bound to this address.
fn bound(kind: SockType, address: SocketAddr) -> Result<OwnedFd> {
    let socket = net::socket_for(kind, address)?;
    net::bind_at(&socket, address)?;
    Ok(socket)
}

/// How it goes if another socket is bound to this address.
fn try_bind(kind: SockType, address: SocketAddr) -> Result<nix::Result<()>> {
    Ok(net::bind_at(net::socket_for(kind, address)?, address))
}

/// 127.0.0.`last`, with a port.
fn loopback(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], port))
}
