//! The small wrappers around what has no safe one, and the only unsafe code of the crate.

pub(crate) mod ring;

use std::cell::Cell;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::socket::SockFlag;
use nix::unistd::{ForkResult, Pid};

/// A thread, as the kernel numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread {
    /// The id of its process.
    pub(crate) process: i32,
    /// Its own id.
    pub(crate) thread: i32,
}

thread_local! {
    static THREAD: Cell<Option<Thread>> = const { Cell::new(None) };
}

impl Thread {
    /// The calling thread. The kernel is asked once a thread.
    pub(crate) fn current() -> Thread {
        THREAD.get().unwrap_or_else(|| {
            let thread = Thread {
                process: nix::unistd::getpid().as_raw(),
                thread: nix::unistd::gettid().as_raw(),
            };
            THREAD.set(Some(thread));
            thread
        })
    }
}

/// Forks; the child runs `child` and exits with what it returns. The caller has one thread, or
/// none of its other threads holds a lock that the child needs.
pub(crate) fn fork(child: impl FnOnce() -> i32) -> nix::Result<Pid> {
    // SAFETY: the child runs ordinary code, which the caller's side of the contract allows.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            THREAD.set(None);
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            // SAFETY: `_exit` takes an integer and does not return.
            unsafe { libc::_exit(status.unwrap_or(101)) }
        }
    }
}

/// `accept4(2)`: the next connection, which is closed on exec.
pub(crate) fn accept(listener: impl AsFd, flags: SockFlag) -> nix::Result<OwnedFd> {
    let flags = flags | SockFlag::SOCK_CLOEXEC;
    Ok(adopt(nix::sys::socket::accept4(listener.as_fd().as_raw_fd(), flags)?))
}

/// The descriptor `number`, which the kernel has just given to this process.
pub(crate) fn adopt(number: RawFd) -> OwnedFd {
    // SAFETY: the callers have it from the kernel as a new one, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// `sigtimedwait(2)`: takes one signal of `set`, which the caller has blocked, out of the pending
/// ones, and sleeps until there is one. `None` after `timeout`; without one it waits for ever.
pub(crate) fn wait_signal(set: &SigSet, timeout: Option<Duration>) -> nix::Result<Option<Signal>> {
    let time = timeout.map(nix::sys::time::TimeSpec::from);
    let time = time.as_ref().map_or(std::ptr::null(), |time| std::ptr::from_ref(time.as_ref()));
    // SAFETY: the set and the time live across the call; no siginfo is asked for.
    match Errno::result(unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), time) }) {
        Ok(number) => Signal::try_from(number).map(Some),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// `sigpending(2)`: the signals that are blocked and wait for the thread or its process.
pub(crate) fn pending() -> nix::Result<SigSet> {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: the call fills the set in, or fails.
    Errno::result(unsafe { libc::sigpending(set.as_mut_ptr()) })?;
    // SAFETY: it was filled in by the kernel.
    Ok(unsafe { SigSet::from_sigset_t_unchecked(set.assume_init()) })
}

/// Makes `signal` interrupt system calls (`SA_RESTART` is not set) after it has run `handler`,
/// which may do only what is async-signal-safe (signal-safety(7)), like storing to an atomic.
pub(crate) fn interrupt_by(signal: Signal, handler: extern "C" fn(i32)) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handlers of this crate store to an atomic at most.
    unsafe { nix::sys::signal::sigaction(signal, &action) }.map(drop)
}

/// Takes a variable out of the environment.
pub(crate) fn take_variable(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    // SAFETY: called first thing in `main`, while there is one thread.
    unsafe { std::env::remove_var(name) };
    Some(value)
}
