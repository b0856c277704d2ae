//! How a network namespace is set, and options that a kernel may not know.

use nix::errno::Errno;

use crate::trial::{Result, Stop};

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
