//! poll remembers nothing from one call to the next, so it asks every descriptor of its array each
//! time, ready or not: that is the whole of its cost, but for the call itself. Which numbers they
//! have does not matter.

use harness::prelude::*;
use harness::sys::prepared::PollArray;
use harness::sys::process::borrow;

use super::{
    DESCRIPTORS, MANY, NUMBERED, NUMBERS, SIZES, check_flat, check_line, eventfds, numbered, select,
};

/// poll costs more for each descriptor that it is given, be it ready or idle.
#[case(man = ["poll(2)"], kernel = ["do_poll"], notes = ["S48"], needs = [Need::Descriptors(DESCRIPTORS)], alone, strength = Implementation)]
fn pays_for_every_descriptor(t: &mut Trial) -> Result {
    for (what, ready) in [("idle descriptors", false), ("ready descriptors", true)] {
        let eventfds = eventfds(MANY, ready)?;
        let law = t.law(&format!("poll of {what}"), &SIZES, |count| {
            let mut array = PollArray::new(&eventfds[..count], POLLIN);
            Ok(Box::new(move || array.now()))
        })?;
        check_line(t, &law, what)?;
    }
    Ok(())
}

/// poll costs the same for a descriptor, whatever its number, where select costs more and more.
#[case(man = ["poll(2)"], kernel = ["do_pollfd"], notes = ["S51"], needs = [Need::Descriptors(NUMBERED)], alone, strength = Implementation)]
fn does_not_pay_for_numbers(t: &mut Trial) -> Result {
    let poll = t.law("poll of one descriptor, by its number", &NUMBERS, |number| {
        let mut array = PollArray::new([borrow(numbered(number)?)], POLLIN);
        Ok(Box::new(move || array.now()))
    })?;
    check_flat(t, &poll, "the number of a descriptor")?;
    let select = select::of_one_by_number(t)?;
    check!(t, poll.each / select.each < 0.5, "each number, as a part of what it costs in select");
    Ok(())
}
