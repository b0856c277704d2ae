//! recv(2) and send(2): flags, lengths, data, ends and errors of messages.

use libc::{
    MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_MORE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_TRUNC,
    MSG_WAITALL, MSG_WAITFORONE, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg, SYS_sendmsg, SYS_sendto,
    SYS_write,
};
use nix::errno::Errno;

use super::means::{has_flag, one_less, spoil, with_flag, without_flag};
use super::sockets::{ALL, READS, SENDS, is_socket};
use super::{Mutant, after, before};
use crate::trace::Act;

const WRITES: &[i64] = &[SYS_write, SYS_sendto, SYS_sendmsg];

pub(super) const MUTANTS: &[Mutant] = &[
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
        without_flag(call, MSG_MORE);
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
                call.confuse(Errno::EPIPE, Errno::ECONNRESET);
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
                call.forgive(Errno::ECONNRESET);
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
        |call| call.confuse(Errno::ENOTCONN, Errno::EINVAL),
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
        |call| call.confuse(Errno::EINVAL, Errno::EMSGSIZE),
    ),
    after(
        "unix.permission_is_access",
        "What is not permitted is refused with EACCES.",
        "unix(7), EPERM",
        SENDS,
        |call| call.confuse(Errno::EPERM, Errno::EACCES),
    ),
    after(
        "udp.too_long_is_no_room",
        "A datagram that is too long is refused with ENOBUFS.",
        "send(2), EMSGSIZE",
        SENDS,
        |call| call.confuse(Errno::EMSGSIZE, Errno::ENOBUFS),
    ),
    after(
        "udp.no_destination_is_invalid",
        "A send without an address fails with EINVAL.",
        "send(2), EDESTADDRREQ",
        SENDS,
        |call| call.confuse(Errno::EDESTADDRREQ, Errno::EINVAL),
    ),
    after(
        "udp.urgent_is_taken",
        "Urgent data is taken where there is none.",
        "send(2), EOPNOTSUPP",
        SENDS,
        |call| {
            if has_flag(call, MSG_OOB) {
                call.forgive(Errno::EOPNOTSUPP);
            }
        },
    ),
    after(
        "udp.refused_is_unreachable",
        "That nobody is at a port is told by EHOSTUNREACH.",
        "udp(7), ECONNREFUSED",
        &[SYS_sendto, SYS_recvfrom, SYS_sendmsg],
        |call| call.confuse(Errno::ECONNREFUSED, Errno::EHOSTUNREACH),
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

/// Takes a flag from what recvmsg has told of a message.
fn clear_message_flag(call: &mut Act, flag: i32) {
    let at = call.argument(1) + 48;
    if call.succeeded()
        && let Some(flags) = call.u32(at)
    {
        call.put(at, &(flags & !flag.cast_unsigned()).to_ne_bytes());
    }
}
