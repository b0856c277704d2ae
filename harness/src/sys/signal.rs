//! Signal handlers that only take notes.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static HANDLED: AtomicU64 = AtomicU64::new(0);
static LAST_NUMBER: AtomicI32 = AtomicI32::new(0);
static LAST_CODE: AtomicI32 = AtomicI32::new(0);
static LAST_FD: AtomicI32 = AtomicI32::new(-1);
static LAST_BAND: AtomicI64 = AtomicI64::new(0);
static LAST_UNREAD: AtomicI32 = AtomicI32::new(-1);

/// What the handler noted of the last signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The signal's number.
    pub number: i32,
    /// `si_code`: `POLL_IN` and others for signal-driven I/O with `F_SETSIG`.
    pub code: i32,
    /// `si_fd`: the descriptor that became ready, for signal-driven I/O with `F_SETSIG`.
    pub fd: i32,
    /// `si_band`: its poll events.
    pub band: i64,
    /// `FIONREAD` of that descriptor, asked inside the handler: the bytes that still wait in the
    /// kernel while the process is being told.
    pub unread: i32,
}

extern "C" fn take_note(
    number: libc::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    /// The layout of `siginfo_t` for SIGPOLL: three ints, padding to the alignment of a long.
    #[repr(C)]
    struct Poll {
        head: [libc::c_int; 3],
        band: libc::c_long,
        fd: libc::c_int,
    }
    // SAFETY: the kernel hands a siginfo_t to a handler that was set with SA_SIGINFO, and Poll is
    // a prefix of it. The numbers mean something for signals of F_SETSIG only, which is when
    // they are looked at.
    let (fd, band, code) = unsafe {
        let poll = info.cast::<Poll>();
        ((*poll).fd, (*poll).band, (*info).si_code)
    };
    // The code that was interrupted may be about to look at its own errno.
    let errno = Errno::last_raw();
    let mut unread: libc::c_int = -1;
    // SAFETY: FIONREAD writes one int; on a number that is not open it fails and writes nothing.
    unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut unread) };
    LAST_NUMBER.store(number, Ordering::SeqCst);
    LAST_CODE.store(code, Ordering::SeqCst);
    LAST_FD.store(fd, Ordering::SeqCst);
    LAST_BAND.store(band, Ordering::SeqCst);
    LAST_UNREAD.store(unread, Ordering::SeqCst);
    HANDLED.fetch_add(1, Ordering::SeqCst);
    Errno::set_raw(errno);
}

/// Installs the note-taking handler for a signal, real-time ones included. With `restart`, system
/// calls that can be are restarted (`SA_RESTART`).
pub fn take_notes_of(number: i32, restart: bool) -> nix::Result<()> {
    let flags = libc::SA_SIGINFO | if restart { libc::SA_RESTART } else { 0 };
    // SAFETY: an all-zero sigaction is valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = take_note;
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = flags;
    // SAFETY: the handler touches atomics and makes one ioctl: async-signal-safe.
    Errno::result(unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) })
        .map(drop)
}

/// Gives a signal its default action back.
pub fn default_action(signal: Signal) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    unsafe { sigaction(signal, &action) }.map(drop)
}

/// Whether this process ignores a signal, as it does SIGHUP under nohup(1).
pub fn is_ignored(signal: Signal) -> nix::Result<bool> {
    // SAFETY: an all-zero sigaction is valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: sigaction writes one such structure, and changes nothing where there is no new one.
    Errno::result(unsafe { libc::sigaction(signal as i32, std::ptr::null(), &raw mut action) })?;
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// How many signals the note-taking handler has seen.
pub fn handled() -> u64 {
    HANDLED.load(Ordering::SeqCst)
}

/// What it noted of the last one.
pub fn last() -> Note {
    Note {
        number: LAST_NUMBER.load(Ordering::SeqCst),
        code: LAST_CODE.load(Ordering::SeqCst),
        fd: LAST_FD.load(Ordering::SeqCst),
        band: LAST_BAND.load(Ordering::SeqCst),
        unread: LAST_UNREAD.load(Ordering::SeqCst),
    }
}

/// `F_SETSIG` (`F_SETSIG(2const)`): the signal that tells of I/O on `fd`, 0 for a plain SIGIO.
pub fn set_io_signal(fd: impl AsFd, number: i32) -> nix::Result<()> {
    // SAFETY: F_SETSIG takes an int.
    Errno::result(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), F_SETSIG, number) }).map(drop)
}

