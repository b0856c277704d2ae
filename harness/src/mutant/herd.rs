//! Whom an event wakes: those that sleep in accept, in read and in the like one at a time, those
//! that sleep in poll, select and epoll_wait all.

use libc::{
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLET, EPOLLEXCLUSIVE, MSG_WAITALL, SOL_SOCKET, SYS_accept,
    SYS_accept4, SYS_connect, SYS_epoll_ctl, SYS_fcntl, SYS_flock, SYS_read, SYS_recvfrom,
    SYS_sendto, SYS_setsockopt, SYS_write,
};

use super::{Mutant, after, before, sets};
use crate::sys::abi::{SYS_epoll_wait, SYS_poll};
use crate::trace::{Act, Kind};

const SLEEPS: [i64; 4] = [SYS_read, SYS_recvfrom, SYS_accept, SYS_accept4];
const NEWS: [i64; 3] = [SYS_write, SYS_sendto, SYS_connect];
const ALL: &[i64] =
    &[SYS_read, SYS_recvfrom, SYS_accept, SYS_accept4, SYS_write, SYS_sendto, SYS_connect];
const LOCKS: &[i64] = &[SYS_flock, SYS_fcntl];
const EPOLL: &[i64] = &[SYS_epoll_ctl, SYS_epoll_wait];
/// The key under which threads that slept are remembered.
const SLEPT: u64 = 1;

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "herd.one_event_wakes_all",
        "Those that sleep in accept, read and recv are all woken by one event.",
        "accept(2), read(2)",
        ALL,
        |call| {
            if slept(call, &SLEEPS) {
                return;
            }
            for thread in sleepers(call) {
                call.disturb(thread);
            }
        },
    ),
    before(
        "herd.event_is_lost_among_many",
        "What is written while several sleep in read for it reaches nobody.",
        "read(2)",
        ALL,
        |call| {
            let read = [SYS_read, SYS_recvfrom];
            let written = [SYS_write, SYS_sendto].contains(&call.number());
            if !slept(call, &read) && written && is_stream(call) && sleepers(call).len() > 1 {
                call.answer(i64::try_from(call.argument(2)).unwrap_or(0));
            }
        },
    ),
    before(
        "herd.lock_wakes_all",
        "Those that wait for a file lock are all woken when it is released.",
        "flock(2)",
        LOCKS,
        |call| {
            let (flock, operation) = (call.number() == SYS_flock, call.int(1));
            let release = if flock {
                operation & libc::LOCK_UN != 0
            } else {
                call.u16(call.argument(2)) == u16::try_from(libc::F_UNLCK).ok()
            };
            if !flock && ![libc::F_SETLKW, libc::F_OFD_SETLKW, libc::F_SETLK].contains(&operation) {
                return;
            }
            if !release {
                let thread = call.thread_id();
                call.memory.insert((SLEPT, thread), 1);
                return;
            }
            for thread in sleepers(call) {
                call.disturb(thread);
            }
        },
    ),
    before(
        "herd.wakes_for_nothing",
        "A wait for ever in poll or epoll_wait ends after a while, with nothing.",
        "poll(2)",
        &[SYS_poll, SYS_epoll_wait],
        |call| {
            let place = if call.number() == SYS_poll { 2 } else { 3 };
            if call.int(place) < 0 && call.argument(1) > 0 {
                call.set_argument(place, 40);
            }
        },
    ),
    before(
        "herd.waits_for_all_no_longer",
        "MSG_WAITALL is not looked at.",
        "recv(2), MSG_WAITALL",
        &[SYS_recvfrom],
        |call| {
            let flags = call.int(3);
            if flags & MSG_WAITALL != 0 {
                call.set_argument(3, (flags & !MSG_WAITALL).cast_unsigned().into());
            }
        },
    ),
    before(
        "herd.low_water_mark_is_one_byte",
        "SO_RCVLOWAT can be set and does nothing.",
        "socket(7), SO_RCVLOWAT",
        &[SYS_setsockopt],
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_RCVLOWAT) {
                call.answer(0);
            }
        },
    ),
    after(
        "herd.exclusive_is_told_once",
        "Of what is registered with EPOLLEXCLUSIVE only one instance ever tells.",
        "epoll_ctl(2), EPOLLEXCLUSIVE",
        EPOLL,
        |call| {
            let instance = call.argument(0);
            if call.number() == SYS_epoll_ctl {
                if adds_exclusively(call).is_some() {
                    call.memory.insert((instance, 0), 1);
                }
            } else if call.result() > 0 && call.memory.contains_key(&(instance, 0)) {
                let teller = *call.memory.entry((u64::MAX, 0)).or_insert(instance);
                if teller != instance {
                    call.answer(0);
                }
            }
        },
    ),
    Mutant {
        enter: Some(|call| {
            let instance = call.argument(0);
            let known = |what| call.memory.get(&(instance, what)).copied();
            if call.number() == SYS_epoll_wait
                && let (Some(number), Some(events), Some(data)) = (known(0), known(1), known(2))
                && call.memory.remove(&(instance, 3)).is_some()
            {
                let (room, add) = (call.scratch(), EPOLL_CTL_ADD.cast_unsigned().into());
                let mut event = u32::try_from(events).unwrap_or(0).to_ne_bytes().to_vec();
                event.extend(data.to_ne_bytes());
                call.put(room, &event);
                call.first(SYS_epoll_ctl, [instance, add, number, room, 0, 0]);
            }
        }),
        ..after(
            "herd.exclusive_takes_turns",
            "Of the instances with an exclusive registration the one that was woken goes to the end.",
            "epoll_ctl(2), EPOLLEXCLUSIVE",
            EPOLL,
            |call| {
                let instance = call.argument(0);
                if call.number() == SYS_epoll_ctl {
                    if let Some((events, data)) = adds_exclusively(call) {
                        let number = call.argument(2);
                        call.memory.insert((instance, 0), number);
                        call.memory.insert((instance, 1), events.into());
                        call.memory.insert((instance, 2), data);
                    }
                } else if call.result() > 0
                    && let Some(number) = call.memory.get(&(instance, 0)).copied()
                {
                    call.memory.insert((instance, 3), 1);
                    let delete = EPOLL_CTL_DEL.cast_unsigned().into();
                    call.also(SYS_epoll_ctl, [instance, delete, number, 0, 0, 0]);
                }
            },
        )
    },
    before(
        "herd.exclusive_is_last_in_first_out",
        "Of the instances with an exclusive registration the one that waited last is woken.",
        "epoll_ctl(2), EPOLLEXCLUSIVE",
        EPOLL,
        |call| {
            // As if all of them were one.
            let instance = call.argument(0);
            if call.number() == SYS_epoll_ctl {
                let number = call.argument(2);
                let Some((events, _)) = adds_exclusively(call) else { return };
                if let Some(first) = call.memory.get(&(number, 0)).copied() {
                    call.memory.insert((instance, 1), first);
                    call.answer(0);
                } else {
                    call.memory.insert((number, 0), instance);
                    let flags = (EPOLLET | EPOLLEXCLUSIVE).cast_unsigned();
                    call.put(call.argument(3), &(events ^ flags).to_ne_bytes());
                }
            } else if let Some(first) = call.memory.get(&(instance, 1)).copied() {
                call.set_argument(0, first);
            }
        },
    ),
];

