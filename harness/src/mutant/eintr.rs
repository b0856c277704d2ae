//! signal(7): what interrupts calls, and which are made again.

use libc::{
    EINTR, SA_RESTART, SYS_accept, SYS_accept4, SYS_clock_nanosleep, SYS_connect, SYS_epoll_pwait,
    SYS_fcntl, SYS_flock, SYS_futex, SYS_io_getevents, SYS_mq_timedreceive, SYS_mq_timedsend,
    SYS_nanosleep, SYS_openat, SYS_ppoll, SYS_pselect6, SYS_read, SYS_readv, SYS_recvfrom,
    SYS_recvmmsg, SYS_recvmsg, SYS_rt_sigaction, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
    SYS_sendmsg, SYS_sendto, SYS_splice, SYS_tee, SYS_wait4, SYS_waitid, SYS_write, SYS_writev,
};
use nix::errno::Errno;

use super::{Mutant, before, interrupted};
use crate::sys::abi::{
    SYS_epoll_wait, SYS_msgrcv, SYS_msgsnd, SYS_pause, SYS_poll, SYS_select, SYS_semop,
    SYS_semtimedop,
};
use crate::trace::Act;

/// `linux/errno.h`: made again if the handler says so, in any case, if there is no handler, and
/// there too, by another call.
const SYS: i64 = -512;
const ALWAYS: i64 = -513;
const NO_HANDLER: i64 = -514;
const BLOCK: i64 = -516;

const TRANSFERS: &[i64] = &[
    SYS_read,
    SYS_readv,
    SYS_write,
    SYS_writev,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_splice,
    SYS_tee,
];
const OTHERS: &[i64] = &[
    SYS_openat,
    SYS_wait4,
    SYS_waitid,
    SYS_flock,
    SYS_fcntl,
    SYS_futex,
    SYS_mq_timedreceive,
    SYS_mq_timedsend,
];
const MULTIPLEXERS: &[i64] =
    &[SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_clock_nanosleep, SYS_nanosleep];
const NEVER: &[i64] = &[
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_io_getevents,
    SYS_rt_sigtimedwait,
    SYS_semop,
    SYS_semtimedop,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_sendto,
    SYS_connect,
    SYS_accept,
    SYS_accept4,
];
const SUSPENDED: &[i64] = &[SYS_pause, SYS_rt_sigsuspend];

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "eintr.nothing_is_restarted",
        "SA_RESTART is not looked at.",
        "sigaction(2), SA_RESTART",
        &[SYS_rt_sigaction],
        |call| set_restart(call, false),
    ),
    before(
        "eintr.all_is_restarted",
        "Every handler is set as if with SA_RESTART.",
        "sigaction(2), SA_RESTART",
        &[SYS_rt_sigaction],
        |call| set_restart(call, true),
    ),
    interrupted(
        "eintr.stop_interrupts_transfers",
        "Whatever interrupts a transfer of data or a connect makes it fail with EINTR.",
        "signal(7), Interruption of system calls and library functions by stop signals",
        TRANSFERS,
        |call| exchange(call, &[SYS], -i64::from(EINTR)),
    ),
    interrupted(
        "eintr.stop_interrupts_waits",
        "Whatever interrupts a wait for a file, lock, child, futex or queue makes it fail with EINTR.",
        "signal(7), Interruption of system calls and library functions by stop signals",
        OTHERS,
        |call| exchange(call, &[SYS], -i64::from(EINTR)),
    ),
    interrupted(
        "eintr.stop_interrupts_multiplexers",
        "Whatever interrupts poll, select or nanosleep makes it fail with EINTR.",
        "signal(7), Interruption of system calls and library functions by stop signals",
        MULTIPLEXERS,
        |call| exchange(call, &[NO_HANDLER, BLOCK], -i64::from(EINTR)),
    ),
    interrupted(
        "eintr.stop_interrupts_messages",
        "Whatever interrupts msgrcv or msgsnd makes it fail with EINTR.",
        "signal(7), Interruption of system calls and library functions by stop signals",
        &[SYS_msgrcv, SYS_msgsnd],
        |call| exchange(call, &[NO_HANDLER], -i64::from(EINTR)),
    ),
    interrupted(
        "eintr.multiplexers_are_restarted",
        "poll, select and nanosleep are made again after a handler has run.",
        "signal(7), Interruption of system calls and library functions by signal handlers",
        MULTIPLEXERS,
        |call| exchange(call, &[NO_HANDLER, BLOCK], ALWAYS),
    ),
    interrupted(
        "eintr.all_transfers_are_restarted",
        "Transfers are made again after a handler has run, with SA_RESTART or without.",
        "signal(7), Interruption of system calls and library functions by signal handlers",
        TRANSFERS,
        |call| exchange(call, &[SYS], ALWAYS),
    ),
    interrupted(
        "eintr.all_waits_are_restarted",
        "Waits for others are made again after a handler has run, with SA_RESTART or without.",
        "signal(7), Interruption of system calls and library functions by signal handlers",
        OTHERS,
        |call| exchange(call, &[SYS], ALWAYS),
    ),
    interrupted(
        "eintr.never_is_once_more",
        "Calls that no flag restarts are restarted.",
        "signal(7), Interruption of system calls and library functions by signal handlers",
        NEVER,
        |call| exchange(call, &[-i64::from(EINTR), NO_HANDLER], ALWAYS),
    ),
    interrupted(
        "eintr.suspended_for_ever",
        "pause and sigsuspend go on when a handler has run.",
        "pause(2), sigsuspend(2)",
        SUSPENDED,
        |call| exchange(call, &[NO_HANDLER], ALWAYS),
    ),
    interrupted(
        "eintr.table_is_interrupted_otherwise",
        "What is interrupted without being restarted fails with EAGAIN.",
        "signal(7)",
        NEVER,
        |call| exchange(call, &[-i64::from(EINTR)], -i64::from(libc::EAGAIN)),
    ),
    interrupted(
        "eintr.part_is_lost",
        "A write or receive that is interrupted after a part fails with EINTR.",
        "write(2), RETURN VALUE",
        &[SYS_write, SYS_recvfrom],
        |call| {
            let asked = i64::try_from(call.argument(2)).unwrap_or(0);
            let waits = call.number() == SYS_write || call.argument(3) & 0x100 != 0;
            if waits && (1..asked).contains(&call.result()) {
                call.refuse(Errno::EINTR);
            }
        },
    ),
    interrupted(
        "eintr.interrupted_close_leaves_it_open",
        "The number of a descriptor stays in use when its close is interrupted.",
        "close(2), Dealing with error returns from close()",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == libc::F_GETFD && call.failed_with(Errno::EBADF) {
                call.answer(0);
            }
        },
    ),
];

/// Sets or clears `SA_RESTART` in what is to become of a signal.
fn set_restart(call: &mut Act, on: bool) {
    let at = call.argument(1);
    // The handler, unless it is one of the two actions that are none.
    if call.u64(at).is_none_or(|handler| handler < 2) {
        return;
    }
    if let Some(flags) = call.u64(at + 8) {
        let restart = u64::from(SA_RESTART.cast_unsigned());
        let flags = if on { flags | restart } else { flags & !restart };
        call.put(at + 8, &flags.to_ne_bytes());
    }
}

/// Makes one of these results another.
fn exchange(call: &mut Act, results: &[i64], other: i64) {
    if results.contains(&call.result()) {
        call.answer(other);
    }
}
