//! listen(2): the backlog, what is told of a listener, and its end.

use libc::{
    IPPROTO_TCP, SHUT_RD, SHUT_WR, SOL_SOCKET, SYS_close, SYS_connect, SYS_getsockopt, SYS_listen,
    SYS_setsockopt, SYS_shutdown, SYS_write,
};
use nix::errno::Errno;

use super::{Mutant, after, before, sets, writes};
use crate::trace::Act;

const LISTEN: &[i64] = &[SYS_listen];
const SHUTDOWN: &[i64] = &[SYS_shutdown];
const OPTIONS: &[i64] = &[SYS_setsockopt];
const ANSWERS: &[i64] = &[SYS_getsockopt];
const ENDS: &[i64] = &[SYS_listen, SYS_close];
const SYSCTLS: &[i64] = &[SYS_write];
/// `TCP_LISTEN` of `include/net/tcp_states.h`.
const TCP_LISTEN: u8 = 10;

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "listen.backlog_is_one_more",
        "A listener has room for one connection more than it should.",
        "listen(2)",
        LISTEN,
        |call| {
            if (0..1000).contains(&call.int(1)) {
                call.set_argument(1, call.argument(1) + 1);
            }
        },
    ),
    before(
        "listen.backlog_is_exact",
        "A backlog of N is room for N connections, not N + 1.",
        "listen(2)",
        LISTEN,
        |call| {
            if (1..1000).contains(&call.int(1)) {
                call.set_argument(1, call.argument(1) - 1);
            }
        },
    ),
    before(
        "listen.backlog_is_128_at_most",
        "Whatever somaxconn says, a backlog is cut to 128.",
        "listen(2)",
        LISTEN,
        |call| {
            if call.int(1) < 0 || call.int(1) > 128 {
                call.set_argument(1, 128);
            }
        },
    ),
    before(
        "listen.negative_backlog_is_none",
        "A negative backlog is one of 0.",
        "listen(2)",
        LISTEN,
        |call| {
            if call.int(1) < 0 {
                call.set_argument(1, 0);
            }
        },
    ),
    before(
        "listen.again_changes_nothing",
        "A second listen leaves the backlog as it is.",
        "listen(2)",
        ENDS,
        |call| {
            let number = call.argument(0);
            if call.number() == SYS_close {
                call.memory.remove(&(number, 0));
            } else if call.memory.insert((number, 0), 1).is_some() {
                call.answer(0);
            }
        },
    ),
    before(
        "listen.somaxconn_is_fixed",
        "net.core.somaxconn can be written and changes nothing.",
        "listen(2)",
        SYSCTLS,
        |call| ignore(call, "core/somaxconn"),
    ),
    before(
        "listen.syncookies_are_fixed",
        "net.ipv4.tcp_syncookies can be written and changes nothing.",
        "tcp(7), tcp_syncookies",
        SYSCTLS,
        |call| ignore(call, "ipv4/tcp_syncookies"),
    ),
    before(
        "listen.syn_backlog_is_fixed",
        "net.ipv4.tcp_max_syn_backlog can be written and changes nothing.",
        "tcp(7), tcp_max_syn_backlog",
        SYSCTLS,
        |call| ignore(call, "ipv4/tcp_max_syn_backlog"),
    ),
    before(
        "listen.abort_on_overflow_is_fixed",
        "net.ipv4.tcp_abort_on_overflow can be written and changes nothing.",
        "tcp(7), tcp_abort_on_overflow",
        SYSCTLS,
        |call| ignore(call, "ipv4/tcp_abort_on_overflow"),
    ),
    after(
        "listen.limit_is_told_one_larger",
        "TCP_INFO tells a larger backlog than the listener has.",
        "tcp(7), TCP_INFO",
        ANSWERS,
        |call| raise(call, 28),
    ),
    after(
        "listen.acceptconn_is_never_set",
        "SO_ACCEPTCONN is 0 of a listener too.",
        "socket(7), SO_ACCEPTCONN",
        ANSWERS,
        |call| {
            if (call.int(1), call.int(2)) == (SOL_SOCKET, libc::SO_ACCEPTCONN) {
                call.put(call.argument(3), &[0; 4]);
            }
        },
    ),
    before(
        "listen.takes_nobody_in_early",
        "TCP_DEFER_ACCEPT can be set and does nothing.",
        "tcp(7), TCP_DEFER_ACCEPT",
        OPTIONS,
        |call| {
            if sets(call, IPPROTO_TCP, libc::TCP_DEFER_ACCEPT) {
                call.answer(0);
            }
        },
    ),
    before(
        "listen.fast_open_is_for_nobody",
        "TCP_FASTOPEN can be set and does nothing.",
        "tcp(7), TCP_FASTOPEN",
        OPTIONS,
        |call| {
            if sets(call, IPPROTO_TCP, libc::TCP_FASTOPEN) {
                call.answer(0);
            }
        },
    ),
    before(
        "listen.fast_open_connects_at_once",
        "TCP_FASTOPEN_CONNECT can be set and does nothing.",
        "tcp(7), TCP_FASTOPEN_CONNECT",
        OPTIONS,
        |call| {
            if sets(call, IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT) {
                call.answer(0);
            }
        },
    ),
    before(
        "listen.everybody_opens_fast",
        "A listener without TCP_FASTOPEN gives out cookies too.",
        "tcp(7), TCP_FASTOPEN",
        LISTEN,
        |call| {
            let room = call.scratch();
            call.put(room, &5_i32.to_ne_bytes());
            let (level, name) = (IPPROTO_TCP.cast_unsigned(), libc::TCP_FASTOPEN.cast_unsigned());
            let arguments = [call.argument(0), level.into(), name.into(), room, 4, 0];
            call.first(SYS_setsockopt, arguments);
        },
    ),
    before(
        "listen.shutdown_does_nothing",
        "shutdown of a listener succeeds and does nothing.",
        "shutdown(2)",
        SHUTDOWN,
        |call| call.answer(0),
    ),
    before(
        "listen.shutdown_for_writing_ends_it",
        "SHUT_WR ends a listener as SHUT_RD does.",
        "shutdown(2)",
        SHUTDOWN,
        |call| {
            if call.int(1) == SHUT_WR {
                call.set_argument(1, SHUT_RD.cast_unsigned().into());
            }
        },
    ),
    before(
        "listen.close_leaves_it",
        "The last close of a listener does not end it.",
        "close(2)",
        ENDS,
        |call| {
            if listens(call) {
                let duplicate = libc::F_DUPFD_CLOEXEC.cast_unsigned().into();
                call.first(libc::SYS_fcntl, [call.argument(0), duplicate, 600, 0, 0, 0]);
            }
        },
    ),
    before(
        "listen.close_ends_it_for_all",
        "close of a listener ends it, although another process has it open.",
        "close(2)",
        ENDS,
        |call| {
            if listens(call) {
                call.first(SYS_shutdown, [call.argument(0), 2, 0, 0, 0, 0]);
            }
        },
    ),
    after(
        "listen.connected_can_listen",
        "listen succeeds on a socket that is connected or has no address.",
        "listen(2)",
        LISTEN,
        |call| call.forgive(Errno::EINVAL),
    ),
    after(
        "listen.datagrams_are_invalid",
        "listen on a socket without connections fails with EINVAL.",
        "listen(2), ERRORS: EOPNOTSUPP",
        LISTEN,
        |call| call.confuse(Errno::EOPNOTSUPP, Errno::EINVAL),
    ),
    after(
        "listen.two_may_listen",
        "listen on a port that has a listener succeeds.",
        "listen(2), ERRORS: EADDRINUSE",
        LISTEN,
        |call| call.forgive(Errno::EADDRINUSE),
    ),
    after(
        "listen.listener_connects",
        "connect of a listener fails with EINVAL instead of EISCONN.",
        "connect(2), ERRORS: EISCONN",
        &[SYS_connect],
        |call| call.confuse(Errno::EISCONN, Errno::EINVAL),
    ),
    before(
        "listen.unbound_stays_unbound",
        "listen on a socket without an address fails with EINVAL, over TCP too.",
        "ip(7), Address format",
        &[libc::SYS_bind, SYS_listen, SYS_close],
        |call| {
            let number = call.argument(0);
            match call.number() {
                libc::SYS_bind => _ = call.memory.insert((number, 0), 1),
                libc::SYS_close => _ = call.memory.remove(&(number, 0)),
                _ if !call.memory.contains_key(&(number, 0)) => call.refuse(Errno::EINVAL),
                _ => {}
            }
        },
    ),
    after(
        "listen.no_room_is_a_refusal",
        "A client of a listener without room is refused.",
        "listen(2)",
        &[SYS_connect, SYS_getsockopt],
        |call| {
            let number = call.argument(0);
            if call.number() == SYS_connect {
                if call.failed_with(Errno::EINPROGRESS) {
                    call.memory.insert((number, 0), 1);
                }
            } else if (call.int(1), call.int(2)) == (SOL_SOCKET, libc::SO_ERROR)
                && call.memory.remove(&(number, 0)).is_some()
            {
                call.put(call.argument(3), &libc::ECONNREFUSED.to_ne_bytes());
            }
        },
    ),
    after(
        "listen.reset_is_an_end",
        "What a listener's end resets looks as if it had been closed in good order.",
        "unix(7)",
        &[libc::SYS_read, libc::SYS_recvfrom],
        |call| call.forgive(Errno::ECONNRESET),
    ),
];

/// Takes a value for a sysctl and does nothing with it.
fn ignore(call: &mut Act, sysctl: &str) {
    if writes(call, sysctl) {
        call.answer(i64::try_from(call.argument(2)).unwrap_or(0));
    }
}

/// Adds one to a number of TCP_INFO, if that is of a listener.
fn raise(call: &mut Act, at: u64) {
    let told = (call.int(1), call.int(2)) == (IPPROTO_TCP, libc::TCP_INFO) && call.succeeded();
    let info = call.argument(3);
    if told && call.bytes(info, 1) == Some(vec![TCP_LISTEN]) {
        let number = call.u32(info + at).unwrap_or(0);
        call.put(info + at, &(number + 1).to_ne_bytes());
    }
}

/// Remembers listeners; whether a close is of one.
fn listens(call: &mut Act) -> bool {
    if call.number() == SYS_listen {
        call.memory.insert((call.argument(0), 0), 1);
        return false;
    }
    call.memory.remove(&(call.argument(0), 0)).is_some()
}
