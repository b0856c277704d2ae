//! One TCP socket of this network namespace by its addresses, over netlink (sock_diag(7)). To find
//! it in `/proc/net/tcp` the kernel walks through a table of the size of the machine.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// The size of `struct nlmsghdr`, and with it those of `inet_diag_req_v2` and `inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = 72;
const REPLY: usize = 88;

/// What is told of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// The inode by which `/proc/PID/fd` names it; 0 if nobody has accepted it.
    pub(crate) inode: u64,
    /// The bytes that wait to be read.
    pub(crate) unread: u32,
}

/// The socket with these addresses, `local` its own; nothing if there is none, or if this kernel
/// has none to tell of (`CONFIG_INET_DIAG`).
pub(crate) fn tcp_socket(local: SocketAddr, remote: SocketAddr) -> nix::Result<Option<Told>> {
    let protocol = SockProtocol::NetlinkSockDiag;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    send(netlink.as_raw_fd(), &request(local, remote), MsgFlags::empty())?;
    let mut reply = [0; 1024];
    let length = recv(netlink.as_raw_fd(), &mut reply, MsgFlags::empty())?;
    let word =
        |at: usize| u32::from_ne_bytes([reply[at], reply[at + 1], reply[at + 2], reply[at + 3]]);
    let found = length >= REPLY && u16::from_ne_bytes([reply[4], reply[5]]) == BY_FAMILY;
    // Four bytes, the id of 48, the timer: then rqueue, wqueue, uid and inode.
    Ok(found.then(|| Told { unread: word(HEADER + 56), inode: word(HEADER + 68).into() }))
}

/// The message that asks for one socket.
fn request(local: SocketAddr, remote: SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &72_u32.to_ne_bytes());
    put(4, &BY_FAMILY.to_ne_bytes());
    // NLM_F_REQUEST.
    put(6, &1_u16.to_ne_bytes());
    // AF_INET or AF_INET6, and IPPROTO_TCP.
    put(HEADER, &[if local.is_ipv4() { 2 } else { 10 }, 6]);
    for (at, ip) in [(HEADER + 12, local.ip()), (HEADER + 28, remote.ip())] {
        match ip {
            IpAddr::V4(ip) => put(at, &ip.octets()),
            IpAddr::V6(ip) => put(at, &ip.octets()),
        }
    }
    // All states, and no cookie.
    put(HEADER + 4, &[0xff; 4]);
    put(HEADER + 8, &local.port().to_be_bytes());
    put(HEADER + 10, &remote.port().to_be_bytes());
    put(HEADER + 48, &[0xff; 8]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    /// Where the kernel tells nothing, nothing can be wrong.
    #[test]
    fn a_socket_is_found_by_its_addresses_with_what_it_has_to_read() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (own, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let Ok(Some(waiting)) = tcp_socket(peer, own) else { continue };
            assert_eq!(waiting, Told { inode: 0, unread: 0 });

            client.write_all(b"abc").unwrap();
            let (mut accepted, _) = listener.accept().unwrap();
            accepted.read_exact(&mut [0]).unwrap();
            let told = tcp_socket(peer, own).unwrap().unwrap();
            assert!(told.inode != 0 && told.unread == 2, "{told:?}");

            drop(listener);
            let nobody = SocketAddr::new(peer.ip(), 1);
            assert_eq!(tcp_socket(nobody, own).unwrap(), None);
        }
    }
}
