//! epoll as the kernel has it: every argument is the caller's, also those that are wrong.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

/// The most reports for which `epoll_wait` may be asked: as many as fit into `INT_MAX` bytes
/// (`EP_MAX_EVENTS` of `fs/eventpoll.c`).
pub fn most_events() -> i32 {
    i32::MAX / i32::try_from(size_of::<libc::epoll_event>()).unwrap_or(i32::MAX)
}

/// `epoll_create` (epoll_create(2)), which takes the number of descriptors that one had in mind.
pub fn create(size: i32) -> nix::Result<OwnedFd> {
    // SAFETY: epoll_create takes an integer.
    let fd = Errno::result(unsafe { libc::epoll_create(size) })?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `epoll_create1` (epoll_create(2)) with any flags.
pub fn create1(flags: i32) -> nix::Result<OwnedFd> {
    // SAFETY: epoll_create1 takes an integer.
    let fd = Errno::result(unsafe { libc::epoll_create1(flags) })?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `epoll_ctl` (epoll_ctl(2)) with any operation on any number; without `events`, with a null
/// pointer in place of the event. The data is zero.
pub fn control(
    epoll: impl AsFd,
    operation: i32,
    number: i32,
    events: Option<EpollFlags>,
) -> nix::Result<()> {
    let mut event =
        events.map(|events| libc::epoll_event { events: events.bits().cast_unsigned(), u64: 0 });
    let pointer = event.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: the pointer is null, which the kernel refuses or does not read, or that of an event
    // that lives across the call.
    Errno::result(unsafe { libc::epoll_ctl(epoll.as_fd().as_raw_fd(), operation, number, pointer) })
        .map(drop)
}

/// `epoll_wait` (epoll_wait(2)) for at most `most` reports, with a null pointer in place of the
/// buffer and a time-out of zero. Returns their number, which can only be 0.
pub fn wait_without_buffer(epoll: impl AsFd, most: i32) -> nix::Result<i32> {
    // SAFETY: the kernel answers EFAULT when it has something to write to a null pointer.
    Errno::result(unsafe {
        libc::epoll_wait(epoll.as_fd().as_raw_fd(), std::ptr::null_mut(), most, 0)
    })
}

/// `epoll_pwait` (epoll_wait(2)) for one report, with `mask` as the signal mask of the thread
/// meanwhile; `timeout` in milliseconds, -1 for ever. Returns the number of reports.
pub fn pwait(epoll: impl AsFd, timeout: i32, mask: &SigSet) -> nix::Result<i32> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: one event fits, and the mask lives across the call.
    Errno::result(unsafe {
        libc::epoll_pwait(epoll.as_fd().as_raw_fd(), &raw mut event, 1, timeout, mask.as_ref())
    })
}

/// `EPIOCGPARAMS` (ioctl_eventpoll(2)): how an instance polls network devices.
pub fn busy_poll(epoll: impl AsFd) -> nix::Result<libc::epoll_params> {
    // SAFETY: epoll_params is made of integers.
    let mut params: libc::epoll_params = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one epoll_params, which lives across the call.
    Errno::result(unsafe {
        libc::ioctl(epoll.as_fd().as_raw_fd(), libc::EPIOCGPARAMS, &raw mut params)
    })?;
    Ok(params)
}

/// `EPIOCSPARAMS` (ioctl_eventpoll(2)): sets it.
pub fn set_busy_poll(epoll: impl AsFd, params: &libc::epoll_params) -> nix::Result<()> {
    // SAFETY: the request reads one epoll_params, which lives across the call.
    Errno::result(unsafe {
        libc::ioctl(epoll.as_fd().as_raw_fd(), libc::EPIOCSPARAMS, std::ptr::from_ref(params))
    })
    .map(drop)
}

/// Whether `file`, a number of this process, is the file that was registered in `epoll` under the
/// number `registered` (kcmp(2), `KCMP_EPOLL_TFD`). ENOENT if none was.
pub fn is_target(epoll: impl AsFd, registered: i32, file: impl AsFd) -> nix::Result<bool> {
    /// `KCMP_EPOLL_TFD` of `linux/kcmp.h`.
    const KCMP_EPOLL_TFD: libc::c_int = 7;
    /// `struct kcmp_epoll_slot` of `linux/kcmp.h`.
    #[repr(C)]
    struct Slot {
        epoll: u32,
        target: u32,
        offset: u32,
    }
    let slot = Slot {
        epoll: epoll.as_fd().as_raw_fd().unsigned_abs(),
        target: registered.unsigned_abs(),
        offset: 0,
    };
    let pid = Pid::this().as_raw();
    // SAFETY: kcmp reads one slot, which lives across the call; the rest are numbers.
    let order = Errno::result(unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            pid,
            pid,
            KCMP_EPOLL_TFD,
            libc::c_ulong::from(file.as_fd().as_raw_fd().unsigned_abs()),
            &raw const slot,
        )
    })?;
    Ok(order == 0)
}
