//! poll(2): what is asked of entries, and what is written into them.

use libc::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP, SYS_ppoll};
use nix::errno::Errno;

use super::{Mutant, after, before};
use crate::sys::abi::SYS_poll;
use crate::trace::{Act, Kind};

const POLLS: &[i64] = &[SYS_poll, SYS_ppoll];
/// The size of a struct pollfd: a number, what is asked of it, and what is true of it.
const ENTRY: usize = 8;

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "poll.hangup_is_not_reported",
        "POLLHUP is left out.",
        "poll(2), POLLHUP",
        POLLS,
        |call| {
            hide(call, POLLHUP);
        },
    ),
    after(
        "poll.error_is_not_reported",
        "POLLERR is left out.",
        "poll(2), POLLERR",
        POLLS,
        |call| {
            hide(call, POLLERR);
        },
    ),
    after(
        "poll.closed_number_is_nothing",
        "POLLNVAL is left out.",
        "poll(2), POLLNVAL",
        POLLS,
        |call| hide(call, POLLNVAL),
    ),
    after(
        "poll.closed_number_fails",
        "poll fails with EBADF where it should report POLLNVAL.",
        "poll(2), POLLNVAL",
        POLLS,
        |call| {
            if entries(call).iter().any(|entry| entry.is & POLLNVAL != 0) {
                call.refuse(Errno::EBADF);
            }
        },
    ),
    after(
        "poll.half_close_is_not_reported",
        "POLLRDHUP is left out.",
        "poll(2), POLLRDHUP",
        POLLS,
        |call| hide(call, POLLRDHUP),
    ),
    before(
        "poll.half_close_comes_unasked",
        "POLLRDHUP is reported to those who did not ask for it.",
        "poll(2), POLLRDHUP",
        POLLS,
        |call| ask(call, |asked| asked | POLLRDHUP),
    ),
    after(
        "poll.urgent_data_is_not_reported",
        "POLLPRI is left out.",
        "poll(2), POLLPRI",
        POLLS,
        |call| {
            hide(call, POLLPRI);
        },
    ),
    after("poll.readable_is_left_out", "POLLIN is left out.", "poll(2), POLLIN", POLLS, |call| {
        hide(call, POLLIN);
    }),
    after("poll.writable_is_left_out", "POLLOUT is left out.", "poll(2), POLLOUT", POLLS, |call| {
        hide(call, POLLOUT);
    }),
    before(
        "poll.readable_comes_unasked",
        "POLLIN is reported to those who did not ask for it.",
        "poll(2), POLLIN",
        POLLS,
        |call| ask(call, |asked| asked | POLLIN),
    ),
    before(
        "poll.writable_comes_unasked",
        "POLLOUT is reported to those who did not ask for it.",
        "poll(2), POLLOUT",
        POLLS,
        |call| ask(call, |asked| asked | POLLOUT),
    ),
    after(
        "poll.all_is_reported",
        "Of an entry of which nothing is true, poll reports all that was asked for.",
        "poll(2)",
        POLLS,
        |call| {
            let mut count = 0;
            change(call, |entry, _| {
                if entry.is == 0 && entry.number >= 0 && entry.asked != 0 {
                    entry.is = entry.asked;
                }
                count += i64::from(entry.is != 0);
            });
            if call.succeeded() {
                call.answer(count);
            }
        },
    ),
    after(
        "poll.hangup_is_no_reading",
        "A descriptor that hung up is not POLLIN.",
        "poll(2), POLLHUP",
        POLLS,
        |call| {
            change(call, |entry, _| {
                if entry.is & POLLHUP != 0 {
                    entry.is &= !POLLIN;
                }
            });
        },
    ),
    after(
        "poll.half_close_is_a_hangup",
        "With POLLRDHUP, POLLHUP is reported too.",
        "poll(2), POLLRDHUP",
        POLLS,
        |call| {
            change(call, |entry, _| {
                if entry.is & POLLRDHUP != 0 {
                    entry.is |= POLLHUP;
                }
            });
        },
    ),
    after(
        "poll.end_of_data_is_a_hangup",
        "A TCP connection whose peer has closed is POLLHUP.",
        "poll(2), POLLHUP",
        POLLS,
        |call| {
            change(call, |entry, kind| {
                if entry.is & POLLIN != 0 && kind == Kind::Socket {
                    entry.is |= POLLHUP;
                }
            });
        },
    ),
    after(
        "poll.counts_conditions",
        "poll returns how many conditions are true, not of how many entries.",
        "poll(2), RETURN VALUE",
        POLLS,
        |call| {
            if call.result() > 0 {
                let count = entries(call).iter().map(|entry| entry.is.count_ones()).sum::<u32>();
                call.answer(count.into());
            }
        },
    ),
    after(
        "poll.result_is_left",
        "poll does not write `revents` of an entry of which nothing is true.",
        "poll(2)",
        POLLS,
        |call| {
            change(call, |entry, _| {
                if entry.is == 0 && entry.asked != 0 {
                    entry.is = -1;
                }
            });
        },
    ),
    after(
        "poll.negative_number_is_closed",
        "An entry with a negative number is reported as POLLNVAL.",
        "poll(2)",
        POLLS,
        |call| {
            let mut added = 0;
            change(call, |entry, _| {
                if entry.number < 0 {
                    entry.is = POLLNVAL;
                    added += 1;
                }
            });
            if call.succeeded() && added > 0 {
                call.answer(call.result() + added);
            }
        },
    ),
    after(
        "poll.takes_any_number_of_entries",
        "poll takes more entries than RLIMIT_NOFILE.",
        "poll(2), ERRORS: EINVAL",
        POLLS,
        |call| call.forgive(Errno::EINVAL),
    ),
    before(
        "poll.time_is_halved",
        "poll is over after half of its time.",
        "poll(2)",
        &[SYS_poll],
        |call| {
            if let Ok(time @ 1..) = u64::try_from(call.int(2)) {
                call.set_argument(2, time / 2);
            }
        },
    ),
    before(
        "poll.for_ever_is_not_at_all",
        "A time-out of -1 is one of 0.",
        "poll(2)",
        &[SYS_poll],
        |call| {
            // Without entries it is how a process of the suite waits for its end.
            if call.int(2) < 0 && call.argument(1) > 0 {
                call.set_argument(2, 0);
            }
        },
    ),
    before(
        "poll.mask_is_ignored",
        "ppoll leaves the signal mask as it is.",
        "poll(2), ppoll()",
        &[SYS_ppoll],
        |call| {
            if call.argument(3) != 0 {
                call.set_argument(3, 0);
            }
        },
    ),
    after(
        "poll.signal_goes_first",
        "ppoll with a mask fails with EINTR although something is ready.",
        "poll(2), ERRORS: EINTR",
        &[SYS_ppoll],
        |call| {
            if call.argument(3) != 0 && call.succeeded() {
                call.refuse(Errno::EINTR);
            }
        },
    ),
    after(
        "poll.instance_is_never_readable",
        "An epoll instance with events is not POLLIN.",
        "epoll(7), Questions and answers",
        POLLS,
        |call| {
            let mut lost = 0;
            change(call, |entry, kind| {
                if kind == Kind::Epoll && entry.is != 0 {
                    entry.is = 0;
                    lost += 1;
                }
            });
            if lost > 0 {
                call.answer(call.result() - lost);
            }
        },
    ),
    before(
        "poll.wakes_one",
        "Of the threads that wait in poll for ever, all but the first sleep on.",
        "poll(2)",
        &[SYS_poll],
        |call| {
            let thread = call.thread_id();
            if call.int(2) < 0 && call.argument(1) > 0 {
                let first = *call.memory.entry((0, 0)).or_insert(thread);
                if first != thread {
                    ask(call, |_| 0);
                }
            }
        },
    ),
];

