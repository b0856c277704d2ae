//! select(2): the sets that it reads and writes, and its time.

use libc::SYS_pselect6;
use nix::errno::Errno;

use super::{Mutant, after, before};
use crate::sys::abi::SYS_select;
use crate::trace::Act;

const SELECTS: &[i64] = &[SYS_select, SYS_pselect6];
const SELECT: &[i64] = &[SYS_select];
/// The places of the sets among the arguments.
const READ: usize = 1;
const WRITE: usize = 2;
const EXCEPT: usize = 3;

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "select.readable_is_not_told",
        "The set for reading is emptied.",
        "select(2)",
        SELECTS,
        |call| {
            empty(call, READ);
        },
    ),
    after(
        "select.writable_is_not_told",
        "The set for writing is emptied.",
        "select(2)",
        SELECTS,
        |call| {
            empty(call, WRITE);
        },
    ),
    after(
        "select.exceptions_are_not_told",
        "The set for exceptional conditions is emptied.",
        "select(2)",
        SELECTS,
        |call| empty(call, EXCEPT),
    ),
    before(
        "select.readable_is_an_exception",
        "What is readable is looked for in the place of exceptional conditions.",
        "select(2)",
        SELECTS,
        |call| {
            if call.argument(READ) != 0 && call.argument(EXCEPT) != 0 {
                call.set_argument(READ, call.argument(EXCEPT));
                call.set_argument(EXCEPT, call.argument(READ));
            }
        },
    ),
    after(
        "select.sets_are_left_when_time_is_over",
        "When its time is over, select does not empty its sets.",
        "select(2)",
        SELECTS,
        |call| {
            if call.result() == 0 && call.u64(call.argument(READ)).is_some() {
                call.put(call.argument(READ), &[0xff; 8]);
            }
        },
    ),
    after(
        "select.counts_descriptors",
        "A descriptor that is in two sets counts once.",
        "select(2), RETURN VALUE",
        SELECTS,
        |call| {
            let mut bits = [0_u8; 128];
            for place in [READ, WRITE, EXCEPT] {
                let set = set(call, place);
                bits.iter_mut().zip(set).for_each(|(all, some)| *all |= some);
            }
            let count = bits.iter().map(|byte| i64::from(byte.count_ones())).sum();
            if count > 0 && call.result() > count {
                call.answer(count);
            }
        },
    ),
    after(
        "select.closed_number_is_skipped",
        "A descriptor that is not open is no error.",
        "select(2), ERRORS: EBADF",
        SELECTS,
        |call| call.forgive(Errno::EBADF),
    ),
    after(
        "select.error_empties_the_sets",
        "When it fails, select has emptied its sets.",
        "select(2), RETURN VALUE",
        SELECTS,
        |call| {
            if call.failed_with(Errno::EBADF) {
                for place in [READ, WRITE, EXCEPT] {
                    clear(call, place);
                }
            }
        },
    ),
    before(
        "select.looks_at_all_numbers",
        "The first argument is not looked at.",
        "select(2)",
        SELECTS,
        |call| {
            if (1..64).contains(&call.int(0)) {
                call.set_argument(0, 64);
            }
        },
    ),
    before(
        "select.ends_at_1024",
        "Numbers above 1023 are not looked at.",
        "select(2), BUGS",
        SELECTS,
        |call| {
            if call.int(0) > 1024 {
                call.set_argument(0, 1024);
            }
        },
    ),
    after(
        "select.takes_any_nfds",
        "The first argument may be negative or beyond RLIMIT_NOFILE, and a time negative.",
        "select(2), ERRORS: EINVAL",
        SELECTS,
        |call| call.forgive(Errno::EINVAL),
    ),
    before(
        "select.nfds_is_limited",
        "A first argument beyond the process's table of descriptors fails with EINVAL.",
        "select(2), ERRORS: EINVAL",
        SELECTS,
        |call| {
            if call.int(0) > 256 {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    before(
        "select.time_is_limited",
        "A time of more than 999999 microseconds fails with EINVAL.",
        "select(2)",
        SELECT,
        |call| {
            if call.u64(call.argument(4) + 8).is_some_and(|time| time > 999_999) {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    before(
        "select.time_is_halved",
        "select is over after half of its time.",
        "select(2)",
        SELECTS,
        |call| {
            let at = call.argument(4);
            if let (Some(seconds), Some(part)) = (call.u64(at), call.u64(at + 8)) {
                call.put(at, &(seconds / 2).to_ne_bytes());
                call.put(at + 8, &(part / 2).to_ne_bytes());
            }
        },
    ),
    before(
        "select.for_ever_is_not_at_all",
        "Without a time-out select only looks.",
        "select(2)",
        SELECTS,
        |call| {
            if call.argument(4) == 0 && call.int(0) > 0 {
                call.put(call.scratch(), &[0; 16]);
                call.set_argument(4, call.scratch());
            }
        },
    ),
    before(
        "select.mask_is_ignored",
        "pselect leaves the signal mask as it is.",
        "select(2), pselect()",
        &[SYS_pselect6],
        |call| {
            if call.argument(5) != 0 {
                call.set_argument(5, 0);
            }
        },
    ),
    after(
        "select.signal_goes_first",
        "pselect with a mask fails with EINTR although something is ready.",
        "select(2), ERRORS: EINTR",
        &[SYS_pselect6],
        |call| {
            if call.argument(5) != 0 && call.succeeded() {
                call.refuse(Errno::EINTR);
            }
        },
    ),
    after(
        "select.closed_meanwhile_is_skipped",
        "At its end a select without a time-out leaves out what was closed in the meantime.",
        "select(2), Multithreaded applications",
        SELECTS,
        |call| {
            if call.result() <= 0 || call.argument(4) != 0 {
                return;
            }
            let (mut set, mut lost) = (set(call, READ), 0);
            for number in 0..call.int(0).min(1024) {
                let at = usize::try_from(number / 8).unwrap_or(0);
                let bit = 1 << (number % 8);
                let is_set = set.get(at).is_some_and(|byte| byte & bit != 0);
                if is_set && call.path(number).is_empty() {
                    set[at] &= !bit;
                    lost += 1;
                }
            }
            if lost > 0 {
                call.put(call.argument(READ), &set);
                call.answer(call.result() - lost);
            }
        },
    ),
    before(
        "select.wakes_one",
        "Of the threads that wait in select for ever, all but the first sleep on.",
        "select(2)",
        SELECTS,
        |call| {
            let thread = call.thread_id();
            if call.argument(4) == 0 && call.int(0) > 0 {
                let first = *call.memory.entry((0, 0)).or_insert(thread);
                if first != thread {
                    call.set_argument(0, 0);
                }
            }
        },
    ),
];

/// One of the sets, as bytes; empty if there is none.
fn set(call: &Act, place: usize) -> Vec<u8> {
    let words = call.int(0).unsigned_abs().min(1024).div_ceil(64);
    let length = usize::try_from(8 * words).unwrap_or(0);
    call.bytes(call.argument(place), length).unwrap_or_default()
}

/// Clears one of the sets, and returns how many there were in it.
fn clear(call: &mut Act, place: usize) -> u32 {
    let set = set(call, place);
    call.put(call.argument(place), &vec![0; set.len()]);
    set.iter().map(|byte| byte.count_ones()).sum()
}

/// Takes one of the sets out of what is told.
fn empty(call: &mut Act, place: usize) {
    if call.result() > 0 {
        let lost = clear(call, place);
        if lost > 0 {
            call.answer(call.result() - i64::from(lost));
        }
    }
}
