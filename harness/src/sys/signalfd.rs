//! signalfd(2), real-time signals included, and the pending signals that it shows.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::Pid;

/// A signal that was read, as the fields of `signalfd_siginfo` tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub number: i32,
    /// Who sent it: `SI_USER` is kill(2), `SI_QUEUE` is sigqueue(3).
    pub code: i32,
    /// The process that sent it.
    pub sender: u32,
    /// The value that sigqueue(3) sent along, as the pointer that it is sent as (`sival_ptr`).
    pub value: u64,
}

/// The size of a `signalfd_siginfo`, which is that of the shortest read.
pub const RECORD: usize = size_of::<libc::signalfd_siginfo>();

/// A nonblocking signalfd for these signals, which stay as they are: blocked or not.
pub fn open(numbers: &[i32]) -> nix::Result<OwnedFd> {
    let set = set_of(numbers)?;
    // SAFETY: the set lives across the call.
    let fd = Errno::result(unsafe {
        libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC)
    })?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a signalfd one for these signals, and no others.
pub fn change(signalfd: impl AsFd, numbers: &[i32]) -> nix::Result<()> {
    let set = set_of(numbers)?;
    // SAFETY: the set lives across the call.
    Errno::result(unsafe { libc::signalfd(signalfd.as_fd().as_raw_fd(), &raw const set, 0) })
        .map(drop)
}

/// Reads up to eight signals.
pub fn read(signalfd: impl AsFd) -> nix::Result<Vec<Received>> {
    // SAFETY: a signalfd_siginfo is made of integers.
    let mut records: [libc::signalfd_siginfo; 8] = unsafe { std::mem::zeroed() };
    // SAFETY: eight records fit.
    let length = Errno::result(unsafe {
        libc::read(signalfd.as_fd().as_raw_fd(), records.as_mut_ptr().cast(), 8 * RECORD)
    })?;
    let received = |record: &libc::signalfd_siginfo| Received {
        number: record.ssi_signo.cast_signed(),
        code: record.ssi_code,
        sender: record.ssi_pid,
        value: record.ssi_ptr,
    };
    Ok(records.iter().take(length.unsigned_abs() / RECORD).map(received).collect())
}

/// `sigqueue(3)`: sends a signal with a value.
pub fn send_value(to: Pid, number: i32, value: u32) -> nix::Result<()> {
    let value = libc::sigval { sival_ptr: std::ptr::without_provenance_mut(value as usize) };
    // SAFETY: the value is handed on as it is; nobody follows it as a pointer.
    Errno::result(unsafe { libc::sigqueue(to.as_raw(), number, value) }).map(drop)
}

/// Whether a signal is pending for the calling thread or its process: `sigpending(2)`.
pub fn is_pending(number: i32) -> nix::Result<bool> {
    // SAFETY: an all-zero set is valid memory, which sigpending fills.
    let pending = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        Errno::result(libc::sigpending(&raw mut set))?;
        Errno::result(libc::sigismember(&raw const set, number))?
    };
    Ok(pending == 1)
}

fn set_of(numbers: &[i32]) -> nix::Result<libc::sigset_t> {
    // SAFETY: an all-zero set is valid memory, and sigemptyset makes it an empty set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in numbers {
            Errno::result(libc::sigaddset(&raw mut set, *number))?;
        }
        Ok(set)
    }
}
