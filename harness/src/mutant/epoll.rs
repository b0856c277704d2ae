//! epoll(7): what is registered, and what is reported of it.

use libc::{EPOLL_CTL_ADD, EPOLL_CTL_MOD, SYS_epoll_ctl, SYS_epoll_pwait};
use nix::errno::Errno;

use super::{Mutant, after, before};
use crate::sys::abi::SYS_epoll_wait;
use crate::trace::{Act, Kind};

const WAITS: &[i64] = &[SYS_epoll_wait, SYS_epoll_pwait, libc::SYS_epoll_pwait2];
const BOTH: &[i64] = &[SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, libc::SYS_epoll_pwait2];
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
        "epoll.level_triggered_is_edge_triggered",
        "Everything is registered with EPOLLET.",
        "epoll(7), Level-triggered and edge-triggered",
        CONTROL,
        |call| with(call, libc::EPOLLET, 0),
    ),
    before(
        "epoll.oneshot_is_for_ever",
        "EPOLLONESHOT is not looked at.",
        "epoll_ctl(2), EPOLLONESHOT",
        CONTROL,
        |call| without(call, libc::EPOLLONESHOT),
    ),
    before(
        "epoll.all_is_oneshot",
        "Everything is registered with EPOLLONESHOT.",
        "epoll_ctl(2), EPOLLONESHOT",
        CONTROL,
        |call| with(call, libc::EPOLLONESHOT, libc::EPOLLEXCLUSIVE),
    ),
    before(
        "epoll.exclusive_is_not",
        "EPOLLEXCLUSIVE is not looked at: all are woken.",
        "epoll_ctl(2), EPOLLEXCLUSIVE",
        CONTROL,
        |call| without(call, libc::EPOLLEXCLUSIVE),
    ),
    before(
        "epoll.all_is_exclusive",
        "Everything is registered with EPOLLEXCLUSIVE: one is woken.",
        "epoll_ctl(2), EPOLLEXCLUSIVE",
        CONTROL,
        |call| {
            let never = libc::EPOLLONESHOT | libc::EPOLLRDHUP | libc::EPOLLPRI;
            if call.int(1) == EPOLL_CTL_ADD && call.kind(call.int(2)) != Kind::Epoll {
                with(call, libc::EPOLLEXCLUSIVE, never);
            }
        },
    ),
    before(
        "epoll.readable_is_not_reported",
        "EPOLLIN is not looked at.",
        "epoll_ctl(2), EPOLLIN",
        CONTROL,
        |call| without(call, libc::EPOLLIN),
    ),
    before(
        "epoll.writable_is_not_reported",
        "EPOLLOUT is not looked at.",
        "epoll_ctl(2), EPOLLOUT",
        CONTROL,
        |call| without(call, libc::EPOLLOUT),
    ),
    before(
        "epoll.writable_comes_unasked",
        "EPOLLOUT is reported to who asked for EPOLLIN.",
        "epoll_ctl(2), EPOLLOUT",
        CONTROL,
        |call| with(call, libc::EPOLLOUT, 0),
    ),
    before(
        "epoll.half_close_is_not_reported",
        "EPOLLRDHUP is not looked at.",
        "epoll_ctl(2), EPOLLRDHUP",
        CONTROL,
        |call| without(call, libc::EPOLLRDHUP),
    ),
    before(
        "epoll.half_close_comes_unasked",
        "EPOLLRDHUP is reported to those who did not ask for it.",
        "epoll_ctl(2), EPOLLRDHUP",
        CONTROL,
        |call| with(call, libc::EPOLLRDHUP, libc::EPOLLEXCLUSIVE),
    ),
    before(
        "epoll.urgent_data_is_not_reported",
        "EPOLLPRI is not looked at.",
        "epoll_ctl(2), EPOLLPRI",
        CONTROL,
        |call| without(call, libc::EPOLLPRI),
    ),
    after(
        "epoll.hangup_is_not_reported",
        "EPOLLHUP is left out of reports.",
        "epoll_ctl(2), EPOLLHUP",
        WAITS,
        |call| hide(call, libc::EPOLLHUP),
    ),
    after(
        "epoll.error_is_not_reported",
        "EPOLLERR is left out of reports.",
        "epoll_ctl(2), EPOLLERR",
        WAITS,
        |call| hide(call, libc::EPOLLERR),
    ),
    after(
        "epoll.readable_is_left_out",
        "EPOLLIN is left out of a report that says more.",
        "epoll_wait(2)",
        WAITS,
        |call| leave_out(call, libc::EPOLLIN),
    ),
    after(
        "epoll.writable_is_left_out",
        "EPOLLOUT is left out of a report that says more.",
        "epoll_wait(2)",
        WAITS,
        |call| leave_out(call, libc::EPOLLOUT),
    ),
    before(
        "epoll.watchers_are_bounded",
        "No more than a thousand instances can watch a descriptor.",
        "linux fs/eventpoll.c, path_count_inc",
        CONTROL,
        |call| {
            // Each of them is another descriptor, and there are some others.
            if call.int(1) == EPOLL_CTL_ADD && call.int(0) > 1000 {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    after(
        "epoll.data_is_lost",
        "The data of a report is not that of its registration.",
        "epoll_wait(2)",
        WAITS,
        |call| each_report(call, |call, at| call.put(at + 4, &[0xff; 8])),
    ),
    after(
        "epoll.reports_what_is_not_ready",
        "A wait that would find nothing reports what was registered last.",
        "epoll(7)",
        BOTH,
        |call| {
            let instance = call.argument(0);
            if call.number() == SYS_epoll_ctl {
                let (at, succeeded) = (call.argument(3), call.succeeded());
                match (call.u32(at), call.u64(at + 4)) {
                    (Some(events), Some(data)) if succeeded => {
                        call.memory.insert((instance, 0), events.into());
                        call.memory.insert((instance, 1), data);
                    }
                    _ => {}
                }
            } else if call.result() == 0 {
                let known = |what| call.memory.get(&(instance, what)).copied();
                let (Some(events), Some(data)) = (known(0), known(1)) else { return };
                let conditions = u32::try_from(events & 0xffff).unwrap_or(0);
                let mut report = conditions.to_ne_bytes().to_vec();
                report.extend(data.to_ne_bytes());
                call.put(call.argument(1), &report);
                call.answer(1);
            }
        },
    ),
    before(
        "epoll.one_report_at_a_time",
        "However many are ready, one is reported.",
        "epoll_wait(2), RETURN VALUE",
        WAITS,
        |call| {
            if call.int(2) > 1 && call.int(2) < 1000 {
                call.set_argument(2, 1);
            }
        },
    ),
    after(
        "epoll.reports_are_in_reverse",
        "What became ready first is reported last.",
        "epoll(7)",
        WAITS,
        |call| {
            let (at, reports) = reports(call);
            let reversed: Vec<u8> = reports.chunks(12).rev().flatten().copied().collect();
            call.put(at, &reversed);
        },
    ),
    after(
        "epoll.the_first_one_only",
        "With room for one report, it is always of the descriptor that was reported first.",
        "epoll_wait(2)",
        WAITS,
        |call| {
            let (instance, at) = (call.argument(0), call.argument(1) + 4);
            if call.int(2) == 1 && call.result() == 1 {
                let data = call.u64(at).unwrap_or(0);
                let first = *call.memory.entry((instance, 0)).or_insert(data);
                call.put(at, &first.to_ne_bytes());
            }
        },
    ),
    before(
        "epoll.exclusive_can_be_modified",
        "EPOLL_CTL_MOD is taken with EPOLLEXCLUSIVE, and on what was added so.",
        "epoll_ctl(2), ERRORS: EINVAL",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_ADD {
                if asked(call) & libc::EPOLLEXCLUSIVE != 0 {
                    call.memory.insert((call.argument(0), call.argument(2)), 1);
                }
            } else if call.int(1) == EPOLL_CTL_MOD
                && (asked(call) & libc::EPOLLEXCLUSIVE != 0
                    || call.memory.contains_key(&(call.argument(0), call.argument(2))))
            {
                call.answer(0);
            }
        },
    ),
    after(
        "epoll.exclusive_takes_all_flags",
        "EPOLLEXCLUSIVE can be added with any other flag, and to an instance.",
        "epoll_ctl(2), ERRORS: EINVAL",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_ADD && asked(call) & libc::EPOLLEXCLUSIVE != 0 {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    before(
        "epoll.wakeup_is_for_the_privileged",
        "EPOLLWAKEUP is refused with EPERM instead of being dropped.",
        "epoll_ctl(2), EPOLLWAKEUP",
        CONTROL,
        |call| {
            if call.int(1) != libc::EPOLL_CTL_DEL && asked(call) & libc::EPOLLWAKEUP != 0 {
                call.refuse(Errno::EPERM);
            }
        },
    ),
];

/// What a call of `epoll_ctl` asks for.
fn asked(call: &Act) -> i32 {
    call.u32(call.argument(3)).unwrap_or(0).cast_signed()
}

/// Takes a flag from what is registered.
fn without(call: &mut Act, flag: i32) {
    if [EPOLL_CTL_ADD, EPOLL_CTL_MOD].contains(&call.int(1)) {
        let events = asked(call) & !flag;
        call.put(call.argument(3), &events.to_ne_bytes());
    }
}

/// Adds a flag to what is registered for reading, unless one of some others stands there.
fn with(call: &mut Act, flag: i32, unless: i32) {
    let events = asked(call);
    if [EPOLL_CTL_ADD, EPOLL_CTL_MOD].contains(&call.int(1))
        && events & libc::EPOLLIN != 0
        && events & unless == 0
    {
        call.put(call.argument(3), &(events | flag).to_ne_bytes());
    }
}

/// The reports of a wait, as bytes, and where they stand.
fn reports(call: &Act) -> (u64, Vec<u8>) {
    let count = usize::try_from(call.result()).unwrap_or(0);
    (call.argument(1), call.bytes(call.argument(1), 12 * count).unwrap_or_default())
}

/// Takes conditions out of reports, and reports of nothing else away.
fn hide(call: &mut Act, conditions: i32) {
    let (at, reports) = reports(call);
    let (mut kept, mut hidden) = (Vec::new(), false);
    for report in reports.chunks(12) {
        let events = u32::from_ne_bytes([report[0], report[1], report[2], report[3]]);
        let rest = events & !conditions.cast_unsigned();
        hidden |= rest != events;
        if rest != 0 {
            kept.extend(rest.to_ne_bytes());
            kept.extend(&report[4..]);
        }
    }
    if hidden {
        call.put(at, &kept);
        call.answer(i64::try_from(kept.len() / 12).unwrap_or(0));
    }
}

/// Takes a condition out of reports of more than that.
fn leave_out(call: &mut Act, condition: i32) {
    each_report(call, |call, at| {
        let rest = call.u32(at).unwrap_or(0) & !condition.cast_unsigned();
        if rest != 0 {
            call.put(at, &rest.to_ne_bytes());
        }
    });
}

/// Does something to each report, given its address.
fn each_report(call: &mut Act, act: impl Fn(&mut Act, u64)) {
    let (first, count) = (call.argument(1), u64::try_from(call.result()).unwrap_or(0));
    for report in 0..count {
        act(call, first + report * EVENT);
    }
}