/// `F_SETOWN` (`F_SETOWN(2const)`): the process that is told of I/O on `fd`.
pub fn set_io_owner(fd: impl AsFd, pid: i32) -> nix::Result<()> {
    // SAFETY: F_SETOWN takes an int.
    Errno::result(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_SETOWN, pid) }).map(drop)
}

/// `F_SETOWN_EX` (`F_SETOWN_EX(2const)`) with `F_OWNER_TID`: the one thread that is told of I/O on
/// `fd`.
pub fn set_io_thread(fd: impl AsFd, thread: nix::unistd::Pid) -> nix::Result<()> {
    /// `struct f_owner_ex`.
    #[repr(C)]
    struct Owner {
        kind: libc::c_int,
        pid: libc::pid_t,
    }
    let owner = Owner { kind: F_OWNER_TID, pid: thread.as_raw() };
    // SAFETY: F_SETOWN_EX reads one f_owner_ex.
    Errno::result(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), F_SETOWN_EX, &raw const owner) })
        .map(drop)
}

/// A set of these signals, real-time ones included.
fn set_of(numbers: &[i32]) -> nix::Result<libc::sigset_t> {
    // SAFETY: an all-zero set is valid memory, and sigemptyset makes it an empty set; the calls only
    // touch the set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in numbers {
            Errno::result(libc::sigaddset(&raw mut set, *number))?;
        }
        Ok(set)
    }
}

/// Holds a signal back from the calling thread, or lets it through again; real-time ones included.
pub fn block(number: i32, block: bool) -> nix::Result<()> {
    let how = if block { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    let set = set_of(&[number])?;
    // SAFETY: the call reads the set, and touches the mask of this thread alone.
    let result = unsafe { libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(Errno::from_raw(result)) }
}

/// `pause(2)`: sleeps until a handler has run, and then fails with EINTR.
pub fn pause() -> nix::Result<()> {
    // SAFETY: pause takes nothing.
    Errno::result(unsafe { libc::pause() }).map(drop)
}

/// `sigsuspend(2)` with an empty mask: sleeps until a handler has run, and then fails with EINTR.
pub fn suspend() -> nix::Result<()> {
    let set = set_of(&[])?;
    // SAFETY: the call only reads the set.
    Errno::result(unsafe { libc::sigsuspend(&raw const set) }).map(drop)
}

/// `sigtimedwait(2)`: sleeps until this signal, which is blocked, is pending, or the time is over.
pub fn wait_for(number: i32, limit: std::time::Duration) -> nix::Result<()> {
    let limit = nix::sys::time::TimeSpec::from_duration(limit);
    let set = set_of(&[number])?;
    // SAFETY: set and timespec live across the call, and nothing else of the signal is asked for.
    Errno::result(unsafe {
        libc::sigtimedwait(&raw const set, std::ptr::null_mut(), std::ptr::from_ref(limit.as_ref()))
    })
    .map(drop)
}

/// `POLL_IN` and `POLL_OUT` of `asm-generic/siginfo.h`: what is possible now, as `si_code` says it.
pub const POLL_IN: i32 = 1;
/// See [`POLL_IN`].
pub const POLL_OUT: i32 = 2;

/// `F_SETSIG` of `asm-generic/fcntl.h`.
const F_SETSIG: libc::c_int = 10;
/// `F_SETOWN_EX`, and its kind of owner that is a thread.
const F_SETOWN_EX: libc::c_int = 15;
const F_OWNER_TID: libc::c_int = 0;

/// The lowest real-time signal that the C library leaves to programs.
pub fn first_realtime() -> i32 {
    libc::SIGRTMIN()
}
