//! recv(2) and send(2), on any socket: blocking or not, and with what flags.

use libc::{
    MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK,
    MSG_TRUNC, MSG_WAITALL, MSG_WAITFORONE, SYS_accept, SYS_accept4, SYS_connect, SYS_fcntl,
    SYS_poll, SYS_preadv2, SYS_pwritev2, SYS_read, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg,
    SYS_sendmsg, SYS_sendto, SYS_write,
};
use nix::errno::Errno;

use super::means::{
    change_u32, do_not_wait, exchange, forgive, has_flag, one_less, spoil, with_flag, without_flag,
};
use super::{Mutant, after, before};
use crate::trace::{Act, Kind};

const RECEIVES: &[i64] = &[SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg];
const SENDS: &[i64] = &[SYS_sendto, SYS_sendmsg];
const ACCEPTS: &[i64] = &[SYS_accept, SYS_accept4];
const READS: &[i64] = &[SYS_read, SYS_recvfrom, SYS_recvmsg];
const WRITES: &[i64] = &[SYS_write, SYS_sendto, SYS_sendmsg];
const ALL: &[i64] = &[
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
        |call| exchange(call, Errno::EINVAL, Errno::ECONNABORTED),
    ),
    after(
        "blocking.refused_is_unreachable",
        "connect to a port on which nobody listens fails with EHOSTUNREACH.",
        "connect(2), ERRORS: ECONNREFUSED",
        &[SYS_connect],
        |call| exchange(call, Errno::ECONNREFUSED, Errno::EHOSTUNREACH),
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
                exchange(call, Errno::EAGAIN, Errno::EINVAL);
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
        |call| exchange(call, Errno::EINPROGRESS, Errno::EAGAIN),
    ),
    after(
        "nonblocking.connect_is_repeated",
        "A connect on a connected socket succeeds.",
        "connect(2), ERRORS: EISCONN",
        &[SYS_connect],
        |call| forgive(call, Errno::EISCONN),
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
        |call| exchange(call, Errno::EAGAIN, Errno::EIO),
    ),
    after(
        "nonblocking.unsupported_is_again",
        "What a file cannot do with the flags of preadv2 fails with EAGAIN.",
        "preadv2(2), ERRORS: EOPNOTSUPP",
        VECTORS,
        |call| {
            if call.is_fifo(call.int(0)) {
                exchange(call, Errno::EOPNOTSUPP, Errno::EAGAIN);
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
            if call.result() == 0 && call.name(descriptor).starts_with("/memfd:") {
                call.refuse(Errno::EAGAIN);
            }
        },
    ),
];

