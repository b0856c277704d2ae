//! epoll(7).

use libc::{EPOLL_CTL_ADD, EPOLL_CTL_MOD, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_wait};

use super::{Mutant, after, before};
use crate::trace::Act;

const WAITS: &[i64] = &[SYS_epoll_wait, SYS_epoll_pwait, libc::SYS_epoll_pwait2];
const CONTROL: &[i64] = &[SYS_epoll_ctl];
/// A struct epoll_event is packed on x86-64.
const EVENT: u64 = 12;

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "epoll.edge_triggered_is_level_triggered",
        "EPOLLET is not looked at.",
        "epoll(7), Level-triggered and edge-triggered",
        CONTROL,
        |call| without(call, libc::EPOLLET),
    ),
    before(
        "epoll.oneshot_is_for_ever",
        "EPOLLONESHOT is not looked at.",
        "epoll_ctl(2), EPOLLONESHOT",
        CONTROL,
        |call| without(call, libc::EPOLLONESHOT),
    ),
    before(
        "epoll.exclusive_is_not",
        "EPOLLEXCLUSIVE is not looked at: all are woken.",
        "epoll_ctl(2), EPOLLEXCLUSIVE",
        CONTROL,
        |call| without(call, libc::EPOLLEXCLUSIVE),
    ),
    after(
        "epoll.data_is_lost",
        "The data of a report is not that of its registration.",
        "epoll_wait(2)",
        WAITS,
        |call| each_report(call, |call, at| call.put(at + 4, &[0xff; 8])),
    ),
];

/// Takes a flag from what is registered.
fn without(call: &mut Act, flag: i32) {
    let operation = call.int(1);
    if operation != EPOLL_CTL_ADD && operation != EPOLL_CTL_MOD {
        return;
    }
    let at = call.argument(3);
    if let Some(events) = call.u32(at) {
        call.put(at, &(events & !flag.cast_unsigned()).to_ne_bytes());
    }
}

/// Does something to each report, given its address.
fn each_report(call: &mut Act, act: fn(&mut Act, u64)) {
    let (first, count) = (call.argument(1), u64::try_from(call.result()).unwrap_or(0));
    for report in 0..count {
        act(call, first + report * EVENT);
    }
}
