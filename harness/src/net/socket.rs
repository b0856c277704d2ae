//! Sockets of any kind and family, and calls on them whose outcome is for the caller to judge.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};

use crate::trial::Result;

/// A socket of this kind and of the family of `address`, neither bound nor connected.
pub fn socket_for(kind: SockType, address: SocketAddr) -> Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    Ok(socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?)
}

/// `bind(2)`; port 0 lets the kernel choose one.
pub fn bind_at(socket: impl AsFd, address: SocketAddr) -> nix::Result<()> {
    bind(socket.as_fd().as_raw_fd(), &SockaddrStorage::from(address))
}

/// `connect(2)`.
pub fn connect_to(socket: impl AsFd, address: SocketAddr) -> nix::Result<()> {
    connect(socket.as_fd().as_raw_fd(), &SockaddrStorage::from(address))
}

/// A nonblocking TCP client of `address`, whose connection may or may not be completed.
pub fn try_to_connect(address: SocketAddr) -> Result<OwnedFd> {
    let client = socket_for(SockType::Stream, address)?;
    super::set_nonblocking(&client, true)?;
    match connect_to(&client, address) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(client),
        Err(error) => Err(error.into()),
    }
}

/// Whether a TCP client's handshake is completed, as far as its own kernel can know.
pub fn established(client: impl AsFd) -> Result<bool> {
    const TCP_ESTABLISHED: u8 = 1;
    Ok(super::tcp_info(client)?.tcpi_state == TCP_ESTABLISHED)
}
