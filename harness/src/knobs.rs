//! What a network namespace counts, and how it is set; and options that a kernel may not know.

use nix::errno::Errno;

use crate::trial::{Result, Stop};

/// A counter of this network namespace from `/proc/net/snmp` or `/proc/net/netstat`: of the group
/// `Udp`, for example, and by a name such as `RcvbufErrors`. Ends the trial as `unobservable` where
/// there is no such counter. It is nobody else's with [`crate::need::Need::PrivateNet`] only.
pub fn counter(group: &str, name: &str) -> Result<u64> {
    let found = ["/proc/net/snmp", "/proc/net/netstat"].iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(':'));
        let mut columns = lines.next()?.split_whitespace().zip(lines.next()?.split_whitespace());
        columns.find(|(column, _)| *column == name)?.1.parse().ok()
    });
    found.ok_or_else(|| Stop::Unobservable(format!("this system has no counter {group} {name}")))
}

/// A number of a sysctl of this network namespace, if it is there: `core/rmem_max`, or of one with
/// several numbers the one at `index`.
pub fn sysctl(name: &str, index: usize) -> Option<usize> {
    let text = std::fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
    text.split_whitespace().nth(index)?.parse().ok()
}

/// Ends the trial as `unsupported` if the kernel does not know an option that was asked for.
pub fn known<T>(answer: nix::Result<T>, option: &str) -> Result<T> {
    let unknown = [Errno::ENOPROTOOPT, Errno::EOPNOTSUPP];
    answer.map_err(|error| Stop::unsupported_if(error, &unknown, option))
}
