//! eventfd(2), timerfd_create(2), signalfd(2).

use libc::{
    EFD_SEMAPHORE, SYS_eventfd2, SYS_preadv2, SYS_read, SYS_signalfd4, SYS_timerfd_gettime,
    SYS_timerfd_settime, SYS_write,
};
use nix::errno::Errno;

use super::means::{buffer, change_u32, change_u64, do_not_wait, halve_time};
use super::{Mutant, after, before};
use crate::sys::abi;
use crate::trace::{Act, Kind};

const CALLS: &[i64] = &[SYS_read, SYS_write, SYS_preadv2];
const READS: &[i64] = &[SYS_read, SYS_preadv2];

pub(super) const EVENTFD: &[Mutant] = &[
    before(
        "eventfd.semaphore_is_a_counter",
        "EFD_SEMAPHORE is not looked at.",
        "eventfd(2), EFD_SEMAPHORE",
        &[SYS_eventfd2],
        |call| {
            if call.int(1) & EFD_SEMAPHORE != 0 {
                call.set_argument(1, call.argument(1) & !u64::from(EFD_SEMAPHORE.cast_unsigned()));
            }
        },
    ),
    before(
        "eventfd.counter_is_a_semaphore",
        "Every eventfd behaves as if it had EFD_SEMAPHORE.",
        "eventfd(2), EFD_SEMAPHORE",
        &[SYS_eventfd2],
        |call| {
            if call.int(1) & EFD_SEMAPHORE == 0 {
                call.set_argument(1, call.argument(1) | u64::from(EFD_SEMAPHORE.cast_unsigned()));
            }
        },
    ),
    before(
        "eventfd.begins_with_nothing",
        "An eventfd begins with 0, whatever it was made with.",
        "eventfd(2)",
        &[SYS_eventfd2],
        |call| {
            if call.argument(0) != 0 {
                call.set_argument(0, 0);
            }
        },
    ),
    before(
        "eventfd.write_adds_one",
        "A write adds 1, whatever is written.",
        "eventfd(2), write(2)",
        &[SYS_write],
        |call| {
            if is(call, Kind::Eventfd)
                && call.u64(call.argument(1)).is_some_and(|it| it != u64::MAX)
            {
                call.put(call.argument(1), &1_u64.to_ne_bytes());
            }
        },
    ),
    after(
        "eventfd.again_is_invalid",
        "A nonblocking read of zero, or a write without room, fails with EINVAL.",
        "eventfd(2), EAGAIN",
        CALLS,
        |call| {
            if is(call, Kind::Eventfd) {
                call.confuse(Errno::EAGAIN, Errno::EINVAL);
            }
        },
    ),
    after(
        "eventfd.invalid_is_again",
        "A read or write of fewer than eight bytes, or of the largest number, fails with EAGAIN.",
        "eventfd(2), EINVAL",
        CALLS,
        |call| {
            if is(call, Kind::Eventfd) {
                call.confuse(Errno::EINVAL, Errno::EAGAIN);
            }
        },
    ),
    before(
        "eventfd.does_not_wait",
        "A blocking eventfd behaves as if it had EFD_NONBLOCK.",
        "eventfd(2), EFD_NONBLOCK",
        CALLS,
        |call| {
            if is(call, Kind::Eventfd) {
                do_not_wait(call);
            }
        },
    ),
    before(
        "eventfd.long_writes_are_cut",
        "A write of more than eight bytes takes the first eight.",
        "eventfd(2), EINVAL",
        &[SYS_write],
        |call| {
            if is(call, Kind::Eventfd) && call.argument(2) > 8 {
                call.set_argument(2, 8);
            }
        },
    ),
    after(
        "eventfd.always_writable",
        "poll tells of room to write where there is none.",
        "eventfd(2), poll(2)",
        &[abi::SYS_poll, libc::SYS_ppoll],
        |call| {
            for entry in 0..call.argument(1).min(64) {
                let at = call.argument(0) + 8 * entry;
                let (descriptor, events) = (call.u32(at).unwrap_or(0), call.u16(at + 4));
                let asked = events.is_some_and(|events| events & 4 != 0);
                if asked && call.kind(descriptor.cast_signed()) == Kind::Eventfd {
                    change_u32(call, at + 4, |events| events | 4 << 16);
                }
            }
        },
    ),
];

