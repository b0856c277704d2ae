//! ptrace(2) as a tracer uses it: attaching, stops, and the registers of a system call; and the
//! seccomp filter (seccomp(2)) that makes calls stop.

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;

#[cfg_attr(not(target_arch = "x86_64"), path = "trace/told.rs")]
mod registers;

pub(crate) use registers::Registers;

/// What a traced thread stopped for, or that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has ended, with this status as wait(2) encodes it.
    Ended(i32),
    /// A system call that the filter names is about to begin (`PTRACE_EVENT_SECCOMP`).
    Call,
    /// A system call begins or has ended, after [`resume_to_exit`].
    Edge,
    /// It is being stopped with its process, by a stopping signal.
    Group,
    /// A signal is about to be delivered to it.
    Signal(i32),
    /// Anything else for which it stops: a new thread's first stop, fork, clone, exec.
    Other,
}

/// `PTRACE_EVENT_STOP` of `linux/ptrace.h`.
const EVENT_STOP: i32 = 128;

/// Attaches to a thread without stopping it (`PTRACE_SEIZE`), and to all that it will start. They
/// are killed when the calling thread ends.
pub(crate) fn attach(thread: Pid) -> nix::Result<()> {
    ptrace::seize(
        thread,
        Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_EXITKILL,
    )
}

/// The next stop or end of a traced thread or of a child, whichever comes. Not by `nix`, which knows
/// no real-time signals.
pub(crate) fn next() -> nix::Result<(Pid, Event)> {
    let mut status = 0;
    // SAFETY: waitpid writes one int.
    let pid = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) })?;
    Ok((Pid::from_raw(pid), event(status)))
}

fn event(status: i32) -> Event {
    if !libc::WIFSTOPPED(status) {
        return Event::Ended(status);
    }
    let (signal, kind) = (libc::WSTOPSIG(status), status >> 16);
    match (signal, kind) {
        (_, libc::PTRACE_EVENT_SECCOMP) => Event::Call,
        (libc::SIGTRAP, EVENT_STOP) => Event::Other,
        (_, EVENT_STOP) => Event::Group,
        (_, 0) if signal == libc::SIGTRAP | 0x80 => Event::Edge,
        (_, 0) => Event::Signal(signal),
        _ => Event::Other,
    }
}

/// Lets a stopped thread go on, with this signal (0: none), until the next call that the filter names.
/// One that is gone meanwhile is no error.
pub(crate) fn resume(thread: Pid, signal: i32) -> nix::Result<()> {
    request(libc::PTRACE_CONT, thread, signal)
}

/// Like [`resume`], but it stops when the call that it is in has ended.
pub(crate) fn resume_to_exit(thread: Pid, signal: i32) -> nix::Result<()> {
    request(libc::PTRACE_SYSCALL, thread, signal)
}

/// Leaves a thread stopped that its process's stop has stopped, until that goes on.
pub(crate) fn leave_stopped(thread: Pid) -> nix::Result<()> {
    request(libc::PTRACE_LISTEN, thread, 0)
}

fn request(request: libc::c_uint, thread: Pid, signal: i32) -> nix::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    let data = libc::c_long::from(signal);
    // SAFETY: these requests take the number of a thread and that of a signal.
    match Errno::result(unsafe { libc::ptrace(request, thread.as_raw(), nothing, data) }) {
        Ok(_) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the calls with these numbers, or all but those, of this thread and of all that it starts stop
/// for the tracer. It cannot be undone, and gives up setuid programs (`no_new_privs`).
pub(crate) fn stop_at(numbers: &[i64], all_but: bool) -> std::io::Result<()> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
    let (mut named, mut others) = (SeccompAction::Trace(0), SeccompAction::Allow);
    if all_but {
        std::mem::swap(&mut named, &mut others);
    }
    // Those below 0 are of other architectures.
    let here = numbers.iter().filter(|number| **number >= 0);
    let rules = here.map(|number| (*number, Vec::new())).collect();
    let other = std::io::Error::other::<seccompiler::Error>;
    let architecture =
        TargetArch::try_from(std::env::consts::ARCH).map_err(|error| other(error.into()))?;
    let filter = SeccompFilter::new(rules, others, named, architecture);
    let program: Result<BpfProgram, _> = filter.and_then(TryInto::try_into);
    apply_filter(&program.map_err(|error| other(error.into()))?).map_err(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0x0000, Event::Ended(0))]
    #[case(0x0300, Event::Ended(0x0300))]
    #[case(0x0022, Event::Ended(0x0022))] // killed by a real-time signal
    #[case(0x7_057f, Event::Call)]
    #[case(0x857f, Event::Edge)]
    #[case(0x227f, Event::Signal(34))]
    #[case(0x057f, Event::Signal(libc::SIGTRAP))]
    #[case(0x80_057f, Event::Other)]
    #[case(0x80_137f, Event::Group)]
    #[case(0x3_057f, Event::Other)]
    fn a_status_tells_the_stop(#[case] status: i32, #[case] expected: Event) {
        assert_eq!(event(status), expected);
    }
}
