//! Processes: fork, clone into new namespaces, and what a trial's processes need at their start.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::{ForkResult, Pid};

/// Ends the process at once: no destructors, no `atexit` handlers, no flushing.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` takes an integer and does not return.
    unsafe { libc::_exit(status) }
}

/// Ends the calling thread alone, even if it is the first of its process: the others go on.
pub fn exit_thread() -> ! {
    // SAFETY: the thread is gone with the call, and gives nothing back that others use.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    exit_now(0)
}

/// Forks; the child runs `child` and exits with what it returns, or with 101 if it panics.
pub fn fork(child: impl FnOnce() -> i32) -> nix::Result<Pid> {
    // SAFETY: the child runs ordinary code. glibc makes its allocator usable in the child, and
    // the callers take care that no other thread holds a lock that the child needs.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            exit_now(status.unwrap_or(101))
        }
    }
}

/// Like [`fork`], with a child that is killed when the calling thread ends, however soon that is.
pub fn fork_bound(child: impl FnOnce() -> i32) -> nix::Result<Pid> {
    let parent = nix::unistd::getpid();
    fork(move || if die_with(parent).is_ok() { child() } else { 1 })
}

/// Like [`fork`], with the child in new namespaces. The child must fork again before it runs code
/// that asks glibc for its thread id: a raw `clone` does not tell glibc of the new one.
pub(crate) fn fork_into(namespaces: CloneFlags, child: impl FnOnce() -> i32) -> nix::Result<Pid> {
    let flags = namespaces.bits() | libc::SIGCHLD;
    // SAFETY: without CLONE_VM this is a fork; stack, thread ids and TLS stay untouched (zero).
    let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })?;
    if pid == 0 {
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        exit_now(status.unwrap_or(101))
    }
    Ok(Pid::from_raw(i32::try_from(pid).map_err(|_| Errno::ERANGE)?))
}

/// Takes over a descriptor that was handed to this process by number.
pub fn adopt(number: RawFd) -> nix::Result<OwnedFd> {
    nix::fcntl::fcntl(borrow(number), nix::fcntl::FcntlArg::F_GETFD)?;
    // SAFETY: the descriptor is open (just asked), and nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes a forked child's copy of the parent's end of a pipe: with it open, the child would never see
/// the parent go.
pub(crate) fn close(end: &std::io::PipeWriter) {
    drop(adopt(end.as_raw_fd()));
}

/// A descriptor by its number, open or not: for cases that use one after its end on purpose.
pub fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the kernel answers EBADF for a number that is not open; nothing is owned here. The
    // number is never -1, which is the one value that a BorrowedFd must not hold.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Makes `to` the copy of `from` under a fixed number, replacing what was there.
pub fn copy_to(from: impl AsFd, to: RawFd, close_on_exec: bool) -> nix::Result<()> {
    let flags = if close_on_exec { libc::O_CLOEXEC } else { 0 };
    // SAFETY: dup3 takes numbers only.
    Errno::result(unsafe { libc::dup3(from.as_fd().as_raw_fd(), to, flags) }).map(drop)
}

/// Makes every descriptor from `first` on one that no other program inherits (close_range(2), with
/// `CLOSE_RANGE_CLOEXEC`). Fails with ENOSYS or EINVAL before Linux 5.11.
pub(crate) fn keep_from_programs(first: u32) -> nix::Result<()> {
    // SAFETY: close_range takes numbers only, and closes nothing with this flag.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC)
    })
    .map(drop)
}

/// The path that this program was started by, told by the kernel's auxiliary vector: it is known
/// where `/proc/self/exe` is not.
pub(crate) fn started_as() -> Option<PathBuf> {
    // SAFETY: AT_EXECFN is the address of a string that lives as long as the process, or zero.
    let text = unsafe {
        let address = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        (!address.is_null()).then(|| std::ffi::CStr::from_ptr(address))
    }?;
    let path: CString = text.to_owned();
    Some(PathBuf::from(std::ffi::OsString::from_vec(path.into_bytes())))
}

/// Brings the loopback interface of the current network namespace up.
pub fn loopback_up() -> nix::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: an all-zero ifreq is valid; the name is shorter than its field and ends in zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP).map_err(|_| Errno::ERANGE)?;
    // SAFETY: SIOCSIFFLAGS reads one ifreq.
    Errno::result(unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)
    })
    .map(drop)
}

/// A descriptor that becomes readable when the process ends (pidfd_open(2)).
pub fn pidfd(pid: Pid) -> nix::Result<OwnedFd> {
    super::pidfd::open(pid, 0)
}

/// Sets the soft limit of `RLIMIT_NOFILE` of a running process (prlimit(2)) to `soft`, which must
/// not be above its hard limit, and returns what it was. The limit bounds the number of a new
/// descriptor: it must be below `soft` (getrlimit(2)).
pub fn limit_descriptors(pid: Pid, soft: u64) -> nix::Result<u64> {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: without a new limit only `old` is written.
    Errno::result(unsafe {
        libc::prlimit(pid.as_raw(), libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut old)
    })?;
    let new = libc::rlimit { rlim_cur: soft, rlim_max: old.rlim_max };
    // SAFETY: only `new` is read.
    Errno::result(unsafe {
        libc::prlimit(pid.as_raw(), libc::RLIMIT_NOFILE, &raw const new, std::ptr::null_mut())
    })?;
    Ok(old.rlim_cur)
}

/// Signals `signal` to this process when the thread that created it ends.
pub(crate) fn die_with_parent() -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
}

/// The same, where the parent can be seen: fails with ESRCH if it had ended before, for then no signal
/// comes (`PR_SET_PDEATHSIG`, prctl(2)).
pub(crate) fn die_with(parent: Pid) -> nix::Result<()> {
    die_with_parent()?;
    if nix::unistd::getppid() == parent { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Makes a command that this process will start die with the thread that starts it, and fail with
/// ESRCH if this process has ended by then.
pub fn bind_to_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    let parent = nix::unistd::getpid();
    // SAFETY: between fork and exec only prctl and getppid are called, which allocate nothing.
    unsafe {
        command.pre_exec(move || Ok(die_with(parent)?));
    }
}

/// Waits for `child` until it ends or `limit` is over; `None` in the second case.
pub fn wait_at_most(
    child: Pid,
    limit: Duration,
) -> nix::Result<Option<nix::sys::wait::WaitStatus>> {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    let end = std::time::Instant::now() + limit;
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if std::time::Instant::now() >= end => return Ok(None),
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {
                nix::sched::sched_yield()?;
            }
            other => return other.map(Some),
        }
    }
}
