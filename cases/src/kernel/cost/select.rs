//! select is given bitmaps, and its first argument says how far they reach. The kernel copies them
//! up to there, in and out, and looks at them a word at a time: an empty word is one look for as
//! many numbers as it has bits, and each bit in the others is a descriptor to be asked, as in poll.
//! So both count: how far the sets reach, a little, and how many descriptors are in them, a lot.

use harness::measure::law::{Law, Work, costs};
use harness::prelude::*;
use harness::sys::prepared::{PollArray, SelectSets};

use super::{DESCRIPTORS, MANY, NUMBERED, NUMBERS, SIZES, check_line, eventfds, numbered};

/// What select costs for one descriptor with a higher number each time.
pub(super) fn of_one_by_number(t: &mut Trial) -> Result<Law> {
    t.law("select of one descriptor, by its number", &NUMBERS, |number| {
        let number = numbered(number)?;
        let mut sets = SelectSets::new(number + 1, [number]);
        Ok(Box::new(move || sets.now()))
    })
}

/// select costs more the higher the number of its only descriptor is.
#[case(man = ["select(2)"], kernel = ["do_select", "core_sys_select"], notes = ["S49"], needs = [Need::Descriptors(NUMBERED)], alone, strength = Implementation)]
fn pays_for_the_highest_number(t: &mut Trial) -> Result {
    let law = of_one_by_number(t)?;
    check!(t, law.growth() > 1.2, "the highest number costs more than the lowest, so many times");
    Ok(())
}

/// Whatever the highest number is, select costs more for each descriptor in its sets.
#[case(man = ["select(2)"], kernel = ["do_select"], notes = ["S48", "S49"], needs = [Need::Descriptors(DESCRIPTORS)], alone, strength = Implementation)]
fn pays_for_every_descriptor(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, true)?;
    let numbers: Vec<_> = eventfds.iter().map(|eventfd| eventfd.as_fd().as_raw_fd()).collect();
    let nfds = numbers.iter().max().map_or(0, |highest| highest + 1);
    let law = t.law("select of ready descriptors", &SIZES, |count| {
        let mut sets = SelectSets::new(nfds, numbers[..count].iter().copied());
        Ok(Box::new(move || sets.now()))
    })?;
    check_line(t, &law, "descriptors in the set")
}

/// A descriptor costs about as much in select as in poll, although poll copies ten bytes for it, and
/// select six bits: the asking is what costs.
#[case(man = ["select(2)", "poll(2)"], kernel = ["do_select", "do_poll"], notes = ["S48", "S52"], needs = [Need::Descriptors(DESCRIPTORS)], alone, strength = Implementation)]
fn a_descriptor_costs_as_much_as_in_poll(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, true)?;
    let numbers: Vec<_> = eventfds.iter().map(|eventfd| eventfd.as_fd().as_raw_fd()).collect();
    let nfds = numbers.iter().max().map_or(0, |highest| highest + 1);
    let mut works: Vec<Work> = Vec::new();
    for count in [1, MANY] {
        let mut sets = SelectSets::new(nfds, numbers[..count].iter().copied());
        let mut array = PollArray::new(&eventfds[..count], POLLIN);
        works.extend([Box::new(move || sets.now()) as Work, Box::new(move || array.now())]);
    }
    let costs = costs(works)?;
    let ratio = (costs[3] - costs[1]) / (costs[2] - costs[0]);
    t.measure("a descriptor in poll, as a multiple of one in select", ratio)?;
    check!(
        t,
        ratio > 0.5,
        "a descriptor in poll, as a multiple of one in select: no less than half"
    );
    check!(t, ratio < 2.0, "and no more than twice");
    Ok(())
}
