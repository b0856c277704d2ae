//! Waits with a time-out in nanoseconds, as the kernel has them: it takes any time-out, also one
//! that is wrong, and writes back what is left of it. The C library hides the second.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
pub use nix::sys::time::{TimeSpec, TimeVal};

use super::poll::bitmap;

fn pointer(timeout: Option<&mut TimeSpec>) -> *mut libc::timespec {
    timeout.map_or(std::ptr::null_mut(), |time| std::ptr::from_mut(time.as_mut()))
}

fn count(returned: libc::c_long) -> nix::Result<i32> {
    Errno::result(returned).map(|count| i32::try_from(count).unwrap_or(i32::MAX))
}

/// A set of this one descriptor, and the number after it.
fn set_of(fd: impl AsFd) -> nix::Result<(Vec<u64>, i32)> {
    let number = fd.as_fd().as_raw_fd();
    if (0..1024).contains(&number) {
        Ok((bitmap(16, [number]), number + 1))
    } else {
        Err(Errno::EBADF)
    }
}

/// The system call `ppoll` (poll(2)) on one descriptor, without a signal mask; for ever without a
/// time-out. Returns how many are ready, and leaves in `timeout` what is left of it.
pub fn ppoll(fd: impl AsFd, events: PollFlags, timeout: Option<&mut TimeSpec>) -> nix::Result<i32> {
    let mut entry = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events: events.bits(), revents: 0 };
    // SAFETY: one pollfd and the timespec, alive across the call; there is no signal mask.
    count(unsafe {
        libc::syscall(libc::SYS_ppoll, &raw mut entry, 1_usize, pointer(timeout), 0_usize, 0_usize)
    })
}

/// The system call `pselect6` (select(2)), which waits for one descriptor below 1024 to be
/// readable, without a signal mask; for ever without a time-out. Returns how many are ready, and
/// leaves in `timeout` what is left of it. EBADF for a number of 1024 or more.
pub fn pselect6(fd: impl AsFd, timeout: Option<&mut TimeSpec>) -> nix::Result<i32> {
    let (mut set, nfds) = set_of(fd)?;
    // SAFETY: the bitmap holds `nfds` bits, and the timespec lives across the call; there
    // are no other sets and no signal mask.
    count(unsafe {
        libc::syscall(
            libc::SYS_pselect6,
            nfds,
            set.as_mut_ptr(),
            0_usize,
            0_usize,
            pointer(timeout),
            0_usize,
        )
    })
}

/// The system call `select` (select(2)), which waits for one descriptor below 1024 to be readable,
/// with a time-out of which any part may be negative. Returns how many are ready, and leaves in
/// `timeout` what is left of it. EBADF for a number of 1024 or more, ENOSYS on architectures that
/// have `pselect6` alone.
#[cfg(target_arch = "x86_64")]
pub fn select_readable(fd: impl AsFd, timeout: &mut TimeVal) -> nix::Result<i32> {
    let (mut set, nfds) = set_of(&fd)?;
    // SAFETY: the bitmap holds `nfds` bits, the timeval lives across the call, and there are no
    // other sets.
    count(unsafe {
        libc::syscall(
            super::abi::SYS_select,
            nfds,
            set.as_mut_ptr(),
            0_usize,
            0_usize,
            std::ptr::from_mut(timeout.as_mut()),
        )
    })
}

/// See above.
#[cfg(not(target_arch = "x86_64"))]
pub fn select_readable(_fd: impl AsFd, _timeout: &mut TimeVal) -> nix::Result<i32> {
    Err(Errno::ENOSYS)
}

/// The system call `epoll_pwait2` (epoll_wait(2)) for one report, without a signal mask; for ever
/// without a time-out. Returns the number of reports. ENOSYS before Linux 5.11.
pub fn epoll_pwait2(epoll: impl AsFd, timeout: Option<&TimeSpec>) -> nix::Result<i32> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    let time = timeout.map_or(std::ptr::null(), |time| std::ptr::from_ref(time.as_ref()));
    // SAFETY: one event fits, and the timespec lives across the call; there is no signal mask.
    count(unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_fd().as_raw_fd(),
            &raw mut event,
            1,
            time,
            0_usize,
            0_usize,
        )
    })
}
