//! Whom an event wakes: those that sleep in accept, in read and in the like one at a time, those
//! that sleep in poll, select and epoll_wait all.

use libc::{
    O_NONBLOCK, POLLIN, SYS_accept, SYS_accept4, SYS_epoll_wait, SYS_poll, SYS_read, SYS_recvfrom,
};

use super::{Mutant, before};
use crate::trace::{Act, Kind};

const READS: &[i64] = &[SYS_read, SYS_recvfrom];
const ACCEPTS: &[i64] = &[SYS_accept, SYS_accept4];
const WAITS: &[i64] = &[SYS_poll, SYS_epoll_wait];

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "herd.accept_wakes_all",
        "Those that sleep in accept are all woken by one connection.",
        "accept(2)",
        ACCEPTS,
        wait_first,
    ),
    before(
        "herd.read_wakes_all",
        "Those that sleep in read and recv are all woken by what one can take.",
        "read(2)",
        READS,
        |call| {
            if [Kind::Pipe, Kind::Socket, Kind::Eventfd].contains(&call.kind(call.int(0))) {
                wait_first(call);
            }
        },
    ),
    before(
        "herd.wakes_for_nothing",
        "A wait for ever in poll or epoll_wait ends after a while, with nothing.",
        "poll(2)",
        WAITS,
        |call| {
            let place = if call.number() == SYS_poll { 2 } else { 3 };
            if call.int(place) < 0 && call.argument(1) > 0 {
                call.set_argument(place, 40);
            }
        },
    ),
    before(
        "herd.epoll_wakes_one",
        "Of the threads that wait in epoll_wait for ever, all but the first sleep on.",
        "epoll_wait(2)",
        WAITS,
        |call| {
            let thread = call.thread_id();
            if call.number() == SYS_epoll_wait && call.int(3) < 0 {
                let first = *call.memory.entry((0, 0)).or_insert(thread);
                if first != thread {
                    call.replace(SYS_poll, [0, 0, u64::MAX, 0, 0, 0]);
                }
            }
        },
    ),
];

/// Waits until there is something, as poll does, before a call that would sleep.
fn wait_first(call: &mut Act) {
    if call.file_flags(call.int(0)) & O_NONBLOCK != 0 {
        return;
    }
    let room = call.scratch();
    let mut entry = call.int(0).to_ne_bytes().to_vec();
    entry.extend(POLLIN.to_ne_bytes());
    entry.extend([0; 2]);
    call.put(room, &entry);
    call.first(SYS_poll, [room, 1, u64::MAX, 0, 0, 0]);
}