pub(super) const MESSAGES: &[Mutant] = &[
    before(
        "tcp.peek_takes",
        "MSG_PEEK is not looked at.",
        "recv(2), MSG_PEEK",
        &[SYS_recvfrom, SYS_recvmsg],
        |call| without_flag(call, MSG_PEEK),
    ),
    before(
        "tcp.truncation_is_none",
        "MSG_TRUNC of a receive is not looked at.",
        "recv(2), MSG_TRUNC",
        &[SYS_recvfrom],
        |call| without_flag(call, MSG_TRUNC),
    ),
    before(
        "tcp.waitall_waits_for_some",
        "MSG_WAITALL is not looked at.",
        "recv(2), MSG_WAITALL",
        &[SYS_recvfrom],
        |call| without_flag(call, MSG_WAITALL),
    ),
    before(
        "tcp.urgent_is_ordinary",
        "MSG_OOB is not looked at.",
        "send(2), MSG_OOB",
        &[SYS_sendto, SYS_sendmsg, SYS_recvfrom],
        |call| without_flag(call, MSG_OOB),
    ),
    before("tcp.more_is_all", "MSG_MORE is not looked at.", "send(2), MSG_MORE", SENDS, |call| {
        without_flag(call, MSG_MORE)
    }),
    before(
        "tcp.nosignal_signals",
        "MSG_NOSIGNAL is not looked at.",
        "send(2), MSG_NOSIGNAL",
        SENDS,
        |call| without_flag(call, MSG_NOSIGNAL),
    ),
    before(
        "delivery.broken_pipe_is_silent",
        "A send on a connection without a receiver raises no SIGPIPE.",
        "send(2), EPIPE",
        SENDS,
        |call| with_flag(call, MSG_NOSIGNAL),
    ),
    after(
        "tcp.receive_tells_one_less",
        "A receive returns one less than it put into the buffer.",
        "recv(2), RETURN VALUE",
        READS,
        |call| {
            if is_socket(call) {
                one_less(call);
            }
        },
    ),
    after(
        "tcp.send_tells_one_less",
        "A send returns one less than it took.",
        "send(2), RETURN VALUE",
        WRITES,
        |call| {
            if is_socket(call) {
                one_less(call);
            }
        },
    ),
    before(
        "tcp.send_drops_a_byte",
        "The last byte of what is sent is lost, though it is counted.",
        "send(2)",
        WRITES,
        |call| {
            if is_socket(call) && call.number() != SYS_sendmsg && call.argument(2) > 1 {
                call.set_argument(2, call.argument(2) - 1);
            }
        },
    ),
    after(
        "tcp.data_is_spoilt",
        "What is received is not what was sent.",
        "recv(2)",
        READS,
        |call| {
            if is_socket(call) {
                spoil(call);
            }
        },
    ),
    after(
        "tcp.broken_pipe_is_a_reset",
        "A send on a connection without a receiver fails with ECONNRESET.",
        "send(2), EPIPE",
        WRITES,
        |call| {
            if is_socket(call) {
                exchange(call, Errno::EPIPE, Errno::ECONNRESET);
            }
        },
    ),
    after(
        "tcp.reset_is_an_end",
        "A connection that was reset looks as if it had ended in order.",
        "recv(2), ECONNRESET",
        ALL,
        |call| {
            if is_socket(call) {
                forgive(call, Errno::ECONNRESET);
            }
        },
    ),
    after(
        "tcp.the_end_is_again",
        "A receive at the end of the stream fails with EAGAIN.",
        "recv(2), RETURN VALUE",
        READS,
        |call| {
            if is_socket(call) && call.argument(2) > 0 && call.result() == 0 {
                call.refuse(Errno::EAGAIN);
            }
        },
    ),
    after(
        "tcp.not_connected_is_invalid",
        "What needs a connection fails with EINVAL, not ENOTCONN.",
        "recv(2), ENOTCONN",
        &[SYS_recvfrom, SYS_sendto, libc::SYS_shutdown, libc::SYS_getpeername],
        |call| exchange(call, Errno::ENOTCONN, Errno::EINVAL),
    ),
    after(
        "tcp.the_peer_is_forgotten",
        "getpeername fails with ENOTCONN though there is a peer.",
        "getpeername(2)",
        &[libc::SYS_getpeername],
        |call| {
            if call.succeeded() {
                call.refuse(Errno::ENOTCONN);
            }
        },
    ),
    before(
        "tcp.send_takes_all_or_nothing",
        "A nonblocking send of a megabyte or more is refused, though there is room for a part.",
        "send(2)",
        WRITES,
        |call| {
            let long = call.number() != SYS_sendmsg && call.argument(2) >= 1 << 20;
            if long && is_socket(call) {
                call.refuse(Errno::EAGAIN);
            }
        },
    ),
    after(
        "udp.cut_is_not_told",
        "recvmsg does not tell that a datagram was cut.",
        "recv(2), MSG_TRUNC",
        &[SYS_recvmsg],
        |call| clear_message_flag(call, MSG_TRUNC),
    ),
    after(
        "unix.cut_is_not_told",
        "recvmsg does not tell that descriptors were cut.",
        "recv(2), MSG_CTRUNC",
        &[SYS_recvmsg],
        |call| clear_message_flag(call, MSG_CTRUNC),
    ),
    before(
        "unix.descriptors_stay_open",
        "MSG_CMSG_CLOEXEC is not looked at.",
        "recv(2), MSG_CMSG_CLOEXEC",
        &[SYS_recvmsg],
        |call| without_flag(call, MSG_CMSG_CLOEXEC),
    ),
    before(
        "unix.descriptors_are_closed_by_exec",
        "Descriptors are received as if with MSG_CMSG_CLOEXEC.",
        "recv(2), MSG_CMSG_CLOEXEC",
        &[SYS_recvmsg],
        |call| with_flag(call, MSG_CMSG_CLOEXEC),
    ),
    before(
        "unix.descriptors_are_lost",
        "Descriptors that are sent do not arrive.",
        "unix(7), SCM_RIGHTS",
        &[SYS_sendmsg],
        |call| {
            let at = call.argument(1) + 40;
            if call.u64(at).is_some_and(|length| length != 0) {
                call.put(at, &0_u64.to_ne_bytes());
            }
        },
    ),
    after(
        "unix.too_many_are_too_long",
        "What a message cannot carry is refused with EMSGSIZE.",
        "unix(7), SCM_RIGHTS",
        &[SYS_sendmsg],
        |call| exchange(call, Errno::EINVAL, Errno::EMSGSIZE),
    ),
    after(
        "unix.permission_is_access",
        "What is not permitted is refused with EACCES.",
        "unix(7), EPERM",
        SENDS,
        |call| exchange(call, Errno::EPERM, Errno::EACCES),
    ),
    after(
        "udp.too_long_is_no_room",
        "A datagram that is too long is refused with ENOBUFS.",
        "send(2), EMSGSIZE",
        SENDS,
        |call| exchange(call, Errno::EMSGSIZE, Errno::ENOBUFS),
    ),
    after(
        "udp.no_destination_is_invalid",
        "A send without an address fails with EINVAL.",
        "send(2), EDESTADDRREQ",
        SENDS,
        |call| exchange(call, Errno::EDESTADDRREQ, Errno::EINVAL),
    ),
    after(
        "udp.urgent_is_taken",
        "Urgent data is taken where there is none.",
        "send(2), EOPNOTSUPP",
        SENDS,
        |call| {
            if has_flag(call, MSG_OOB) {
                forgive(call, Errno::EOPNOTSUPP);
            }
        },
    ),
    after(
        "udp.refused_is_unreachable",
        "That nobody is at a port is told by EHOSTUNREACH.",
        "udp(7), ECONNREFUSED",
        &[SYS_sendto, SYS_recvfrom, SYS_sendmsg],
        |call| exchange(call, Errno::ECONNREFUSED, Errno::EHOSTUNREACH),
    ),
    before(
        "udp.one_is_not_enough",
        "MSG_WAITFORONE is not looked at.",
        "recvmmsg(2), MSG_WAITFORONE",
        &[SYS_recvmmsg],
        |call| without_flag(call, MSG_WAITFORONE),
    ),
    before(
        "udp.one_is_enough",
        "recvmmsg behaves as if it had MSG_WAITFORONE.",
        "recvmmsg(2), MSG_WAITFORONE",
        &[SYS_recvmmsg],
        |call| with_flag(call, MSG_WAITFORONE),
    ),
    before(
        "udp.empty_is_nothing",
        "A datagram of no bytes is not sent.",
        "send(2)",
        SENDS,
        |call| {
            if call.number() == SYS_sendto && call.argument(2) == 0 {
                call.answer(0);
            }
        },
    ),
];

fn is_socket(call: &Act) -> bool {
    call.kind(call.int(0)) == Kind::Socket
}

/// Takes a flag from what recvmsg has told of a message.
fn clear_message_flag(call: &mut Act, flag: i32) {
    let at = call.argument(1) + 48;
    if call.succeeded()
        && let Some(flags) = call.u32(at)
    {
        call.put(at, &(flags & !flag.cast_unsigned()).to_ne_bytes());
    }
}
