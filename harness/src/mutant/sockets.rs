//! Calls on sockets, blocking or not.

use libc::{
    MSG_DONTWAIT, SYS_accept, SYS_accept4, SYS_connect, SYS_fcntl, SYS_preadv2, SYS_pwritev2,
    SYS_read, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg, SYS_sendmsg, SYS_sendto, SYS_write,
};
use nix::errno::Errno;

use super::means::{change_u32, do_not_wait, with_flag, without_flag};
use super::{Mutant, after, before};
use crate::sys::abi::SYS_poll;
use crate::trace::{Act, Kind};

const RECEIVES: &[i64] = &[SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg];
pub(super) const SENDS: &[i64] = &[SYS_sendto, SYS_sendmsg];
const ACCEPTS: &[i64] = &[SYS_accept, SYS_accept4];
pub(super) const READS: &[i64] = &[SYS_read, SYS_recvfrom, SYS_recvmsg];
pub(super) const ALL: &[i64] = &[
    SYS_read,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_write,
    SYS_sendto,
    SYS_sendmsg,
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_preadv2,
];
const VECTORS: &[i64] = &[SYS_preadv2, SYS_pwritev2];

pub(super) const BLOCKING: &[Mutant] = &[
    before(
        "blocking.receive_does_not_wait",
        "A receive behaves as if it had MSG_DONTWAIT.",
        "recv(2), MSG_DONTWAIT",
        RECEIVES,
        |call| with_flag(call, MSG_DONTWAIT),
    ),
    before(
        "blocking.send_does_not_wait",
        "A send behaves as if it had MSG_DONTWAIT.",
        "send(2), MSG_DONTWAIT",
        SENDS,
        |call| with_flag(call, MSG_DONTWAIT),
    ),
    before(
        "blocking.read_does_not_wait",
        "A read from a socket fails with EAGAIN though it may block.",
        "read(2)",
        &[SYS_read],
        |call| {
            if is_socket(call) {
                do_not_wait(call);
            }
        },
    ),
    before(
        "blocking.write_does_not_wait",
        "A write to a socket takes what there is room for though it may block.",
        "write(2)",
        &[SYS_write],
        |call| {
            if is_socket(call) {
                do_not_wait(call);
            }
        },
    ),
    before(
        "blocking.accept_does_not_wait",
        "An accept without a connection fails with EAGAIN though it may block.",
        "accept(2)",
        ACCEPTS,
        do_not_wait,
    ),
    before(
        "blocking.connect_does_not_wait",
        "A connect does not wait for the connection though it may block.",
        "connect(2)",
        &[SYS_connect],
        do_not_wait,
    ),
    before(
        "blocking.empty_receive_takes_nothing",
        "A receive into an empty buffer does nothing.",
        "recv(2)",
        &[SYS_recvfrom],
        |call| {
            if call.argument(2) == 0 {
                call.answer(0);
            }
        },
    ),
    before(
        "blocking.empty_read_wants_a_byte",
        "A read into an empty buffer waits for a byte.",
        "read(2)",
        &[SYS_read],
        |call| {
            if call.argument(2) == 0 && (is_socket(call) || call.is_fifo(call.int(0))) {
                call.set_argument(2, 1);
            }
        },
    ),
    after(
        "blocking.shutdown_is_an_abort",
        "accept on a listener that was shut down fails with ECONNABORTED.",
        "accept(2), ERRORS: EINVAL",
        ACCEPTS,
        |call| call.confuse(Errno::EINVAL, Errno::ECONNABORTED),
    ),
    after(
        "blocking.refused_is_unreachable",
        "connect to a port on which nobody listens fails with EHOSTUNREACH.",
        "connect(2), ERRORS: ECONNREFUSED",
        &[SYS_connect],
        |call| call.confuse(Errno::ECONNREFUSED, Errno::EHOSTUNREACH),
    ),
    after(
        "blocking.peer_is_another",
        "accept tells a wrong port of the peer.",
        "accept(2)",
        ACCEPTS,
        |call| {
            if call.succeeded() {
                change_u32(call, call.argument(1), |name| name ^ 0x0100_0000);
            }
        },
    ),
];