pub(super) const TIMERFD: &[Mutant] = &[
    before(
        "timerfd.expires_early",
        "A timer expires after half its time.",
        "timerfd_create(2), timerfd_settime()",
        &[SYS_timerfd_settime],
        |call| halve_time(call, call.argument(2) + 16),
    ),
    before(
        "timerfd.period_is_longer",
        "The period of a timer is twice as long.",
        "timerfd_create(2), it_interval",
        &[SYS_timerfd_settime],
        |call| {
            change_u64(call, call.argument(2) + 8, |nanoseconds| 2 * nanoseconds);
            change_u64(call, call.argument(2), |seconds| 2 * seconds);
        },
    ),
    before(
        "timerfd.absolute_is_relative",
        "TFD_TIMER_ABSTIME is not looked at.",
        "timerfd_create(2), TFD_TIMER_ABSTIME",
        &[SYS_timerfd_settime],
        |call| {
            if call.int(1) & libc::TFD_TIMER_ABSTIME != 0 {
                call.set_argument(1, 0);
            }
        },
    ),
    before(
        "timerfd.absolute_never_comes",
        "A timer with an absolute time is not set.",
        "timerfd_create(2), TFD_TIMER_ABSTIME",
        &[SYS_timerfd_settime],
        |call| {
            if call.int(1) & libc::TFD_TIMER_ABSTIME != 0 {
                call.answer(0);
            }
        },
    ),
    before(
        "timerfd.cannot_be_set_anew",
        "A timer keeps the first time that it was set to.",
        "timerfd_create(2), timerfd_settime()",
        &[SYS_timerfd_settime],
        |call| {
            if call.count(call.argument(0)) > 1 {
                call.answer(0);
            }
        },
    ),
    after(
        "timerfd.tells_twice_what_is_left",
        "timerfd_gettime tells twice the time that is left.",
        "timerfd_create(2), timerfd_gettime()",
        &[SYS_timerfd_gettime],
        |call| change_u64(call, call.argument(1) + 16, |seconds| 2 * seconds),
    ),
    after(
        "timerfd.counts_one_more",
        "A read tells one expiration more than there was.",
        "timerfd_create(2), read(2)",
        READS,
        |call| {
            if is(call, Kind::Timerfd) && call.succeeded() {
                change_u64(call, buffer(call), |count| count + 1);
            }
        },
    ),
    after(
        "timerfd.again_is_invalid",
        "A nonblocking read of a timer that has not expired fails with EINVAL.",
        "timerfd_create(2), EAGAIN",
        READS,
        |call| {
            if is(call, Kind::Timerfd) {
                call.confuse(Errno::EAGAIN, Errno::EINVAL);
            }
        },
    ),
    after(
        "timerfd.invalid_is_a_success",
        "A read of fewer than eight bytes, and a write, is a success that does nothing.",
        "timerfd_create(2), EINVAL",
        CALLS,
        |call| {
            if is(call, Kind::Timerfd) {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    before(
        "timerfd.does_not_wait",
        "A read of a timer that has not expired fails with EAGAIN though it may block.",
        "timerfd_create(2), read(2)",
        READS,
        |call| {
            if is(call, Kind::Timerfd) {
                do_not_wait(call);
            }
        },
    ),
];

pub(super) const SIGNALFD: &[Mutant] = &[
    after(
        "signalfd.number_is_another",
        "ssi_signo is one more than the number of the signal.",
        "signalfd(2), ssi_signo",
        READS,
        |call| {
            if is(call, Kind::Signalfd) && call.succeeded() {
                change_u32(call, buffer(call), |number| number + 1);
            }
        },
    ),
    after("signalfd.sender_is_nobody", "ssi_pid is 0.", "signalfd(2), ssi_pid", READS, |call| {
        if is(call, Kind::Signalfd) && call.succeeded() {
            change_u32(call, buffer(call) + 12, |_| 0);
        }
    }),
    after(
        "signalfd.value_is_lost",
        "ssi_int and ssi_ptr are 0.",
        "signalfd(2), ssi_int and ssi_ptr",
        READS,
        |call| {
            if is(call, Kind::Signalfd) && call.succeeded() {
                change_u32(call, buffer(call) + 44, |_| 0);
                change_u64(call, buffer(call) + 48, |_| 0);
            }
        },
    ),
    after(
        "signalfd.again_is_invalid",
        "A nonblocking read without a signal fails with EINVAL.",
        "signalfd(2), EAGAIN",
        READS,
        |call| {
            if is(call, Kind::Signalfd) {
                call.confuse(Errno::EAGAIN, Errno::EINVAL);
            }
        },
    ),
    after(
        "signalfd.short_read_is_again",
        "A read with too small a buffer fails with EAGAIN.",
        "signalfd(2), EINVAL",
        READS,
        |call| {
            if is(call, Kind::Signalfd) {
                call.confuse(Errno::EINVAL, Errno::EAGAIN);
            }
        },
    ),
    before(
        "signalfd.does_not_wait",
        "A read without a signal fails with EAGAIN though it may block.",
        "signalfd(2), read(2)",
        READS,
        |call| {
            if is(call, Kind::Signalfd) {
                do_not_wait(call);
            }
        },
    ),
    before(
        "signalfd.set_is_fixed",
        "The set of a signalfd cannot be changed.",
        "signalfd(2)",
        &[SYS_signalfd4],
        |call| {
            if call.int(0) >= 0 {
                call.answer(call.int(0).into());
            }
        },
    ),
    before(
        "signalfd.kill_is_refused",
        "A set with SIGKILL or SIGSTOP is refused.",
        "signalfd(2)",
        &[SYS_signalfd4],
        |call| {
            let fatal = 1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1);
            if call.u64(call.argument(1)).is_some_and(|set| set & fatal != 0) {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    after(
        "signalfd.blocks_its_signals",
        "The signals of a signalfd are blocked in the thread that makes it.",
        "signalfd(2)",
        &[SYS_signalfd4],
        |call| {
            let block = u64::from(libc::SIG_BLOCK.cast_unsigned());
            call.also(libc::SYS_rt_sigprocmask, [block, call.argument(1), 0, 8, 0, 0]);
        },
    ),
    before(
        "signalfd.shows_every_signal",
        "A signalfd shows all signals that are blocked, whatever its set is.",
        "signalfd(2)",
        &[SYS_signalfd4],
        |call| call.put(call.argument(1), &u64::MAX.to_ne_bytes()),
    ),
];

/// Whether the first descriptor of a call is of a kind.
fn is(call: &Act, kind: Kind) -> bool {
    call.kind(call.int(0)) == kind
}
