//! Descriptors of processes: what nix leaves out of pidfd_open(2) and its relatives.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::Pid;

/// `PIDFD_THREAD` of `linux/pidfd.h`: any thread, and not the first of a process alone.
pub const PIDFD_THREAD: u32 = libc::O_EXCL.cast_unsigned();

/// `PIDFD_NONBLOCK` of `linux/pidfd.h`: waitid(2) on the descriptor does not sleep.
pub const PIDFD_NONBLOCK: u32 = libc::O_NONBLOCK.cast_unsigned();

/// `PIDFD_SELF_THREAD` of `linux/fcntl.h`: the calling thread, in place of a descriptor.
pub const PIDFD_SELF_THREAD: i32 = -10000;

/// `PIDFD_INFO_EXIT` of `linux/pidfd.h`: how the process ended.
const INFO_EXIT: u64 = 1 << 3;

/// `struct pidfd_info` as it was at first (`PIDFD_INFO_SIZE_VER0`).
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    users_and_groups: [u32; 8],
    exit_code: i32,
}

/// `PIDFD_GET_INFO`: `_IOWR(0xFF, 11, struct pidfd_info)` with 64 bytes.
const GET_INFO: libc::c_ulong = 0xC040_FF0B;
const _: () = assert!(size_of::<Info>() == 64);

/// `pidfd_open(2)`.
pub fn open(pid: Pid, flags: u32) -> nix::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), flags) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::ERANGE)?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `pidfd_send_signal(2)`, with a number that need not be a descriptor; signal 0 only asks.
pub fn send_signal(pidfd: i32, signal: i32) -> nix::Result<()> {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without a siginfo_t the call takes numbers only.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, nothing, 0_u32)
    })
    .map(drop)
}

/// The process id that `PIDFD_GET_INFO` tells; ESRCH once the process was reaped.
pub fn told_pid(pidfd: impl AsFd) -> nix::Result<u32> {
    info(pidfd, 0).map(|info| info.pid)
}

/// How a process ended that was reaped, as wait(2) encodes it, from `PIDFD_GET_INFO` with
/// `PIDFD_INFO_EXIT`; `None` where the kernel does not tell, or not yet.
pub fn told_exit(pidfd: impl AsFd) -> nix::Result<Option<i32>> {
    let info = info(pidfd, INFO_EXIT)?;
    Ok((info.mask & INFO_EXIT != 0).then_some(info.exit_code))
}

fn info(pidfd: impl AsFd, mask: u64) -> nix::Result<Info> {
    let mut info = Info { mask, ..Info::default() };
    // SAFETY: the request names the size of the structure, which lives across the call.
    Errno::result(unsafe { libc::ioctl(pidfd.as_fd().as_raw_fd(), GET_INFO as _, &raw mut info) })?;
    Ok(info)
}