/// A struct pollfd.
#[derive(Debug, Clone, Copy)]
struct Entry {
    number: i32,
    asked: i16,
    is: i16,
}

/// The entries of a call, as they stand now.
fn entries(call: &Act) -> Vec<Entry> {
    let count = usize::try_from(call.argument(1)).unwrap_or(0).min(1024);
    let bytes = call.bytes(call.argument(0), count * ENTRY).unwrap_or_default();
    let short = |pair: &[u8]| i16::from_ne_bytes([pair[0], pair[1]]);
    bytes
        .chunks_exact(ENTRY)
        .map(|entry| Entry {
            number: i32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]),
            asked: short(&entry[4..6]),
            is: short(&entry[6..8]),
        })
        .collect()
}

/// Changes what is asked of each entry with a number.
fn ask(call: &mut Act, asked: fn(i16) -> i16) {
    for (at, entry) in (0..).zip(entries(call)) {
        if entry.number >= 0 {
            let at = call.argument(0) + 8 * at + 4;
            call.put(at, &asked(entry.asked).to_ne_bytes());
        }
    }
}

/// Changes what is said of each entry, after a call that succeeded.
fn change(call: &mut Act, mut change: impl FnMut(&mut Entry, Kind)) {
    if !call.succeeded() {
        return;
    }
    for (at, mut entry) in (0..).zip(entries(call)) {
        let kind = call.kind(entry.number);
        change(&mut entry, kind);
        let at = call.argument(0) + 8 * at + 6;
        call.put(at, &entry.is.to_ne_bytes());
    }
}

/// Takes conditions out of what is said, and entries of which nothing is left out of the count.
fn hide(call: &mut Act, conditions: i16) {
    let mut lost = 0;
    change(call, |entry, _| {
        let rest = entry.is & !conditions;
        lost += i64::from(entry.is != 0 && rest == 0);
        entry.is = rest;
    });
    if lost > 0 {
        call.answer(call.result() - lost);
    }
}
