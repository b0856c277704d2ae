//! What a case may ask of a machine, and how that is found out: by probing, never by guessing.

use nix::errno::Errno;

use crate::trial::{Result, Stop};

/// Something that a machine must offer before a case can be tried on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// So many CPUs that this process may run on.
    Cpus(usize),
    /// A network namespace of the trial's own: its sysctls and counters are nobody else's.
    PrivateNet,
    /// A second user to act as.
    SecondUser,
    /// IPv6 on the loopback interface.
    Ipv6,
    /// `io_uring_setup(2)`.
    IoUring,
    /// The system calls of sleeping threads, in `/proc`.
    Syscalls,
    /// An x86-64: what one call costs beside another is a matter of the architecture, and of the calls
    /// that the C library makes on it.
    X86_64,
    /// So many descriptors in one process.
    Descriptors(u64),
}

impl std::fmt::Display for Need {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Need::Cpus(count) => write!(out, "{count} CPUs"),
            Need::PrivateNet => out.write_str("a network namespace of its own"),
            Need::SecondUser => out.write_str("a second user (root)"),
            Need::Ipv6 => out.write_str("IPv6"),
            Need::IoUring => out.write_str("io_uring"),
            Need::Syscalls => out.write_str("the system calls of sleeping threads in /proc"),
            Need::X86_64 => out.write_str("x86-64"),
            Need::Descriptors(count) => write!(out, "{count} open descriptors"),
        }
    }
}

/// Allows an ordinary user to make namespaces; shown wherever they are missing.
pub const MEND_NAMESPACES: &str =
    "sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1";

impl Need {
    /// Finds out whether the trial that runs this code has it. Ends the trial as `skipped` or
    /// `unsupported` if not.
    pub fn probe(self) -> Result {
        match self {
            Need::Cpus(count) => cpus(count),
            Need::PrivateNet => private_net(),
            Need::SecondUser => second_user(),
            Need::Ipv6 => ipv6(),
            Need::IoUring => io_uring(),
            Need::Syscalls => syscalls(),
            Need::X86_64 => x86_64(),
            Need::Descriptors(count) => descriptors(count),
        }
    }
}

fn skipped(reason: String, mend: &str) -> Result {
    Err(Stop::Skipped { reason, mend: mend.to_owned() })
}

fn cpus(count: usize) -> Result {
    let here = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0))?;
    let found =
        (0..nix::sched::CpuSet::count()).filter(|cpu| here.is_set(*cpu).unwrap_or(false)).count();
    if found >= count {
        Ok(())
    } else {
        skipped(format!("needs {count} CPUs, may use {found}"), "")
    }
}

fn private_net() -> Result {
    if crate::isolate::granted(crate::isolate::Namespace::Net) {
        Ok(())
    } else {
        skipped("needs a network namespace of its own".to_owned(), MEND_NAMESPACES)
    }
}

fn second_user() -> Result {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let users: u64 =
        map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum();
    if nix::unistd::geteuid().is_root() && users > 1 {
        Ok(())
    } else {
        skipped("needs root, to act as a second user".to_owned(), "run as root: sudo ioconform run")
    }
}

fn ipv6() -> Result {
    match std::net::UdpSocket::bind((std::net::Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => Ok(()),
        Err(error) => skipped(
            format!("no IPv6 on loopback: {error}"),
            "sysctl -w net.ipv6.conf.lo.disable_ipv6=0",
        ),
    }
}

/// A ring that can be made and entered. A filter may forbid any of its system calls, with any
/// errno; a system that has none says `ENOSYS` without one.
fn io_uring() -> Result {
    let entered = io_uring::IoUring::new(2).and_then(|ring| ring.submit());
    let Err(error) = entered else { return Ok(()) };
    let filtered = std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status.lines().any(|line| line.starts_with("Seccomp:\t") && !line.ends_with('0'))
    });
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::EPERM | Errno::EACCES => skipped(
            format!("io_uring is forbidden here by a sysctl or a seccomp filter: {error}"),
            "sysctl -w kernel.io_uring_disabled=0, outside of a container",
        ),
        Errno::ENOSYS if filtered => skipped(
            "io_uring is not there, or a seccomp filter says so (ENOSYS)".to_owned(),
            "run outside of the container whose filter it is",
        ),
        Errno::ENOSYS => Err(Stop::Unsupported("the system has no io_uring (ENOSYS)".to_owned())),
        Errno::ENOMEM => skipped(
            "no locked memory is left for a ring (ENOMEM)".to_owned(),
            "ulimit -l unlimited",
        ),
        errno => Err(Stop::Error(format!("io_uring_setup: {}", errno.desc()))),
    }
}

fn syscalls() -> Result {
    match crate::watch::Sight::here() {
        crate::watch::Sight::Syscall => Ok(()),
        crate::watch::Sight::Quiet => Err(Stop::Unobservable(
            "the case looks into /proc/self/task, which does not tell here in what call a thread sleeps".to_owned(),
        )),
    }
}

fn x86_64() -> Result {
    if cfg!(target_arch = "x86_64") {
        Ok(())
    } else {
        Err(Stop::Unobservable("it is known of x86-64 alone".to_owned()))
    }
}

fn descriptors(count: u64) -> Result {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= count {
        return Ok(());
    }
    if hard < count {
        return skipped(
            format!("needs {count} descriptors, may open {hard}"),
            "raise the hard limit: ulimit -Hn",
        );
    }
    Ok(setrlimit(Resource::RLIMIT_NOFILE, count, hard)?)
}
