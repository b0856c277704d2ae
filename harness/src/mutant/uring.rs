//! `io_uring`.

use libc::{ECANCELED, ENOENT, ETIME, SYS_io_uring_enter};
use nix::errno::Errno;

use super::ring::{CALLS, Completion, each_completion, each_request, find_rings};
use super::{Mutant, after, before, both, means, ring};
use crate::trace::Act;

const ENTER: &[i64] = &[SYS_io_uring_enter];

/// Requests with this flag are begun by a thread of the kernel (`IOSQE_ASYNC`).
const ASYNC: u8 = 1 << 4;

/// `IORING_OP_…`.
const NOTHING: u8 = 0;
pub(super) const POLL_ADD: u8 = 6;
const TIMEOUT: u8 = 11;
const TIMEOUT_REMOVE: u8 = 12;
const ACCEPT: u8 = 13;
const CANCEL: u8 = 14;
const LINK_TIMEOUT: u8 = 15;
const READ: u8 = 22;
const SEND: u8 = 26;
const RECEIVE: u8 = 27;
const READ_MULTISHOT: u8 = 49;

/// A mutant of requests: `act` is done to each.
macro_rules! request {
    ($id:literal, $breaks:literal, $source:literal, $act:expr) => {
        both($id, $breaks, $source, CALLS, |call| each_request(call, $act), find_rings)
    };
}

/// A mutant of completions: `act` is done to each.
macro_rules! completion {
    ($id:literal, $breaks:literal, $source:literal, $act:expr) => {
        both(
            $id,
            $breaks,
            $source,
            CALLS,
            |call| each_request(call, |_, _| {}),
            |call| each_completion(call, $act),
        )
    };
}

