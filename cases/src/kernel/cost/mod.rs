//! What waiting costs, and by what it grows: with the descriptors that a program waits for, with
//! those that are ready, or with those that it once registered. No time is judged here, for that is
//! the machine's; what is judged is a law, from costs that were measured in turn in one trial. The
//! law stands in the evidence: what each more costs, what is there without any, and how far the
//! costs are from that line.

mod copies;
mod epoll;
mod few;
mod folklore;
mod poll;
mod select;
mod wakeup;

use harness::measure::law::Law;
use harness::prelude::*;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::eventfd::EventFd;

/// How many descriptors a call is given: as many more each time.
const SIZES: [usize; 5] = [1, 256, 512, 768, MANY];
/// The most of them.
const MANY: usize = 1024;
/// What they need, with what a trial has open besides.
const DESCRIPTORS: u64 = MANY as u64 + 64;

/// Numbers that one descriptor has, one after another. The lowest is beyond what select keeps on its
/// stack, and the highest so high that its bitmaps cost about as much as all else that select does:
/// of a tenth of that, the least disturbance would leave nothing to be seen.
const NUMBERS: [usize; 5] = [512, 4464, 8416, 12368, 16320];
/// The limit of descriptors for which they are allowed.
const NUMBERED: u64 = 16384;

/// Eventfds, of which all or none can be read from. All can be written to.
fn eventfds(count: usize, readable: bool) -> Result<Vec<EventFd>> {
    let make = |_| EventFd::from_value(u32::from(readable));
    Ok((0..count).map(make).collect::<nix::Result<_>>()?)
}

/// A descriptor that can be read from, under the lowest free number that is not below this one, until
/// the trial ends.
fn numbered(number: usize) -> Result<i32> {
    let eventfd = EventFd::from_value(1)?;
    Ok(fcntl(eventfd, FcntlArg::F_DUPFD_CLOEXEC(i32::try_from(number)?))?)
}

// What slips through: a cost that grows like n log n passes for a line, and one that grows with
// every sixty-fourth descriptor for none at all. A square, a root or a logarithm is no line, and a
// walk along all that is registered, or along every number, is not flat.

/// What a call costs grows with `what`, and each more of it costs as much as the one before.
fn check_line(t: &mut Trial, law: &Law, what: &str) -> Result {
    check!(t, law.growth() > 2.0, "{what}: the most cost more than the fewest, so many times");
    check!(t, law.bend() > 0.5, "{what}: each of the upper half costs no less than of the lower");
    check!(t, law.bend() < 2.0, "{what}: and no more");
    Ok(())
}

/// What a call costs does not grow with `what`.
fn check_flat(t: &mut Trial, law: &Law, what: &str) -> Result {
    check!(t, law.growth() < 2.0, "{what}: the most cost as much as the fewest, this many times");
    Ok(())
}
