//! Options of sockets, ioctl, shutdown, and what else is asked of them.

use libc::{
    IPPROTO_IP, IPPROTO_TCP, SO_ERROR, SO_LINGER, SO_PASSCRED, SO_PEEK_OFF, SO_PEERCRED, SO_RCVBUF,
    SO_RCVLOWAT, SO_RCVTIMEO, SO_RXQ_OVFL, SO_SNDBUF, SO_SNDTIMEO, SO_ZEROCOPY, SOL_SOCKET,
    SOL_UDP, SYS_connect, SYS_getsockopt, SYS_read, SYS_setsockopt, TCP_CORK, TCP_INFO, TCP_INQ,
    TCP_NODELAY, TCP_NOTSENT_LOWAT, TCP_QUICKACK, TCP_USER_TIMEOUT, UDP_GRO, UDP_SEGMENT,
};
use nix::errno::Errno;

use super::means::{change_option, change_u32, change_u64, halve_time, ignore_option, is_option};
use super::{Mutant, after, before};
use crate::trace::Act;

/// A kernel that takes an option and does nothing about it.
macro_rules! ignored {
    ($id:literal, $source:literal, $level:expr, $option:expr) => {
        before(
            $id,
            concat!("An option is taken, and has no effect: ", $source, "."),
            $source,
            &[SYS_setsockopt],
            |call| ignore_option(call, $level, $option),
        )
    };
}

/// A kernel that tells a wrong value of an option.
macro_rules! wrong {
    ($id:literal, $breaks:literal, $source:literal, $level:expr, $option:expr, $change:expr) => {
        after($id, $breaks, $source, &[SYS_getsockopt], |call| {
            change_option(call, $level, $option, $change)
        })
    };
}

/// Options that libc does not know yet, or names for one of two sizes of time.
const SO_BUF_LOCK: i32 = 72;
const SO_PASSPIDFD: i32 = 76;
const SO_RCVPRIORITY: i32 = 82;
const SO_PASSRIGHTS: i32 = 83;
const SO_INQ: i32 = 84;