pub(super) const NONBLOCKING: &[Mutant] = &[
    after(
        "nonblocking.again_is_invalid",
        "What a nonblocking socket cannot do now fails with EINVAL, not EAGAIN.",
        "recv(2), ERRORS: EAGAIN",
        ALL,
        |call| {
            if is_socket(call) {
                call.confuse(Errno::EAGAIN, Errno::EINVAL);
            }
        },
    ),
    before(
        "nonblocking.dontwait_waits",
        "MSG_DONTWAIT is not looked at.",
        "recv(2), MSG_DONTWAIT",
        &[SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg],
        |call| without_flag(call, MSG_DONTWAIT),
    ),
    before(
        "nonblocking.flag_is_not_set",
        "F_SETFL is taken, and changes nothing.",
        "fcntl(2), F_SETFL",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == libc::F_SETFL {
                call.answer(0);
            }
        },
    ),
    after(
        "nonblocking.flag_is_not_told",
        "F_GETFL does not tell of O_NONBLOCK.",
        "fcntl(2), F_GETFL",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == libc::F_GETFL && call.succeeded() {
                let flags = call.result() & !i64::from(libc::O_NONBLOCK);
                if flags != call.result() {
                    call.answer(flags);
                }
            }
        },
    ),
    after(
        "nonblocking.close_on_exec_is_shared",
        "FD_CLOEXEC is told of every descriptor.",
        "fcntl(2), File descriptor flags",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == libc::F_GETFD && call.result() == 0 {
                call.answer(1);
            }
        },
    ),
    after(
        "nonblocking.connect_is_again",
        "A nonblocking connect fails with EAGAIN, not EINPROGRESS.",
        "connect(2), ERRORS: EINPROGRESS",
        &[SYS_connect],
        |call| call.confuse(Errno::EINPROGRESS, Errno::EAGAIN),
    ),
    after(
        "nonblocking.connect_is_repeated",
        "A connect on a connected socket succeeds.",
        "connect(2), ERRORS: EISCONN",
        &[SYS_connect],
        |call| call.forgive(Errno::EISCONN),
    ),
    before(
        "nonblocking.nowait_waits",
        "RWF_NOWAIT is not looked at.",
        "preadv2(2), RWF_NOWAIT",
        VECTORS,
        |call| without_flag(call, 8),
    ),
    after(
        "nonblocking.nowait_is_an_io_error",
        "With RWF_NOWAIT what would have to wait fails with EIO.",
        "preadv2(2), ERRORS: EAGAIN",
        VECTORS,
        |call| call.confuse(Errno::EAGAIN, Errno::EIO),
    ),
    after(
        "nonblocking.unsupported_is_again",
        "What a file cannot do with the flags of preadv2 fails with EAGAIN.",
        "preadv2(2), ERRORS: EOPNOTSUPP",
        VECTORS,
        |call| {
            if call.is_fifo(call.int(0)) {
                call.confuse(Errno::EOPNOTSUPP, Errno::EAGAIN);
            }
        },
    ),
    before(
        "nonblocking.nosignal_signals",
        "RWF_NOSIGNAL is not looked at.",
        "preadv2(2), RWF_NOSIGNAL",
        VECTORS,
        |call| without_flag(call, 0x100),
    ),
    before(
        "nonblocking.unknown_flags_are_taken",
        "Flags that preadv2 does not know are not refused.",
        "preadv2(2), ERRORS: EOPNOTSUPP",
        VECTORS,
        |call| without_flag(call, 1 << 30),
    ),
    before(
        "nonblocking.poll_does_not_wait",
        "poll does not wait for a nonblocking descriptor.",
        "poll(2), NOTES",
        &[SYS_poll],
        |call| {
            let first = call.u32(call.argument(0)).unwrap_or(u32::MAX).cast_signed();
            if call.int(2) < 0 && call.file_flags(first) & libc::O_NONBLOCK != 0 {
                call.set_argument(2, 0);
            }
        },
    ),
    before(
        "nonblocking.zero_is_a_millisecond",
        "A time-out of zero is one of a millisecond.",
        "poll(2), timeout",
        &[SYS_poll],
        |call| {
            if call.int(2) == 0 {
                call.set_argument(2, 1);
            }
        },
    ),
    after(
        "nonblocking.end_of_a_file_is_again",
        "A read at the end of a regular file fails with EAGAIN if it has O_NONBLOCK.",
        "open(2), O_NONBLOCK",
        &[SYS_read],
        |call| {
            let descriptor = call.int(0);
            if call.result() == 0 && call.path(descriptor).starts_with("/memfd:") {
                call.refuse(Errno::EAGAIN);
            }
        },
    ),
];

/// Whether the first descriptor of a call is a socket.
pub(super) fn is_socket(call: &Act) -> bool {
    call.kind(call.int(0)) == Kind::Socket
}
