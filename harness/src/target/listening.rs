//! Who listens where, by the inode of the listening socket: a probe connection would be one more
//! connection for the server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::LazyLock;

use nix::unistd::Pid;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process};

use super::Address;
use crate::sys::diag::{self, Told};

/// The inodes of the sockets that a process holds. A process that is gone holds none.
pub(super) fn sockets_of(pid: Pid) -> BTreeSet<u64> {
    let Ok(descriptors) = Process::new(pid.as_raw()).and_then(|process| process.fd()) else {
        return BTreeSet::new();
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| match descriptor.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect()
}

/// The TCP sockets of this network namespace, both families.
pub(super) fn tcp() -> std::io::Result<Vec<TcpNetEntry>> {
    let mut entries = procfs::net::tcp().map_err(std::io::Error::other)?;
    // A system without IPv6 has no such file.
    entries.extend(procfs::net::tcp6().unwrap_or_default());
    Ok(entries)
}

/// The sockets of this network namespace that are bound to `local` and connected to these addresses;
/// nothing for each of which there is none.
pub(super) fn sockets(
    local: SocketAddr,
    remotes: &[SocketAddr],
) -> std::io::Result<Vec<Option<Told>>> {
    let mut told = Vec::new();
    for remote in remotes {
        match diag::tcp_socket(local, *remote) {
            Ok(Some(socket)) => told.push(Some(socket)),
            // It is not there, or this kernel tells of none: the table knows, and is read once.
            _ => return listed(local, remotes),
        }
    }
    Ok(told)
}

/// Whether this system tells how much of a socket is unread: it does of one of our own.
pub(super) fn tells_unread() -> bool {
    static TELLS: LazyLock<bool> = LazyLock::new(|| {
        let told = || -> std::io::Result<Option<Told>> {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
            let (accepted, remote) = listener.accept()?;
            client.write_all(b"abc")?;
            accepted.peek(&mut [0; 3])?;
            Ok(sockets(listener.local_addr()?, &[remote])?.pop().flatten())
        };
        told().is_ok_and(|told| told.is_some_and(|told| told.unread > 0))
    });
    *TELLS
}

/// What [`sockets`] tells, from the table of all sockets.
fn listed(local: SocketAddr, remotes: &[SocketAddr]) -> std::io::Result<Vec<Option<Told>>> {
    // A past connection of the same two addresses may be there still.
    let is_one = |entry: &TcpNetEntry| {
        entry.local_address.port() == local.port() && entry.state != TcpState::TimeWait
    };
    let found: BTreeMap<SocketAddr, Told> = tcp()?
        .into_iter()
        .filter(is_one)
        .map(|entry| (entry.remote_address, Told { inode: entry.inode, unread: entry.rx_queue }))
        .collect();
    Ok(remotes.iter().map(|remote| found.get(remote).copied()).collect())
}

/// Where these processes listen, TCP and named `AF_UNIX` sockets, each address once.
pub(super) fn addresses(processes: &[Pid]) -> std::io::Result<Vec<Address>> {
    let held: BTreeSet<u64> = processes.iter().copied().flat_map(sockets_of).collect();
    // To list all sockets is dear: the kernel walks through a table of the size of the machine.
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in tcp()? {
        if entry.state == TcpState::Listen && held.contains(&entry.inode) {
            found.push(Address::Tcp(entry.local_address));
        }
    }
    found.extend(unix_listeners(&std::fs::read_to_string("/proc/net/unix")?, &held));
    let mut distinct = Vec::new();
    for address in found {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    Ok(distinct)
}

/// `__SO_ACCEPTCON` of the kernel's `net.h`: what `/proc/net/unix` shows of a listener.
const LISTENS: u32 = 1 << 16;

/// The named listeners in `/proc/net/unix` (unix(7) does not describe it; its columns are number,
/// references, protocol, flags, type, state, inode, path) that are among `held`.
fn unix_listeners(table: &str, held: &BTreeSet<u64>) -> Vec<Address> {
    let listener = |line: &str| {
        let mut fields = line.split_whitespace().skip(3);
        let flags = u32::from_str_radix(fields.next()?, 16).ok()?;
        let inode = fields.nth(2)?.parse().ok()?;
        let path = fields.next()?;
        (flags & LISTENS != 0 && held.contains(&inode)).then(|| Address::Unix(path.into()))
    };
    table.lines().filter_map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_that_are_held_and_named_are_found() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 /run/mine
0000000000000000: 00000002 00000000 00010000 0001 01 101 /run/other
0000000000000000: 00000003 00000000 00000000 0001 03 102 /run/mine
0000000000000000: 00000003 00000000 00000000 0001 03 103
";
        let held = BTreeSet::from([100, 102, 103]);
        assert_eq!(unix_listeners(table, &held), [Address::Unix("/run/mine".into())]);
    }

    #[test]
    fn a_listener_of_this_process_is_found_by_its_inode() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = addresses(&[Pid::this()]).unwrap();
        assert!(found.contains(&Address::Tcp(listener.local_addr().unwrap())), "{found:?}");
    }
}