pub(super) const MUTANTS: &[Mutant] = &[
    ignored!("tcp.nodelay_delays", "tcp(7), TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY),
    ignored!("tcp.cork_holds_nothing", "tcp(7), TCP_CORK", IPPROTO_TCP, TCP_CORK),
    ignored!("tcp.acknowledged_at_once", "tcp(7), TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK),
    ignored!(
        "tcp.no_low_mark_for_pollout",
        "tcp(7), TCP_NOTSENT_LOWAT",
        IPPROTO_TCP,
        TCP_NOTSENT_LOWAT
    ),
    ignored!("tcp.no_user_timeout", "tcp(7), TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT),
    ignored!("tcp.inq_is_not_told", "tcp(7), TCP_INQ", IPPROTO_TCP, TCP_INQ),
    ignored!("tcp.linger_is_none", "socket(7), SO_LINGER", SOL_SOCKET, SO_LINGER),
    ignored!("tcp.no_low_mark_for_pollin", "socket(7), SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT),
    ignored!("tcp.receive_buffer_is_fixed", "socket(7), SO_RCVBUF", SOL_SOCKET, SO_RCVBUF),
    ignored!("tcp.send_buffer_is_fixed", "socket(7), SO_SNDBUF", SOL_SOCKET, SO_SNDBUF),
    ignored!("tcp.peek_has_no_offset", "socket(7), SO_PEEK_OFF", SOL_SOCKET, SO_PEEK_OFF),
    ignored!("tcp.zero_copy_copies", "socket(7), SO_ZEROCOPY", SOL_SOCKET, SO_ZEROCOPY),
    ignored!("tcp.locks_stay", "socket(7), SO_BUF_LOCK", SOL_SOCKET, SO_BUF_LOCK),
    ignored!("udp.errors_are_not_kept", "ip(7), IP_RECVERR", IPPROTO_IP, libc::IP_RECVERR),
    ignored!("udp.drops_are_not_told", "socket(7), SO_RXQ_OVFL", SOL_SOCKET, SO_RXQ_OVFL),
    ignored!("udp.is_not_cut", "udp(7), UDP_SEGMENT", SOL_UDP, UDP_SEGMENT),
    ignored!("udp.is_not_joined", "udp(7), UDP_GRO", SOL_UDP, UDP_GRO),
    ignored!("udp.priority_is_not_told", "socket(7), SO_RCVPRIORITY", SOL_SOCKET, SO_RCVPRIORITY),
    ignored!("unix.sender_is_not_told", "unix(7), SO_PASSCRED", SOL_SOCKET, SO_PASSCRED),
    ignored!("unix.no_pidfd_of_the_sender", "unix(7), SO_PASSPIDFD", SOL_SOCKET, SO_PASSPIDFD),
    ignored!("unix.descriptors_are_taken", "unix(7), SO_PASSRIGHTS", SOL_SOCKET, SO_PASSRIGHTS),
    ignored!("unix.inq_is_not_told", "unix(7), SO_INQ", SOL_SOCKET, SO_INQ),
    wrong!(
        "tcp.buffers_are_as_asked",
        "SO_RCVBUF tells what was asked for, not twice that.",
        "socket(7), SO_RCVBUF",
        SOL_SOCKET,
        SO_RCVBUF,
        |size| size / 2
    ),
    wrong!(
        "tcp.send_buffer_may_be_tiny",
        "SO_SNDBUF has no least value.",
        "socket(7), SO_SNDBUF",
        SOL_SOCKET,
        SO_SNDBUF,
        |size| if size < 8192 { 64 } else { size }
    ),
    wrong!(
        "tcp.buffers_are_never_locked",
        "SO_BUF_LOCK is 0.",
        "socket(7), SO_BUF_LOCK",
        SOL_SOCKET,
        SO_BUF_LOCK,
        |_| 0
    ),
    wrong!(
        "tcp.error_is_not_told",
        "SO_ERROR is 0.",
        "socket(7), SO_ERROR",
        SOL_SOCKET,
        SO_ERROR,
        |_| 0
    ),
    wrong!(
        "unix.peer_is_another",
        "SO_PEERCRED tells the next process.",
        "unix(7), SO_PEERCRED",
        SOL_SOCKET,
        SO_PEERCRED,
        |process| process + 1
    ),
    after(
        "tcp.error_is_told_again",
        "SO_ERROR is not used up by reading it.",
        "socket(7), SO_ERROR",
        &[SYS_getsockopt],
        |call| {
            if !is_option(call, SOL_SOCKET, SO_ERROR) {
                return;
            }
            let (key, at) = ((0, call.argument(0)), call.argument(3));
            match call.u32(at) {
                Some(0) => {
                    if let Some(kept) = call.memory.get(&key).copied() {
                        call.put(at, &kept.to_ne_bytes()[..4]);
                    }
                }
                Some(error) => {
                    call.memory.insert(key, error.into());
                }
                None => {}
            }
        },
    ),
    after(
        "tcp.options_are_one_more",
        "The younger options of a socket tell two more than there is.",
        "socket(7), tcp(7)",
        &[SYS_getsockopt],
        |call| {
            let young = match call.int(1) {
                SOL_SOCKET => [69, 73, 74, 75].contains(&call.int(2)),
                IPPROTO_TCP => (43..=46).contains(&call.int(2)),
                _ => false,
            };
            if young && call.succeeded() {
                change_u32(call, call.argument(3), |value| value + 2);
            }
        },
    ),
    after(
        "tcp.cookies_differ",
        "SO_NETNS_COOKIE is another number for each socket.",
        "socket(7), SO_NETNS_COOKIE",
        &[SYS_getsockopt],
        |call| {
            if is_option(call, SOL_SOCKET, 71) && call.succeeded() {
                call.put(call.argument(3), &call.argument(0).to_ne_bytes()[..1]);
            }
        },
    ),
    after(
        "tcp.info_is_shorter",
        "TCP_INFO has four bytes less than there is room for.",
        "tcp(7), TCP_INFO",
        &[SYS_getsockopt],
        |call| {
            if is_option(call, IPPROTO_TCP, TCP_INFO) && call.succeeded() {
                change_u32(
                    call,
                    call.argument(4),
                    |length| if length <= 104 { length - 4 } else { length },
                );
            }
        },
    ),
    after(
        "tcp.info_counts_more_segments",
        "TCP_INFO counts a segment with data more than was sent.",
        "tcp(7), TCP_INFO",
        &[SYS_getsockopt],
        |call| {
            // tcpi_segs_out, tcpi_data_segs_out.
            if is_option(call, IPPROTO_TCP, TCP_INFO) && call.u32(call.argument(4)) > Some(160) {
                for at in [136, 156] {
                    let at = call.argument(3) + at;
                    change_u32(call, at, |count| if count == 0 { 0 } else { count + 1 });
                }
            }
        },
    ),
    after(
        "tcp.info_does_not_blame_the_window",
        "tcpi_rwnd_limited does not grow.",
        "tcp(7), TCP_INFO",
        &[SYS_getsockopt],
        |call| {
            if is_option(call, IPPROTO_TCP, TCP_INFO) && call.u32(call.argument(4)) > Some(184) {
                call.put(call.argument(3) + 176, &1_u64.to_ne_bytes());
            }
        },
    ),
    after(
        "tcp.info_tells_no_end",
        "tcpi_state is that of a connection on which nothing has ended.",
        "tcp(7), TCP_INFO",
        &[SYS_getsockopt],
        |call| {
            if is_option(call, IPPROTO_TCP, TCP_INFO) {
                call.put(call.argument(3), &[1]);
            }
        },
    ),
    after(
        "tcp.wrong_option_is_invalid",
        "An option that cannot be set fails with EINVAL.",
        "socket(7), ENOPROTOOPT",
        &[SYS_setsockopt],
        |call| {
            if call.int(2) == libc::SO_SNDLOWAT {
                call.confuse(Errno::ENOPROTOOPT, Errno::EINVAL);
            }
        },
    ),
    after(
        "tcp.refused_option_is_taken",
        "An option that has to be refused with EOPNOTSUPP, EPERM or EDOM is taken.",
        "socket(7), setsockopt(2), ERRORS",
        &[SYS_setsockopt],
        |call| {
            for error in [Errno::EOPNOTSUPP, Errno::EPERM, Errno::EDOM] {
                call.forgive(error);
            }
        },
    ),
    before(
        "tcp.too_large_a_buffer_is_refused",
        "A buffer that is larger than allowed is refused.",
        "socket(7), SO_RCVBUF",
        &[SYS_setsockopt],
        |call| {
            let sizes =
                is_option(call, SOL_SOCKET, SO_RCVBUF) || is_option(call, SOL_SOCKET, SO_SNDBUF);
            if sizes && call.u32(call.argument(3)) > Some(1 << 30) {
                call.answer(0);
            }
        },
    ),
    before(
        "tcp.timeout_is_half",
        "SO_RCVTIMEO and SO_SNDTIMEO end a call after half their time.",
        "socket(7), SO_RCVTIMEO and SO_SNDTIMEO",
        &[SYS_setsockopt],
        |call| {
            if is_option(call, SOL_SOCKET, SO_RCVTIMEO) || is_option(call, SOL_SOCKET, SO_SNDTIMEO)
            {
                halve_time(call, call.argument(3));
            }
        },
    ),
    before(
        "tcp.negative_timeout_is_for_ever",
        "A negative SO_RCVTIMEO is as good as none.",
        "socket(7), SO_RCVTIMEO and SO_SNDTIMEO",
        &[SYS_setsockopt],
        |call| {
            if is_option(call, SOL_SOCKET, SO_RCVTIMEO) {
                change_u64(call, call.argument(3), |seconds| {
                    if seconds.cast_signed() < 0 { 3600 } else { seconds }
                });
            }
        },
    ),
    after(
        "tcp.buffers_have_no_bounds",
        "The bounds of buffers are told as 0.",
        "socket(7), /proc interfaces",
        &[SYS_read],
        |call| tells_instead(call, "/sys/net/core/rmem_max", b'0'),
    ),
    after(
        "tcp.reuse_is_nonsense",
        "tcp_tw_reuse is told as 9.",
        "tcp(7), /proc interfaces",
        &[SYS_read],
        |call| tells_instead(call, "/sys/net/ipv4/tcp_tw_reuse", b'9'),
    ),
    after(
        "tcp.counters_stand_still",
        "What TCP counts is told as if nothing ever happened.",
        "proc_pid_net(5), /proc/net/netstat",
        &[SYS_read],
        |call| tells_instead(call, "/net/netstat", b'7'),
    ),
    after(
        "tcp.negative_delay_is_the_other_way",
        "A negative TCP_TX_DELAY is refused where it should be taken, and taken where it should not.",
        "kernel source, do_tcp_setsockopt",
        &[SYS_setsockopt],
        |call| {
            /// Of `linux/tcp.h`.
            const TCP_TX_DELAY: i32 = 37;
            let delay = call.u32(call.argument(3)).unwrap_or(0).cast_signed();
            if is_option(call, IPPROTO_TCP, TCP_TX_DELAY) && delay < 0 {
                let refused = -i64::from(Errno::EINVAL as i32);
                call.answer(if call.succeeded() { refused } else { 0 });
            }
        },
    ),
    before(
        "udp.lite_is_plain",
        "A socket of UDP-Lite is one of UDP.",
        "udplite(7)",
        &[libc::SYS_socket],
        |call| {
            if call.int(2) == libc::IPPROTO_UDPLITE {
                call.set_argument(2, u64::from(libc::IPPROTO_UDP.cast_unsigned()));
            }
        },
    ),
    after(
        "tcp.every_piece_is_sent",
        "A connection begins with TCP_NODELAY set.",
        "tcp(7), TCP_NODELAY",
        &[SYS_connect],
        |call| {
            if call.succeeded() {
                let at = call.scratch();
                call.put(at, &1_u32.to_ne_bytes());
                let level = u64::from(IPPROTO_TCP.cast_unsigned());
                let option = u64::from(TCP_NODELAY.cast_unsigned());
                call.also(SYS_setsockopt, [call.argument(0), level, option, at, 4, 0]);
            }
        },
    ),
];

/// Makes each digit that was read from a file another.
fn tells_instead(call: &mut Act, file: &str, digit: u8) {
    if call.result() > 0 && call.path(call.int(0)).ends_with(file) {
        let length = usize::try_from(call.result()).unwrap_or(0);
        let mut text = call.bytes(call.argument(1), length).unwrap_or_default();
        text.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = digit);
        call.put(call.argument(1), &text);
    }
}
