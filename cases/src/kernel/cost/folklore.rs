//! What is said of the costs. There is a grain of truth in each: it is true of something else.

use harness::measure::law::{Work, costs};
use harness::prelude::*;
use harness::sys::prepared::{EventBuffer, PollArray, SelectSets};

use super::epoll::watching;
use super::{DESCRIPTORS, MANY, NUMBERED, NUMBERS, eventfds, numbered};

/// epoll is always cheaper than poll.
#[case(
    kernel = ["ep_send_events", "do_poll"],
    notes = ["S53"],
    needs = [Need::Descriptors(DESCRIPTORS)],
    alone,
    strength = Folklore,
    changed = [("", "", deviates, "it is for idle descriptors: for each that is ready epoll_wait does more than poll")],
)]
fn epoll_is_always_cheaper(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, true)?;
    let mut array = PollArray::new(&eventfds, POLLIN);
    let (epoll, mut buffer) = (watching(&eventfds)?, EventBuffer::new(MANY));
    let works: Vec<Work> =
        vec![Box::new(move || buffer.now(&epoll)), Box::new(move || array.now())];
    let costs = costs(works)?;
    let ratio = costs[0] / costs[1];
    t.measure("epoll_wait, as a multiple of poll", ratio)?;
    check!(t, ratio < 1.0, "{MANY} ready descriptors: epoll_wait, as a multiple of poll");
    Ok(())
}

/// The cost of `epoll_wait` is constant.
#[case(
    man = ["epoll(7)"],
    kernel = ["ep_send_events"],
    notes = ["S20"],
    needs = [Need::Descriptors(DESCRIPTORS)],
    alone,
    strength = Folklore,
    changed = [("", "", deviates, "it does not depend on how many descriptors are registered, but it grows with those that are ready")],
)]
fn epoll_wait_is_constant(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, true)?;
    let of = |count| -> Result<Work> {
        let (epoll, mut buffer) = (watching(&eventfds[..count])?, EventBuffer::new(MANY));
        Ok(Box::new(move || buffer.now(&epoll)))
    };
    let costs = costs(vec![of(1)?, of(MANY)?])?;
    let ratio = costs[1] / costs[0];
    t.measure("1024 ready descriptors, as a multiple of one", ratio)?;
    check!(t, ratio < 2.0, "{MANY} ready descriptors, as a multiple of one");
    Ok(())
}

/// select looks at every number below its first argument, one by one.
#[case(
    man = ["select(2)"],
    kernel = ["do_select"],
    notes = ["S49"],
    needs = [Need::Descriptors(NUMBERED)],
    alone,
    strength = Folklore,
    changed = [("", "", deviates, "it looks at words of its bitmaps, and an empty one is one look: a number that is in no set costs next to nothing")],
)]
fn select_looks_at_every_number(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, true)?;
    let numbers: Vec<_> = eventfds.iter().map(|eventfd| eventfd.as_fd().as_raw_fd()).collect();
    let of = |numbers: &[i32]| -> Work {
        let nfds = numbers.iter().max().map_or(0, |highest| highest + 1);
        let mut sets = SelectSets::new(nfds, numbers.iter().copied());
        Box::new(move || sets.now())
    };
    let (low, high) = (numbered(NUMBERS[0])?, numbered(NUMBERS[4])?);
    let costs = costs(vec![of(&numbers[..1]), of(&numbers), of(&[low]), of(&[high])])?;
    let descriptor = (costs[1] - costs[0]) / (MANY - 1) as f64;
    let number = (costs[3] - costs[2]) / f64::from(high - low);
    t.measure("numbers that cost as much as a descriptor", descriptor / number)?;
    check!(t, number / descriptor > 0.03, "a number that is in no set, as a part of a descriptor");
    Ok(())
}
