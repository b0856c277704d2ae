//! epoll takes the costs apart. What a program waits for is registered once, and kept in a tree;
//! whatever becomes ready puts itself on a list; and `epoll_wait` goes through that list. So a wait
//! pays for what is ready, and for nothing that is idle.

use harness::prelude::*;
use harness::sys::prepared::EventBuffer;

use super::{DESCRIPTORS, MANY, SIZES, check_flat, check_line, eventfds};

/// An instance in which all of these are registered.
pub(super) fn watching(eventfds: &[impl AsFd]) -> Result<Epoll> {
    let epoll = Epoll::new()?;
    eventfds.iter().try_for_each(|eventfd| epoll.add(eventfd, EPOLLIN))?;
    Ok(epoll)
}

/// `epoll_wait` costs the same, however many idle descriptors are registered beside one that is
/// ready.
#[case(man = ["epoll(7)"], kernel = ["ep_send_events"], notes = ["S20", "S48"], needs = [Need::Descriptors(DESCRIPTORS)], alone, since = "2.6.0", strength = Implementation)]
fn idle_descriptors_cost_nothing(t: &mut Trial) -> Result {
    let (idle, ready) = (eventfds(MANY, false)?, &eventfds(1, true)?[0]);
    let law = t.law("epoll_wait, of idle descriptors", &SIZES, |count| {
        let (epoll, mut buffer) = (watching(&idle[..count])?, EventBuffer::new(MANY));
        epoll.add(ready, EPOLLIN)?;
        Ok(Box::new(move || buffer.now(&epoll)))
    })?;
    check_flat(t, &law, "idle descriptors")
}

/// `epoll_wait` costs more for each descriptor that is ready: it asks each of them once more before
/// it reports it.
#[case(man = ["epoll(7)"], kernel = ["ep_send_events", "ep_item_poll"], notes = ["S20", "S48"], needs = [Need::Descriptors(DESCRIPTORS)], alone, since = "2.6.0", strength = Implementation)]
fn each_ready_descriptor_costs(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, true)?;
    let law = t.law("epoll_wait, of ready descriptors", &SIZES, |count| {
        let (epoll, mut buffer) = (watching(&eventfds[..count])?, EventBuffer::new(MANY));
        Ok(Box::new(move || buffer.now(&epoll)))
    })?;
    check_line(t, &law, "ready descriptors")
}

/// To change a registration costs hardly more among a thousand than alone: it is found in a tree.
#[case(man = ["epoll_ctl(2)"], kernel = ["ep_find"], needs = [Need::Descriptors(DESCRIPTORS)], alone, since = "2.6.0", strength = Implementation)]
fn a_registration_is_found_in_a_tree(t: &mut Trial) -> Result {
    let eventfds = eventfds(MANY, false)?;
    let law = t.law("EPOLL_CTL_MOD, of registrations", &SIZES, |count| {
        let (epoll, last) = (watching(&eventfds[..count])?, &eventfds[count - 1]);
        Ok(Box::new(move || epoll.modify(last, EPOLLIN).map(|()| 1)))
    })?;
    check_flat(t, &law, "registrations")
}
