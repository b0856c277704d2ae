//! The small wrappers around what has no safe one, and the only unsafe code of the crate.

pub(crate) mod ring;

use std::cell::Cell;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::socket::SockFlag;
use nix::unistd::{ForkResult, Pid, getppid};

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
fn fork(child: impl FnOnce() -> i32) -> nix::Result<Pid> {
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

/// Forks a worker, which is told to stop if its master is killed: SIGTERM comes when the calling thread
/// ends, and who finds the master gone already does nothing.
pub(crate) fn fork_worker(work: impl FnOnce() -> i32) -> nix::Result<Pid> {
    let master = Pid::this();
    fork(move || {
        let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM);
        if getppid() == master { work() } else { 0 }
    })
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
    let notice = wait_notice(set, timeout)?;
    Ok(notice.and_then(|notice| match notice {
        Notice::Signal(signal) => Some(signal),
        Notice::Ready(_) => None,
    }))
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
    // SAFETY: the handlers of this crate store to an atomic and set an alarm at most.
    unsafe { nix::sys::signal::sigaction(signal, &action) }.map(drop)
}

/// Gives `SIGPIPE` its usual effect back, which the runtime of Rust takes from it: the end of the
/// process.
pub(crate) fn die_of_broken_pipes() {
    // SAFETY: no handler of this crate is replaced, and the default action runs none.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}

/// What a signal that was waited for tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The signal of [`notify`]: something happened to the descriptor of that number.
    Ready(i32),
    /// Another signal.
    Signal(Signal),
}

/// The signal of [`notify`]: the first real-time signal that the C library leaves to programs.
pub(crate) fn ready_signal() -> i32 {
    libc::SIGRTMIN()
}

/// `set`, and the signal of [`notify`].
pub(crate) fn with_ready_signal(set: SigSet) -> SigSet {
    let mut raw = *set.as_ref();
    // SAFETY: the set is initialized, and stays so.
    unsafe {
        libc::sigaddset(&raw mut raw, ready_signal());
        SigSet::from_sigset_t_unchecked(raw)
    }
}

/// `sigtimedwait(2)`, like [`wait_signal`], for a set that holds the signal of [`notify`].
pub(crate) fn wait_notice(set: &SigSet, timeout: Option<Duration>) -> nix::Result<Option<Notice>> {
    /// What of `siginfo_t` (sigaction(2)) a signal for I/O fills in.
    #[repr(C)]
    struct Poll {
        number: libc::c_int,
        head: [libc::c_int; 2],
        band: libc::c_long,
        fd: libc::c_int,
    }
    let time = timeout.map(nix::sys::time::TimeSpec::from);
    let time = time.as_ref().map_or(std::ptr::null(), |time| std::ptr::from_ref(time.as_ref()));
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the set, the time and the room for the answer live across the call.
    let result =
        Errno::result(unsafe { libc::sigtimedwait(set.as_ref(), info.as_mut_ptr(), time) });
    match result {
        Ok(number) if number == ready_signal() => {
            // SAFETY: Poll is a prefix of siginfo_t, of integers only, and all of it is set.
            Ok(Some(Notice::Ready(unsafe { (*info.as_ptr().cast::<Poll>()).fd })))
        }
        Ok(number) => Signal::try_from(number).map(|signal| Some(Notice::Signal(signal))),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Makes the kernel send the calling thread a signal with the number of `fd`, which must not
/// block, whenever something happens to it: `F_SETOWN_EX`, `F_SETSIG`, `O_ASYNC` of fcntl(2).
pub(crate) fn notify(fd: impl AsFd) -> nix::Result<()> {
    /// `struct f_owner_ex` of fcntl(2).
    #[repr(C)]
    struct Owner {
        kind: libc::c_int,
        id: libc::pid_t,
    }
    const F_SETSIG: libc::c_int = 10;
    const F_SETOWN_EX: libc::c_int = 15;
    const F_OWNER_TID: libc::c_int = 0;
    let number = fd.as_fd().as_raw_fd();
    let owner = Owner { kind: F_OWNER_TID, id: Thread::current().thread };
    // SAFETY: the descriptor is open, the struct is the one that the command takes, and the other
    // commands take integers.
    unsafe {
        Errno::result(libc::fcntl(number, F_SETOWN_EX, &raw const owner))?;
        Errno::result(libc::fcntl(number, F_SETSIG, ready_signal()))?;
        Errno::result(libc::fcntl(number, libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC))?;
    }
    Ok(())
}

/// Takes a variable out of the environment.
pub(crate) fn take_variable(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    // SAFETY: called first thing in `main`, while there is one thread.
    unsafe { std::env::remove_var(name) };
    Some(value)
}
