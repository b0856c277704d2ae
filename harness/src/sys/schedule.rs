//! How a thread is scheduled (sched(7)).

use nix::errno::Errno;

/// Gives the calling thread the policy `SCHED_FIFO` with the lowest real-time priority
/// (sched_setscheduler(2)). EPERM without `CAP_SYS_NICE` or a limit that allows it
/// (`RLIMIT_RTPRIO`).
pub fn become_real_time() -> nix::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameters live across the call. The C library of musl refuses to make it.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const parameters)
    })
    .map(drop)
}