pub(super) const MUTANTS: &[Mutant] = &[
    request!(
        "uring.accept_waits_for_nobody",
        "A request to accept is complete without a connection.",
        "io_uring_enter(2), IORING_OP_ACCEPT",
        |call, it| {
            if it.operation == ACCEPT {
                call.put(it.at, &[NOTHING]);
            }
        }
    ),
    request!(
        "uring.reads_have_threads",
        "A thread of the kernel is started for a read.",
        "io_uring_setup(2), IORING_FEAT_FAST_POLL",
        |call, it| {
            if it.operation == READ {
                call.put(it.at + 1, &[it.flags | ASYNC]);
            }
        }
    ),
    request!(
        "uring.link_is_none",
        "IOSQE_IO_LINK is not looked at.",
        "io_uring_enter(2), IOSQE_IO_LINK",
        |call, it| call.put(it.at + 1, &[it.flags & !(1 << 2)])
    ),
    request!(
        "uring.hard_link_is_a_link",
        "A hard link breaks where another link would.",
        "io_uring_enter(2), IOSQE_IO_HARDLINK",
        |call, it| {
            if it.flags & (1 << 3) != 0 {
                call.put(it.at + 1, &[it.flags & !(1 << 3) | 1 << 2]);
            }
        }
    ),
    request!(
        "uring.drain_waits_for_nothing",
        "IOSQE_IO_DRAIN is not looked at.",
        "io_uring_enter(2), IOSQE_IO_DRAIN",
        |call, it| call.put(it.at + 1, &[it.flags & !(1 << 1)])
    ),
    request!(
        "uring.async_is_tried_first",
        "IOSQE_ASYNC is not looked at.",
        "io_uring_enter(2), IOSQE_ASYNC",
        |call, it| call.put(it.at + 1, &[it.flags & !(1 << 4)])
    ),
    request!(
        "uring.success_is_told",
        "IOSQE_CQE_SKIP_SUCCESS is not looked at.",
        "io_uring_enter(2), IOSQE_CQE_SKIP_SUCCESS",
        |call, it| call.put(it.at + 1, &[it.flags & !(1 << 6)])
    ),
    request!(
        "uring.timeout_ends_early",
        "A time-out takes half its time.",
        "io_uring_enter(2), IORING_OP_TIMEOUT",
        |call, it| {
            if it.operation == TIMEOUT || it.operation == LINK_TIMEOUT {
                halve_time(call, it.at);
            }
        }
    ),
    request!(
        "uring.accept_waits_once",
        "IORING_ACCEPT_MULTISHOT is not looked at.",
        "io_uring_enter(2), IORING_ACCEPT_MULTISHOT",
        |call, it| {
            if it.operation == ACCEPT {
                call.put(it.at + 2, &[0, 0]);
            }
        }
    ),
    request!(
        "uring.poll_waits_once",
        "IORING_POLL_ADD_MULTI is not looked at.",
        "io_uring_enter(2), IORING_POLL_ADD_MULTI",
        |call, it| {
            if it.operation == POLL_ADD {
                call.put(it.at + 24, &[0; 4]);
            }
        }
    ),
    request!(
        "uring.poll_of_the_wrong_event",
        "A poll waits for room to write instead of data.",
        "io_uring_enter(2), IORING_OP_POLL_ADD",
        |call, it| {
            if it.operation == POLL_ADD && call.u16(it.at + 28) == Some(1) {
                call.put(it.at + 28, &4_u16.to_ne_bytes());
            }
        }
    ),
    request!(
        "uring.receive_does_not_wait",
        "A receive behaves as if it had MSG_DONTWAIT.",
        "io_uring_enter(2), IORING_OP_RECV",
        |call, it| {
            if it.operation == RECEIVE {
                call.put(it.at + 28, &libc::MSG_DONTWAIT.to_ne_bytes());
            }
        }
    ),
    request!(
        "uring.send_waits_for_all",
        "A send completes when all was taken, as if it had MSG_WAITALL.",
        "io_uring_prep_send(3)",
        |call, it| {
            if it.operation == SEND {
                call.put(it.at + 28, &libc::MSG_WAITALL.to_ne_bytes());
            }
        }
    ),
    request!(
        "uring.send_waits_for_nothing",
        "MSG_WAITALL of a send is not looked at.",
        "io_uring_prep_send(3)",
        |call, it| {
            if it.operation == SEND {
                call.put(it.at + 28, &libc::MSG_DONTWAIT.to_ne_bytes());
            }
        }
    ),
    completion!(
        "uring.cancelled_is_interrupted",
        "What was cancelled completes with EINTR.",
        "io_uring_enter(2), IORING_OP_ASYNC_CANCEL",
        |call, it| exchange(call, it, ECANCELED, libc::EINTR)
    ),
    completion!(
        "uring.again_is_invalid",
        "What would have to wait completes with EINVAL, not EAGAIN.",
        "io_uring_enter(2)",
        |call, it| exchange(call, it, libc::EAGAIN, libc::EINVAL)
    ),
    completion!(
        "uring.time_is_a_success",
        "A time-out that is over completes with 0.",
        "io_uring_enter(2), IORING_OP_TIMEOUT",
        |call, it| exchange(call, it, ETIME, 0)
    ),
    completion!(
        "uring.nothing_to_cancel_is_a_success",
        "A cancellation that finds nothing completes with 0.",
        "io_uring_enter(2), IORING_OP_ASYNC_CANCEL",
        |call, it| exchange(call, it, ENOENT, 0)
    ),
    completion!(
        "uring.invalid_is_a_success",
        "A request that is refused with EINVAL completes with 0.",
        "io_uring_enter(2), ERRORS",
        |call, it| exchange(call, it, libc::EINVAL, 0)
    ),
    completion!(
        "uring.no_buffers_is_an_end",
        "A receive for which there is no buffer completes as if the stream had ended.",
        "io_uring_enter(2), IOSQE_BUFFER_SELECT",
        |call, it| exchange(call, it, libc::ENOBUFS, 0)
    ),
    completion!(
        "uring.bad_descriptor_is_invalid",
        "A request for a descriptor that is not open completes with EINVAL.",
        "io_uring_enter(2), ERRORS: EBADF",
        |call, it| exchange(call, it, libc::EBADF, libc::EINVAL)
    ),
    completion!(
        "uring.cancellation_counts_one_more",
        "A cancellation tells of one more than there was.",
        "io_uring_enter(2), IORING_ASYNC_CANCEL_ALL",
        |call, it| {
            if [CANCEL, TIMEOUT_REMOVE].contains(&it.operation) && it.result >= 0 {
                set_result(call, it, it.result + 1);
            }
        }
    ),
    completion!(
        "uring.poll_tells_of_room",
        "A poll that was for data tells of room to write too.",
        "io_uring_enter(2), IORING_OP_POLL_ADD",
        |call, it| {
            if it.operation == POLL_ADD && it.result > 0 {
                set_result(call, it, it.result ^ i32::from(libc::POLLOUT));
            }
        }
    ),
    completion!(
        "uring.length_is_one_less",
        "A read or receive tells of a byte less than it put into the buffer.",
        "io_uring_enter(2), IORING_OP_READ",
        |call, it| {
            if [READ, RECEIVE, READ_MULTISHOT].contains(&it.operation) && it.result > 0 {
                set_result(call, it, it.result - 1);
            }
        }
    ),
    completion!(
        "uring.user_data_is_lost",
        "The user_data of a completion is not that of its request.",
        "io_uring_enter(2), user_data",
        |call, it| call.put(it.at, &(it.tag ^ 0x100).to_ne_bytes())
    ),
    completion!(
        "uring.success_is_one_more",
        "A request other than for data that succeeds with 0 completes with 1.",
        "io_uring_enter(2), RETURN VALUE",
        |call, it| {
            if it.result == 0 {
                set_result(call, it, 1);
            }
        }
    ),
    completion!(
        "uring.more_is_not_said",
        "IORING_CQE_F_MORE is not set.",
        "io_uring_enter(2), IORING_CQE_F_MORE",
        |call, it| call.put(it.at + 12, &(it.flags & !2).to_ne_bytes())
    ),
    completion!(
        "uring.more_in_the_socket_is_reversed",
        "IORING_CQE_F_SOCK_NONEMPTY is set when nothing is left.",
        "io_uring_enter(2), IORING_CQE_F_SOCK_NONEMPTY",
        |call, it| {
            if it.operation == ACCEPT || it.operation == RECEIVE {
                call.put(it.at + 12, &(it.flags ^ 4).to_ne_bytes());
            }
        }
    ),
    completion!(
        "uring.notification_is_none",
        "IORING_CQE_F_NOTIF is not set.",
        "io_uring_enter(2), IORING_CQE_F_NOTIF",
        |call, it| call.put(it.at + 12, &(it.flags & !8).to_ne_bytes())
    ),
    completion!(
        "uring.buffer_is_another",
        "The number of the buffer that a completion tells is the next one's.",
        "io_uring_enter(2), IORING_CQE_F_BUFFER",
        |call, it| {
            if it.flags & 1 != 0 {
                call.put(it.at + 12, &it.flags.wrapping_add(1 << 16).to_ne_bytes());
            }
        }
    ),
    both(
        "uring.overflow_is_not_told",
        "IORING_SQ_CQ_OVERFLOW is not set.",
        "io_uring_setup(2), IORING_FEAT_NODROP",
        CALLS,
        |_| {},
        |call| {
            find_rings(call);
            if call.number() == SYS_io_uring_enter {
                ring::clear_flag(call, 2);
            }
        },
    ),
    before(
        "uring.enter_waits_for_none",
        "io_uring_enter does not wait for min_complete completions.",
        "io_uring_enter(2)",
        ENTER,
        |call| {
            if call.argument(2) > 0 {
                call.set_argument(2, 0);
            }
        },
    ),
    after(
        "uring.enter_takes_one_less",
        "io_uring_enter returns one less than it has taken.",
        "io_uring_enter(2), RETURN VALUE",
        ENTER,
        |call| {
            if call.result() > 0 {
                call.answer(call.result() - 1);
            }
        },
    ),
    after(
        "uring.enter_fails_otherwise",
        "io_uring_enter fails with EPERM where another error is documented.",
        "io_uring_enter(2), ERRORS",
        ENTER,
        |call| {
            let documented = [Errno::EBADFD, Errno::EEXIST, Errno::EINTR, Errno::ETIME];
            if documented.into_iter().any(|error| call.failed_with(error)) {
                call.refuse(Errno::EPERM);
            }
        },
    ),
    before(
        "uring.enter_has_less_time",
        "io_uring_enter waits for half its time-out.",
        "io_uring_enter(2), IORING_ENTER_EXT_ARG",
        ENTER,
        |call| {
            // struct io_uring_getevents_arg: the address of a timespec is its last member.
            if call.argument(3) & (1 << 3) != 0 {
                halve_time(call, call.argument(4));
            }
        },
    ),
];

pub(super) fn set_result(call: &mut Act, it: Completion, result: i32) {
    call.put(it.at + 8, &result.to_ne_bytes());
}

/// Makes one error another.
fn exchange(call: &mut Act, it: Completion, error: i32, other: i32) {
    if it.result == -error {
        set_result(call, it, -other);
    }
}

/// Halves a time of less than a second, to which the address at 16 bytes from here leads.
fn halve_time(call: &mut Act, at: u64) {
    if let Some(time) = call.u64(at + 16) {
        means::halve_time(call, time);
    }
}
