//! `AF_UNIX` sockets: both ends are in one kernel. A send puts the data straight into the
//! receiver's queue, nothing is lost on the way, and descriptors and credentials can travel with
//! it.

mod credentials;
mod datagram;
mod descriptors;
mod names;
mod newer;
mod records;
mod stream;

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use harness::prelude::*;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};

/// Two connected sockets of a type.
fn pair(kind: SockType) -> Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends data, and descriptors with it (`SCM_RIGHTS`).
fn send_with(socket: impl AsFd, data: &[u8], descriptors: &[i32]) -> nix::Result<usize> {
    let parts = [std::io::IoSlice::new(data)];
    let control = [ControlMessage::ScmRights(descriptors)];
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &parts, &control, MsgFlags::empty(), None)
}

/// A datagram socket that is bound to an abstract name of its own, and its address.
fn bound(name: &str) -> Result<(UnixDatagram, SocketAddr)> {
    let name = format!("ioconform-{}-{name}", std::process::id());
    let address = SocketAddr::from_abstract_name(name)?;
    Ok((UnixDatagram::bind_addr(&address)?, address))
}
