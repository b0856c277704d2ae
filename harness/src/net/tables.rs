//! What `/proc/net` tells of this network namespace: its TCP sockets, and its counters.

use std::net::SocketAddr;

use crate::trial::{Result, Stop};

/// A line of `/proc/net/tcp` or `/proc/net/tcp6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The other end; port 0 for a listener.
    pub peer: SocketAddr,
    /// The state, as `tcpi_state` of `TCP_INFO` numbers it: 1 is ESTABLISHED, 3 SYN_RECV, 6
    /// TIME_WAIT, 10 LISTEN.
    pub state: u8,
    /// The column `rx_queue`: of a listener the connections that wait to be accepted, of any other
    /// socket the bytes that wait to be read (proc_net_tcp.rst).
    pub queue: u32,
}

/// The TCP sockets with this local port. Ends the trial as `unobservable` where nothing lists them.
pub fn listed(port: u16) -> Result<Vec<Listed>> {
    let mut entries = procfs::net::tcp().map_err(|error| {
        Stop::Unobservable(format!("this system does not list its TCP sockets: {error}"))
    })?;
    // A system without IPv6 has no such file.
    entries.extend(procfs::net::tcp6().unwrap_or_default());
    let listed = |entry: procfs::net::TcpNetEntry| Listed {
        peer: entry.remote_address,
        state: entry.state.to_u8(),
        queue: entry.rx_queue,
    };
    Ok(entries.into_iter().filter(|entry| entry.local_address.port() == port).map(listed).collect())
}

/// A counter of this network namespace from `/proc/net/snmp` or `/proc/net/netstat`: of the group
/// `Udp`, for example, and by a name such as `RcvbufErrors`. Ends the trial as `unobservable` where
/// there is no such counter. It is nobody else's with [`crate::need::Need::PrivateNet`] only.
pub fn counter(group: &str, name: &str) -> Result<u64> {
    let found = ["/proc/net/snmp", "/proc/net/netstat"].iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        value(&text, group, name)
    });
    found.ok_or_else(|| Stop::Unobservable(format!("this system has no counter {group} {name}")))
}

/// The value below a name. A group has two lines: its names, then their values.
fn value(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(':'));
    let mut columns = lines.next()?.split_whitespace().zip(lines.next()?.split_whitespace());
    columns.find(|(column, _)| *column == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_listed_with_its_queue() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, port) =
            (listener.local_addr().unwrap(), listener.local_addr().unwrap().port());
        let client = std::net::TcpStream::connect(address).unwrap();
        let queued = || listed(port).unwrap().iter().any(|row| row.state == 10 && row.queue == 1);
        while !queued() {}
        let own = client.local_addr().unwrap();
        assert!(listed(port).unwrap().iter().any(|row| row.peer == own));
    }

    #[test]
    fn a_counter_is_the_number_below_its_name() {
        let text = "Ip: B\nIp: 9\nTcpExt: A B C\nTcpExt: 1 2 3\n";
        assert_eq!(value(text, "TcpExt", "B"), Some(2));
        assert_eq!(value(text, "TcpExt", "D"), None);
    }
}
