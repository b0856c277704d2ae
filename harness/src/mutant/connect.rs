//! connect(2): whom a socket is connected with, and how connect fails.

use libc::{AF_UNSPEC, SYS_connect, SYS_getpeername, SYS_getsockname, SYS_setsockopt};
use nix::errno::Errno;

use super::{Mutant, after, before, sets};

const CONNECT: &[i64] = &[SYS_connect];

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "connect.connected_can_connect",
        "connect of a connected socket succeeds.",
        "connect(2), ERRORS: EISCONN",
        CONNECT,
        |call| call.forgive(Errno::EISCONN),
    ),
    after(
        "connect.refusal_is_a_timeout",
        "connect without a listener fails with ETIMEDOUT.",
        "connect(2), ERRORS: ECONNREFUSED",
        CONNECT,
        |call| call.confuse(Errno::ECONNREFUSED, Errno::ETIMEDOUT),
    ),
    after(
        "connect.progress_is_lack_of_room",
        "connect that is under way fails with EAGAIN.",
        "connect(2), ERRORS: EINPROGRESS",
        CONNECT,
        |call| call.confuse(Errno::EINPROGRESS, Errno::EAGAIN),
    ),
    after(
        "connect.lack_of_room_is_progress",
        "An AF_UNIX connect without room at the listener fails with EINPROGRESS.",
        "connect(2), ERRORS: EAGAIN",
        CONNECT,
        |call| call.confuse(Errno::EAGAIN, Errno::EINPROGRESS),
    ),
    after(
        "connect.refused_once_is_for_ever",
        "A socket whose connect was refused is refused for ever.",
        "connect(2), NOTES",
        &[SYS_connect, libc::SYS_close],
        |call| {
            let number = call.argument(0);
            if call.number() == libc::SYS_close {
                call.memory.remove(&(number, 0));
            } else if call.failed_with(Errno::ECONNREFUSED) {
                call.memory.insert((number, 0), 1);
            } else if call.memory.contains_key(&(number, 0)) {
                call.refuse(Errno::ECONNREFUSED);
            }
        },
    ),
    before(
        "connect.never_dissolves",
        "connect to AF_UNSPEC succeeds and does nothing.",
        "connect(2)",
        CONNECT,
        |call| {
            if call.u16(call.argument(1)) == u16::try_from(AF_UNSPEC).ok() {
                call.answer(0);
            }
        },
    ),
    before(
        "connect.datagrams_have_one_peer",
        "A second connect of a socket succeeds and does nothing.",
        "connect(2)",
        &[SYS_connect, libc::SYS_close],
        |call| {
            let number = call.argument(0);
            if call.number() == libc::SYS_close {
                call.memory.remove(&(number, 0));
            } else if call.memory.insert((number, 0), 1).is_some() {
                call.answer(0);
            }
        },
    ),
    before(
        "connect.wildcard_is_nobody",
        "connect to the wildcard address fails with ENETUNREACH.",
        "ip(7), Address format",
        CONNECT,
        |call| {
            let address = call.argument(1);
            if call.u16(address) == u16::try_from(libc::AF_INET).ok()
                && call.u32(address + 4) == Some(0)
            {
                call.refuse(Errno::ENETUNREACH);
            }
        },
    ),
    after(
        "connect.not_with_itself",
        "connect of a TCP socket to its own address fails with ECONNREFUSED.",
        "RFC 9293, 3.5",
        &[libc::SYS_socket, libc::SYS_bind, SYS_connect],
        |call| {
            let number = call.argument(0);
            match call.number() {
                libc::SYS_socket => {
                    let made = u64::try_from(call.result()).unwrap_or(0);
                    call.memory
                        .insert((made, 0), u64::from(call.int(1) & 0xf == libc::SOCK_STREAM));
                }
                libc::SYS_bind => {
                    if let Some(state) = call.memory.get_mut(&(number, 0)) {
                        *state *= 2;
                    }
                }
                _ if call.memory.get(&(number, 0)) == Some(&2) => call.refuse(Errno::ECONNREFUSED),
                _ => {}
            }
        },
    ),
    after(
        "connect.names_nobody",
        "A socket that was not bound tells no address, though it is connected.",
        "getsockname(2)",
        &[SYS_getsockname],
        |call| {
            if call.succeeded() && call.u16(call.argument(1)) == u16::try_from(libc::AF_INET).ok() {
                call.put(call.argument(1) + 4, &[0; 4]);
            }
        },
    ),
    after(
        "connect.no_peer_is_invalid",
        "getpeername of a socket that is not connected fails with EINVAL.",
        "getpeername(2), ERRORS: ENOTCONN",
        &[SYS_getpeername],
        |call| call.confuse(Errno::ENOTCONN, Errno::EINVAL),
    ),
    before(
        "connect.waits_as_long_as_it_takes",
        "SO_SNDTIMEO does not bound the wait.",
        "socket(7), SO_SNDTIMEO",
        &[SYS_setsockopt],
        |call| {
            if sets(call, libc::SOL_SOCKET, libc::SO_SNDTIMEO) {
                call.answer(0);
            }
        },
    ),
];
