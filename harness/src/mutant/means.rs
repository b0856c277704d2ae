//! What several mutants do to calls.

use libc::{O_NONBLOCK, SYS_fcntl, SYS_getsockopt, SYS_setsockopt};

use crate::trace::Act;

/// Where the flags of a call about messages are among its arguments.
fn place_of_flags(call: &Act) -> usize {
    match call.number() {
        libc::SYS_recvmsg | libc::SYS_sendmsg => 2,
        libc::SYS_preadv2 | libc::SYS_pwritev2 => 5,
        _ => 3,
    }
}

/// The flags (`MSG_…`, `RWF_…`) of a call that has such.
pub(super) fn has_flag(call: &Act, flag: i32) -> bool {
    call.int(place_of_flags(call)) & flag != 0
}

/// Takes a flag (`MSG_…`, `RWF_…`) from a call.
pub(super) fn without_flag(call: &mut Act, flag: i32) {
    let place = place_of_flags(call);
    if has_flag(call, flag) {
        let flags = call.int(place) & !flag;
        call.set_argument(place, u64::from(flags.cast_unsigned()));
    }
}

/// Gives a flag (`MSG_…`) to a call.
pub(super) fn with_flag(call: &mut Act, flag: i32) {
    let place = place_of_flags(call);
    if !has_flag(call, flag) {
        let flags = call.int(place) | flag;
        call.set_argument(place, u64::from(flags.cast_unsigned()));
    }
}

/// Makes a length that is returned one less, unless nothing would be left of it.
pub(super) fn one_less(call: &mut Act) {
    if call.result() > 1 {
        call.answer(call.result() - 1);
    }
}

/// Makes a descriptor nonblocking (its first argument), if it is not, before the call.
pub(super) fn do_not_wait(call: &mut Act) {
    let flags = call.file_flags(call.int(0));
    if flags & O_NONBLOCK == 0 {
        let flags = u64::from((flags | O_NONBLOCK).cast_unsigned());
        let set = u64::from(libc::F_SETFL.cast_unsigned());
        call.first(SYS_fcntl, [call.argument(0), set, flags, 0, 0, 0]);
    }
}

/// Whether this is an option (setsockopt or getsockopt) of a socket.
pub(super) fn is_option(call: &Act, level: i32, option: i32) -> bool {
    [SYS_setsockopt, SYS_getsockopt].contains(&call.number())
        && (call.int(1), call.int(2)) == (level, option)
}

/// Makes a setsockopt of an option a success without effect.
pub(super) fn ignore_option(call: &mut Act, level: i32, option: i32) {
    if is_option(call, level, option) {
        call.answer(0);
    }
}

/// Changes the number of 32 bits that getsockopt has told of an option.
pub(super) fn change_option(call: &mut Act, level: i32, option: i32, change: fn(u32) -> u32) {
    if is_option(call, level, option) && call.succeeded() {
        change_u32(call, call.argument(3), change);
    }
}

/// Changes a number of 32 bits in memory.
pub(super) fn change_u32(call: &mut Act, at: u64, change: fn(u32) -> u32) {
    if let Some(value) = call.u32(at) {
        call.put(at, &change(value).to_ne_bytes());
    }
}

/// Changes a number of 64 bits in memory.
pub(super) fn change_u64(call: &mut Act, at: u64, change: fn(u64) -> u64) {
    if let Some(value) = call.u64(at) {
        call.put(at, &change(value).to_ne_bytes());
    }
}

/// Halves a time of less than a second, in a `timespec` or `timeval`.
pub(super) fn halve_time(call: &mut Act, at: u64) {
    if call.u64(at) == Some(0) {
        change_u64(call, at + 8, |part| part / 2);
    }
}

/// Where the first of the bytes are that a call reads or writes.
pub(super) fn buffer(call: &Act) -> u64 {
    let vector = match call.number() {
        libc::SYS_readv | libc::SYS_writev | libc::SYS_preadv2 | libc::SYS_pwritev2 => {
            Some(call.argument(1))
        }
        libc::SYS_recvmsg | libc::SYS_sendmsg => call.u64(call.argument(1) + 16),
        _ => return call.argument(1),
    };
    vector.and_then(|vector| call.u64(vector)).unwrap_or(0)
}

/// Changes the first of the bytes that a call has read.
pub(super) fn spoil(call: &mut Act) {
    let at = buffer(call);
    if call.result() > 0
        && let Some(bytes) = call.bytes(at, 1)
    {
        call.put(at, &[bytes[0] ^ 0x20]);
    }
}
