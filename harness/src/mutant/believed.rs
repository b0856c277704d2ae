//! Kernels in which a belief holds that does not hold of Linux, or not any more: on them a case that is
//! known to deviate must conform.

use libc::{
    MSG_DONTWAIT, MSG_ERRQUEUE, POLLRDHUP, SIG_BLOCK, SIGIO, SYS_fcntl, SYS_mmap, SYS_pidfd_open,
    SYS_read, SYS_recvmsg, SYS_rt_sigprocmask, SYS_sendto, SYS_tkill, SYS_write,
};
use nix::errno::Errno;

use super::means::has_flag;
use super::processes::F_SETSIG;
use super::ring::{CALLS, each_completion, each_request};
use super::uring::{POLL_ADD, set_result};
use super::{Mutant, after, before, both};
use crate::trace::Kind;

/// Where a mutant remembers requests of a ring by their `user_data`, and the signal of an eventfd.
const UNASKED: u64 = 7 << 32;
const SIGNAL: (u64, u64) = (8 << 32, 0);
/// What a poll request asks for, in 32 bits.
const RDHUP: u32 = POLLRDHUP.cast_unsigned() as u32;
/// An address at which nothing is mapped.
const NOWHERE: i64 = 0x1000_0000;

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "epoll.instances_are_memory",
        "An epoll instance can be mapped, and is among the mappings of a process.",
        "mmap(2), ERRORS: ENODEV",
        &[SYS_mmap, SYS_read],
        |call| {
            if call.number() == SYS_mmap {
                if call.failed_with(Errno::ENODEV) && call.kind(call.int(4)) == Kind::Epoll {
                    call.answer(NOWHERE);
                }
            } else if call.result() > 16 && call.path(call.int(0)).ends_with("/maps") {
                call.put(call.argument(1), b"[eventpoll]");
            }
        },
    ),
    after(
        "pidfd.thread_is_invalid",
        "A thread that is not the first of its process is refused with EINVAL, as before Linux 6.16.",
        "pidfd_open(2), ERRORS",
        &[SYS_pidfd_open],
        |call| call.confuse(Errno::ENOENT, Errno::EINVAL),
    ),
    both(
        "sigio.eventfd_signals",
        "An eventfd signals its owner.",
        "open(2), O_ASYNC",
        &[SYS_fcntl, SYS_write],
        |_| {},
        |call| {
            if call.kind(call.int(0)) != Kind::Eventfd {
                return;
            }
            if call.number() == SYS_fcntl && call.int(1) == F_SETSIG {
                call.memory.insert(SIGNAL, call.argument(2));
            } else if call.number() == SYS_write
                && let Some(signal) = call.memory.get(&SIGNAL).copied()
            {
                call.also(SYS_tkill, [call.thread_id(), signal, 0, 0, 0, 0]);
            }
        },
    ),
    before(
        "sigio.cannot_be_blocked",
        "SIGIO is handled though it is blocked.",
        "signal(7), Queueing and delivery semantics for standard signals",
        &[SYS_rt_sigprocmask],
        |call| {
            let set = call.u64(call.argument(1)).unwrap_or(0);
            if call.int(0) == SIG_BLOCK && set & 1 << (SIGIO - 1) != 0 {
                call.answer(0);
            }
        },
    ),
    before(
        "tcp.a_byte_finds_no_room",
        "A nonblocking send of one byte fails with EAGAIN.",
        "send(2), ERRORS: EAGAIN",
        &[SYS_sendto],
        |call| {
            if has_flag(call, MSG_DONTWAIT) && call.argument(2) == 1 {
                call.refuse(Errno::EAGAIN);
            }
        },
    ),
    after(
        "tcp.completion_hides_the_copy",
        "A completion of MSG_ZEROCOPY does not tell that all was copied.",
        "linux Documentation/networking/msg_zerocopy.rst, Deferred copies",
        &[SYS_recvmsg],
        |call| {
            // The code of the `sock_extended_err` in the first control message.
            let at = call.u64(call.argument(1) + 32).unwrap_or(0) + 16 + 6;
            if call.succeeded() && has_flag(call, MSG_ERRQUEUE) {
                call.put(at, &[0]);
            }
        },
    ),
    both(
        "uring.half_close_is_asked_for",
        "A poll request tells of POLLRDHUP only if it was asked to.",
        "io_uring_enter(2), IORING_OP_POLL_ADD",
        CALLS,
        |call| {
            each_request(call, |call, it| {
                let asked = call.u32(it.at + 28).unwrap_or(0);
                let key = (UNASKED | call.argument(0), it.tag);
                let unasked = it.operation == POLL_ADD && asked & RDHUP == 0;
                call.memory.insert(key, unasked.into());
            });
        },
        |call| {
            each_completion(call, |call, it| {
                let unasked = call.memory.get(&(UNASKED | call.argument(0), it.tag)) == Some(&1);
                if it.result > 0 && unasked {
                    set_result(call, it, it.result & !RDHUP.cast_signed());
                }
            });
        },
    ),
];