/// Remembers the thread if its call is one of these; whether it is.
fn slept(call: &mut Act, calls: &[i64]) -> bool {
    let sleeps = calls.contains(&call.number());
    if sleeps && call.kind(call.int(0)) != Kind::Other {
        let thread = call.thread_id();
        call.memory.insert((SLEPT, thread), 1);
    }
    sleeps || !NEWS.contains(&call.number())
}

/// The threads that slept, but for the one that makes the call.
fn sleepers(call: &Act) -> Vec<u64> {
    let own = call.thread_id();
    let slept = call.memory.keys().filter(|(what, thread)| *what == SLEPT && *thread != own);
    slept.map(|(_, thread)| *thread).collect()
}

/// Whether the call is about something that several read together.
fn is_stream(call: &Act) -> bool {
    [Kind::Socket, Kind::Eventfd].contains(&call.kind(call.int(0)))
}

/// What is added with `EPOLLEXCLUSIVE`, and with which data.
fn adds_exclusively(call: &Act) -> Option<(u32, u64)> {
    let (events, data) = (call.u32(call.argument(3))?, call.u64(call.argument(3) + 4)?);
    let exclusive = events & EPOLLEXCLUSIVE.cast_unsigned() != 0;
    (call.int(1) == EPOLL_CTL_ADD && exclusive).then_some((events, data))
}
