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

/// Makes the calling thread, and no other, so much nicer (nice(2), setpriority(2) for threads): it
/// does not take the CPU from one that is less nice, and gets it when that one sleeps.
pub fn give_way(more: i32) -> nix::Result<()> {
    // -1 may be a niceness.
    Errno::clear();
    // SAFETY: nice takes a number.
    if unsafe { libc::nice(more) } == -1 && Errno::last_raw() != 0 {
        return Err(Errno::last());
    }
    Ok(())
}
