//! accept(2): what it returns, and what it refuses.

use libc::{O_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK, SYS_accept, SYS_accept4, SYS_setsockopt};
use nix::errno::Errno;

use super::{Mutant, after, before, sets};
use crate::trace::Act;

const ACCEPTS: &[i64] = &[SYS_accept, SYS_accept4];
const ACCEPT4: &[i64] = &[SYS_accept4];

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "accept.inherits_nonblocking",
        "What is accepted from a nonblocking listener is nonblocking.",
        "accept(2)",
        ACCEPTS,
        |call| {
            if call.file_flags(call.int(0)) & O_NONBLOCK == 0 {
                return;
            }
            if call.number() == SYS_accept4 {
                with_flags(call, |flags| flags | SOCK_NONBLOCK);
            } else {
                let [socket, address, room] = [0, 1, 2].map(|place| call.argument(place));
                let flags = SOCK_NONBLOCK.cast_unsigned().into();
                call.replace(SYS_accept4, [socket, address, room, flags, 0, 0]);
            }
        },
    ),
    before(
        "accept.never_nonblocking",
        "SOCK_NONBLOCK is not looked at.",
        "accept(2)",
        ACCEPT4,
        |call| {
            with_flags(call, |flags| flags & !SOCK_NONBLOCK);
        },
    ),
    before(
        "accept.never_closed_on_exec",
        "SOCK_CLOEXEC is not looked at.",
        "accept(2)",
        ACCEPT4,
        |call| with_flags(call, |flags| flags & !SOCK_CLOEXEC),
    ),
    before(
        "accept.takes_any_flag",
        "accept4 takes flags that there are not.",
        "accept(2), ERRORS: EINVAL",
        ACCEPT4,
        |call| with_flags(call, |flags| flags & (SOCK_CLOEXEC | SOCK_NONBLOCK)),
    ),
    after(
        "accept.inherits_signals",
        "What is accepted signals as the listener does.",
        "accept(2)",
        ACCEPTS,
        |call| {
            const O_ASYNC: u64 = 0o20000;
            if call.file_flags(call.int(0)) & libc::O_ASYNC != 0 && call.succeeded() {
                let set = libc::F_SETFL.cast_unsigned().into();
                call.also(libc::SYS_fcntl, [accepted(call), set, O_ASYNC, 0, 0, 0]);
            }
        },
    ),
    after(
        "accept.inherits_no_keepalive",
        "SO_KEEPALIVE of the listener does not hold for what is accepted.",
        "socket(7)",
        ACCEPTS,
        |call| reset_option(call, libc::SO_KEEPALIVE, &[0; 4]),
    ),
    after(
        "accept.inherits_no_linger",
        "SO_LINGER of the listener does not hold for what is accepted.",
        "socket(7)",
        ACCEPTS,
        |call| reset_option(call, libc::SO_LINGER, &[0; 8]),
    ),
    after(
        "accept.nobody_is_invalid",
        "A nonblocking accept without a client, and one whose time is over, fails with EINVAL.",
        "accept(2), ERRORS: EAGAIN",
        ACCEPTS,
        |call| call.confuse(Errno::EAGAIN, Errno::EINVAL),
    ),
    after(
        "accept.no_listener_is_no_socket",
        "On a socket that does not listen accept fails with ENOTSOCK.",
        "accept(2), ERRORS: EINVAL",
        ACCEPTS,
        |call| call.confuse(Errno::EINVAL, Errno::ENOTSOCK),
    ),
    after(
        "accept.datagrams_are_invalid",
        "On a socket without connections accept fails with EINVAL.",
        "accept(2), ERRORS: EOPNOTSUPP",
        ACCEPTS,
        |call| call.confuse(Errno::EOPNOTSUPP, Errno::EINVAL),
    ),
    after(
        "accept.full_process_is_a_full_system",
        "In a process out of descriptors accept fails with ENFILE.",
        "accept(2), ERRORS: EMFILE",
        ACCEPTS,
        |call| call.confuse(Errno::EMFILE, Errno::ENFILE),
    ),
    after(
        "accept.loses_who_finds_no_descriptor",
        "A connection for which there is no descriptor is lost, and so are those behind it.",
        "accept(2), ERRORS: EMFILE",
        ACCEPTS,
        |call| {
            if call.failed_with(Errno::EMFILE) {
                call.also(libc::SYS_shutdown, [call.argument(0), 2, 0, 0, 0, 0]);
            }
        },
    ),
    before(
        "accept.reset_one_is_an_error",
        "Once a client has asked for a reset at its end, accept fails with ECONNABORTED.",
        "accept(2), ERRORS: ECONNABORTED",
        &[SYS_accept, SYS_accept4, SYS_setsockopt],
        |call| {
            if call.number() == SYS_setsockopt {
                if sets(call, libc::SOL_SOCKET, libc::SO_LINGER) {
                    call.memory.insert((0, 0), 1);
                }
            } else if call.memory.remove(&(0, 0)).is_some() {
                call.refuse(Errno::ECONNABORTED);
            }
        },
    ),
    before(
        "accept.turns_the_first_away",
        "The connection that waited longest is not returned.",
        "accept(2)",
        ACCEPTS,
        |call| {
            let close_on_exec = SOCK_CLOEXEC.cast_unsigned().into();
            if call.count(0) == 1 {
                call.first(SYS_accept4, [call.argument(0), 0, 0, close_on_exec, 0, 0]);
            }
        },
    ),
    before(
        "accept.skips_a_number",
        "accept does not return the lowest number that is free.",
        "accept(2)",
        ACCEPTS,
        |call| {
            let duplicate = libc::F_DUPFD_CLOEXEC.cast_unsigned().into();
            call.first(libc::SYS_fcntl, [call.argument(0), duplicate, 0, 0, 0, 0]);
        },
    ),
    after(
        "accept.names_another_port",
        "The port of the client's address is another one.",
        "accept(2)",
        ACCEPTS,
        |call| {
            let (at, room) = (call.argument(1), call.u32(call.argument(2)));
            if call.succeeded() && room.is_some_and(|room| room >= 16) {
                call.put(at + 2, &[0, 1]);
            }
        },
    ),
    Mutant {
        enter: Some(|call| call.note = call.u32(call.argument(2)).unwrap_or(0).into()),
        ..after(
            "accept.length_is_what_was_written",
            "Of an address that is cut off the length tells what was written, not what it was.",
            "accept(2)",
            ACCEPTS,
            |call| {
                let (at, room) = (call.argument(2), u32::try_from(call.note).unwrap_or(0));
                if call.succeeded() && call.u32(at).is_some_and(|length| length > room) {
                    call.put(at, &room.to_ne_bytes());
                }
            },
        )
    },
    Mutant {
        enter: Some(|call| {
            if call.number() == libc::SYS_close
                && let Some(last) = call.memory.remove(&(call.argument(0), 0))
            {
                call.first(libc::SYS_shutdown, [last, 2, 0, 0, 0, 0]);
            }
        }),
        ..after(
            "accept.ends_with_the_listener",
            "close of a listener ends what was accepted from it last.",
            "accept(2)",
            &[SYS_accept, SYS_accept4, libc::SYS_close],
            |call| {
                if call.number() != libc::SYS_close && call.succeeded() {
                    call.memory.insert((call.argument(0), 0), accepted(call));
                }
            },
        )
    },
    after(
        "accept.unnamed_client_has_a_name",
        "The address of an AF_UNIX client without a name is longer than the family.",
        "unix(7), Address format",
        ACCEPTS,
        |call| {
            let at = call.argument(2);
            if call.succeeded() && call.u32(at) == Some(2) {
                call.put(at, &3_u32.to_ne_bytes());
            }
        },
    ),
    before(
        "accept.waits_as_long_as_it_takes",
        "SO_RCVTIMEO does not bound the wait.",
        "socket(7), SO_RCVTIMEO",
        &[SYS_setsockopt],
        |call| {
            if sets(call, libc::SOL_SOCKET, libc::SO_RCVTIMEO) {
                call.answer(0);
            }
        },
    ),
];

/// The number that was returned.
fn accepted(call: &Act) -> u64 {
    u64::try_from(call.result()).unwrap_or(0)
}

/// Changes the flags of accept4.
fn with_flags(call: &mut Act, change: fn(i32) -> i32) {
    let flags = change(call.int(3));
    if flags != call.int(3) {
        call.set_argument(3, flags.cast_unsigned().into());
    }
}

/// Sets an option of what was accepted.
fn reset_option(call: &mut Act, name: i32, value: &[u8]) {
    if call.succeeded() {
        let (level, name) = (libc::SOL_SOCKET.cast_unsigned(), name.cast_unsigned());
        let (at, length) = (call.scratch(), value.len() as u64);
        call.put(at, &[0xff; 8]);
        call.put(at, value);
        call.also(SYS_setsockopt, [accepted(call), level.into(), name.into(), at, length, 0]);
    }
}
