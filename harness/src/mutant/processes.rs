//! pidfd_open(2), signal-driven I/O (fcntl(2)), and `io_submit(2)`.

use libc::{
    F_GETFD, F_SETFL, F_SETOWN, FIONREAD, O_ASYNC, SYS_fcntl, SYS_fstat, SYS_io_getevents,
    SYS_io_setup, SYS_io_submit, SYS_ioctl, SYS_newfstatat, SYS_pidfd_open, SYS_pidfd_send_signal,
    SYS_read, SYS_statx, SYS_waitid,
};
use nix::errno::Errno;

use super::means::{change_u32, change_u64, halve_time};
use super::{Mutant, after, before};
use crate::sys::abi::SYS_poll;
use crate::trace::{Act, Kind};

/// Commands of fcntl that libc does not know, and the flags of pidfd_open.
pub(super) const F_SETSIG: i32 = 10;
const F_SETOWN_EX: i32 = 15;
const PIDFD_NONBLOCK: u64 = 0o4000;
const PIDFD_THREAD: u64 = 0o200;

pub(super) const PIDFD: &[Mutant] = &[
    before(
        "pidfd.nonblocking_waits",
        "PIDFD_NONBLOCK is not looked at.",
        "pidfd_open(2), PIDFD_NONBLOCK",
        &[SYS_pidfd_open],
        |call| without(call, PIDFD_NONBLOCK),
    ),
    before(
        "pidfd.all_are_nonblocking",
        "A pidfd is made as if with PIDFD_NONBLOCK.",
        "pidfd_open(2), PIDFD_NONBLOCK",
        &[SYS_pidfd_open],
        |call| call.set_argument(1, call.argument(1) | PIDFD_NONBLOCK),
    ),
    Mutant {
        survives: "since Linux 6.15 the end of a first thread shows in such a pidfd no sooner than that of its process",
        ..before(
            "pidfd.every_one_is_of_a_thread",
            "A pidfd is made as if with PIDFD_THREAD.",
            "pidfd_open(2), PIDFD_THREAD",
            &[SYS_pidfd_open],
            |call| call.set_argument(1, call.argument(1) | PIDFD_THREAD),
        )
    },
    after(
        "pidfd.gone_is_invalid",
        "pidfd_open and pidfd_send_signal fail with EINVAL if the process is gone.",
        "pidfd_open(2), ERRORS: ESRCH",
        &[SYS_pidfd_open, SYS_pidfd_send_signal],
        |call| call.confuse(Errno::ESRCH, Errno::EINVAL),
    ),
    before(
        "pidfd.signals_are_lost",
        "pidfd_send_signal sends a signal that stops nobody.",
        "pidfd_send_signal(2)",
        &[SYS_pidfd_send_signal],
        |call| {
            if call.argument(1) != 0 {
                call.set_argument(1, u64::from(libc::SIGTERM.cast_unsigned()));
            }
        },
    ),
    after(
        "pidfd.signals_are_refused",
        "pidfd_send_signal fails with EPERM for a process of one's own.",
        "pidfd_send_signal(2), ERRORS: EPERM",
        &[SYS_pidfd_send_signal],
        |call| {
            if call.succeeded() {
                call.refuse(Errno::EPERM);
            }
        },
    ),
    after(
        "pidfd.end_is_a_hangup",
        "poll tells of a hang-up before a process that has ended was reaped.",
        "pidfd_open(2), NOTES",
        &[SYS_poll],
        |call| {
            told(call, |events| if events & 1 << 16 == 0 { events } else { events ^ (0x10 << 16) });
        },
    ),
    after(
        "pidfd.hangs_up_at_once",
        "poll tells of a pidfd whose process lives that it is readable.",
        "pidfd_open(2), NOTES",
        &[SYS_poll],
        |call| {
            let entry = call.u32(call.argument(0)).unwrap_or(0).cast_signed();
            if call.result() == 0 && call.kind(entry) == Kind::Pidfd {
                told(call, |events| events | 1 << 16);
                call.answer(1);
            }
        },
    ),
    after(
        "pidfd.status_is_another",
        "waitid for a pidfd tells a wrong status.",
        "waitid(2), si_status",
        &[SYS_waitid],
        |call| {
            if call.argument(0) == 3 && call.succeeded() {
                change_u32(call, call.argument(2) + 24, |status| status + 1);
            }
        },
    ),
    after(
        "pidfd.nonblocking_has_no_child",
        "waitid with PIDFD_NONBLOCK fails with ECHILD while the process lives.",
        "pidfd_open(2), PIDFD_NONBLOCK",
        &[SYS_waitid],
        |call| call.confuse(Errno::EAGAIN, Errno::ECHILD),
    ),
    after(
        "pidfd.survives_exec",
        "FD_CLOEXEC is not set of a pidfd.",
        "pidfd_open(2)",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_GETFD && call.kind(call.int(0)) == Kind::Pidfd {
                call.answer(0);
            }
        },
    ),
    after(
        "pidfd.can_be_read",
        "A read from a pidfd returns 0.",
        "read(2), ERRORS: EINVAL",
        &[SYS_read],
        |call| {
            if call.kind(call.int(0)) == Kind::Pidfd {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    after(
        "pidfd.info_is_of_another",
        "PIDFD_GET_INFO tells wrong numbers.",
        "pidfd_open(2), ioctl(2)",
        &[SYS_ioctl],
        |call| {
            if call.kind(call.int(0)) == Kind::Pidfd && call.succeeded() {
                // pid and exit_code of struct pidfd_info.
                change_u32(call, call.argument(2) + 16, |pid| pid + 1);
                change_u32(call, call.argument(2) + 60, |status| status + 1);
            }
        },
    ),
    after(
        "pidfd.all_are_one_inode",
        "All pidfds have the same inode.",
        "pidfd_open(2), fstat(2)",
        &[SYS_fstat, SYS_newfstatat, SYS_statx],
        |call| {
            if call.kind(call.int(0)) == Kind::Pidfd && call.succeeded() {
                let at = match call.number() {
                    libc::SYS_fstat => call.argument(1) + 8,
                    libc::SYS_newfstatat => call.argument(2) + 8,
                    _ => call.argument(4) + 32,
                };
                call.put(at, &1_u64.to_ne_bytes());
            }
        },
    ),
];

pub(super) const SIGIO: &[Mutant] = &[
    before(
        "sigio.signal_is_always_sigio",
        "F_SETSIG is taken, and changes nothing.",
        "F_SETSIG(2const)",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_SETSIG && (1..=64).contains(&call.int(2)) {
                call.answer(0);
            }
        },
    ),
    before(
        "sigio.nobody_is_the_owner",
        "F_SETOWN is taken, and changes nothing.",
        "F_SETOWN(2const)",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_SETOWN {
                call.answer(0);
            }
        },
    ),
    before(
        "sigio.threads_are_not_owners",
        "F_SETOWN_EX for a thread is for its process.",
        "F_SETOWN_EX(2const)",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_SETOWN_EX {
                // F_OWNER_PID.
                call.put(call.argument(2), &1_u32.to_ne_bytes());
            }
        },
    ),
    before(
        "sigio.cannot_be_switched_on",
        "O_ASYNC of F_SETFL is not looked at.",
        "open(2), O_ASYNC",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_SETFL && call.int(2) & O_ASYNC != 0 {
                call.set_argument(2, call.argument(2) & !u64::from(O_ASYNC.cast_unsigned()));
            }
        },
    ),
    before(
        "sigio.cannot_be_switched_off",
        "O_ASYNC stays when F_SETFL would clear it.",
        "open(2), O_ASYNC",
        &[SYS_fcntl],
        |call| {
            let armed = call.file_flags(call.int(0)) & O_ASYNC != 0;
            if call.int(1) == F_SETFL && armed && call.int(2) & O_ASYNC == 0 {
                call.set_argument(2, call.argument(2) | u64::from(O_ASYNC.cast_unsigned()));
            }
        },
    ),
    after(
        "sigio.flag_is_told_of_all",
        "F_GETFL tells the opposite of O_ASYNC.",
        "fcntl(2), F_GETFL",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == libc::F_GETFL && call.succeeded() {
                call.answer(call.result() ^ i64::from(O_ASYNC));
            }
        },
    ),
    after(
        "sigio.errors_are_forgiven",
        "An owner that there is not, and a signal that there is not, are taken.",
        "F_SETOWN(2const)",
        &[SYS_fcntl],
        |call| {
            if [F_SETOWN, F_SETSIG].contains(&call.int(1)) {
                call.forgive(Errno::ESRCH);
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    before(
        "sigio.flag_is_taken_when_made",
        "O_ASYNC is not refused when a pipe or socket is made.",
        "pipe(2), ERRORS",
        &[libc::SYS_pipe2, libc::SYS_socket, libc::SYS_accept4],
        |call| {
            let place = match call.number() {
                libc::SYS_accept4 => 3,
                _ => 1,
            };
            if call.int(place) & O_ASYNC != 0 {
                call.set_argument(
                    place,
                    call.argument(place) & !u64::from(O_ASYNC.cast_unsigned()),
                );
            }
        },
    ),
    after(
        "sigio.handler_finds_nothing",
        "FIONREAD tells of nothing while a handler runs.",
        "tcp(7), FIONREAD",
        &[SYS_ioctl],
        |call| {
            if call.argument(1) == FIONREAD && call.succeeded() {
                change_u32(call, call.argument(2), |_| 0);
            }
        },
    ),
];

pub(super) const AIO: &[Mutant] = &[
    before(
        "aio.any_number_is_room",
        "io_setup for no requests at all is for one.",
        "io_setup(2), ERRORS: EINVAL",
        &[SYS_io_setup],
        |call| {
            if call.int(0) == 0 {
                call.set_argument(0, 1);
            }
        },
    ),
    after(
        "aio.place_is_taken",
        "io_setup takes a place in which an id stands.",
        "io_setup(2), ERRORS: EINVAL",
        &[SYS_io_setup],
        |call| {
            if call.u64(call.argument(1)).is_some_and(|id| id != 0) {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    after(
        "aio.limit_is_memory",
        "io_setup beyond the limit fails with ENOMEM.",
        "io_setup(2), ERRORS: EAGAIN",
        &[SYS_io_setup],
        |call| call.confuse(Errno::EAGAIN, Errno::ENOMEM),
    ),
    after(
        "aio.submit_tells_one_less",
        "io_submit returns one less than it has taken.",
        "io_submit(2), RETURN VALUE",
        &[SYS_io_submit],
        |call| {
            if call.result() > 0 {
                call.answer(call.result() - 1);
            }
        },
    ),
    after(
        "aio.invalid_is_nothing",
        "What io_submit and io_getevents refuse with EINVAL is nothing, and a success.",
        "io_submit(2), ERRORS: EINVAL",
        &[SYS_io_submit, SYS_io_getevents],
        |call| call.forgive(Errno::EINVAL),
    ),
    after(
        "aio.result_is_one_less",
        "A completion tells one less than was read, or another event.",
        "io_getevents(2), struct io_event",
        &[SYS_io_getevents],
        |call| {
            for event in 0..u64::try_from(call.result()).unwrap_or(0) {
                change_u64(call, call.argument(3) + 32 * event + 16, |result| {
                    result.wrapping_sub(1)
                });
            }
        },
    ),
    after(
        "aio.tag_is_lost",
        "A completion does not tell the data of its request.",
        "io_getevents(2), struct io_event",
        &[SYS_io_getevents],
        |call| {
            for event in 0..u64::try_from(call.result()).unwrap_or(0) {
                change_u64(call, call.argument(3) + 32 * event, |tag| tag + 100);
            }
        },
    ),
    before(
        "aio.waits_half_its_time",
        "io_getevents waits for half its time.",
        "io_getevents(2), timeout",
        &[SYS_io_getevents],
        |call| halve_time(call, call.argument(4)),
    ),
    before(
        "aio.waits_for_none",
        "io_getevents does not wait for the least number.",
        "io_getevents(2), min_nr",
        &[SYS_io_getevents],
        |call| {
            if call.argument(1).cast_signed() > 0 {
                call.set_argument(1, 0);
            }
        },
    ),
    before(
        "aio.reads_of_pipes_do_not_wait",
        "io_submit of a read from a pipe returns though there is no data.",
        "io_submit(2)",
        &[SYS_io_submit],
        |call| {
            // The first request: its operation, and its descriptor.
            let Some(request) = call.u64(call.argument(2)) else { return };
            let descriptor = call.u32(request + 20).unwrap_or(0).cast_signed();
            if call.u16(request + 16) == Some(0) && call.is_fifo(descriptor) {
                let taken = call.argument(1).cast_signed();
                call.answer(taken);
            }
        },
    ),
    before(
        "aio.eventfd_is_not_told",
        "IOCB_FLAG_RESFD is not looked at.",
        "io_submit(2), IOCB_FLAG_RESFD",
        &[SYS_io_submit],
        |call| {
            for place in 0..call.argument(1).min(8) {
                if let Some(request) = call.u64(call.argument(2) + 8 * place) {
                    call.put(request + 56, &[0; 4]);
                }
            }
        },
    ),
];

/// Takes a flag from pidfd_open.
fn without(call: &mut Act, flag: u64) {
    if call.argument(1) & flag != 0 {
        call.set_argument(1, call.argument(1) & !flag);
    }
}

/// Changes what poll has told of a pidfd, in the upper half.
fn told(call: &mut Act, change: fn(u32) -> u32) {
    for entry in 0..call.argument(1).min(64) {
        let at = call.argument(0) + 8 * entry;
        let descriptor = call.u32(at).unwrap_or(0).cast_signed();
        if call.kind(descriptor) == Kind::Pidfd {
            change_u32(call, at + 4, change);
        }
    }
}
