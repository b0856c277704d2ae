//! A few descriptors. Here the calls themselves count, and none of them is the cheapest for
//! everything: epoll has the least to do when nothing is ready, and poll when something is. select
//! is the dearest of the three, and yet cheaper than to register what is waited for only once.
//!
//! Which is the cheapest depends on what it costs to enter the kernel and to copy, and on the call that
//! the C library makes: on younger architectures poll is `ppoll`, with a time to copy. All of this is
//! said of x86-64.

use harness::measure::law::{Work, costs};
use harness::prelude::*;
use harness::sys::prepared::{EventBuffer, PollArray, SelectSets};

use super::eventfds;

/// What select, poll and `epoll_wait` cost for one descriptor.
struct Costs {
    select: f64,
    poll: f64,
    epoll: f64,
}

/// Measures them, and adds what they cost to the evidence, as multiples of poll's cost.
fn of_one(t: &mut Trial, ready: bool) -> Result<Costs> {
    let eventfd = &eventfds(1, ready)?[0];
    let number = eventfd.as_fd().as_raw_fd();
    let (mut sets, mut array) =
        (SelectSets::new(number + 1, [number]), PollArray::new([eventfd], POLLIN));
    let (epoll, mut buffer) = (Epoll::watching(eventfd, EPOLLIN)?, EventBuffer::new(1));
    let works: Vec<Work> = vec![
        Box::new(move || sets.now()),
        Box::new(move || array.now()),
        Box::new(move || buffer.now(&epoll)),
    ];
    let [select, poll, epoll] = costs(works)?[..] else {
        return Err(Stop::error("three calls have three costs"));
    };
    t.measure("select, as a multiple of poll", select / poll)?;
    t.measure("epoll_wait, as a multiple of poll", epoll / poll)?;
    Ok(Costs { select, poll, epoll })
}

/// On x86-64, for one descriptor that is idle, `epoll_wait` costs no more than poll, and select costs
/// more than either.
#[case(man = ["epoll(7)"], kernel = ["ep_poll", "do_sys_poll", "core_sys_select"], notes = ["S50", "S53"], needs = [Need::X86_64], alone, since = "2.6.0", strength = Implementation)]
fn an_idle_one_is_cheapest_in_epoll(t: &mut Trial) -> Result {
    let Costs { select, poll, epoll } = of_one(t, false)?;
    check!(t, epoll / poll < 1.25, "epoll_wait, as a multiple of poll");
    check!(t, epoll / select < 1.0, "epoll_wait, as a multiple of select");
    check!(t, poll / select < 1.0, "poll, as a multiple of select");
    Ok(())
}

/// On x86-64, for one descriptor that is ready, poll costs less than `epoll_wait` and less than select.
#[case(man = ["poll(2)"], kernel = ["ep_send_events", "do_sys_poll", "core_sys_select"], notes = ["S50", "S53"], needs = [Need::X86_64], alone, since = "2.6.0", strength = Implementation)]
fn a_ready_one_is_cheapest_in_poll(t: &mut Trial) -> Result {
    let Costs { select, poll, epoll } = of_one(t, true)?;
    check!(t, poll / epoll < 1.0, "poll, as a multiple of epoll_wait");
    check!(t, poll / select < 1.0, "poll, as a multiple of select");
    Ok(())
}

/// On x86-64, for a descriptor that is waited for once, select costs less than to register it, to wait
/// and to take it out again.
#[case(man = ["epoll_ctl(2)"], kernel = ["ep_insert", "ep_remove", "core_sys_select"], notes = ["S50", "S53"], needs = [Need::X86_64], alone, since = "2.6.0", strength = Implementation)]
fn one_that_is_used_once_is_cheapest_in_select(t: &mut Trial) -> Result {
    let eventfd = &eventfds(1, true)?[0];
    let number = eventfd.as_fd().as_raw_fd();
    let mut sets = SelectSets::new(number + 1, [number]);
    let (epoll, mut buffer) = (Epoll::new()?, EventBuffer::new(1));
    let works: Vec<Work> = vec![
        Box::new(move || sets.now()),
        Box::new(move || {
            epoll.add(eventfd, EPOLLIN)?;
            let ready = buffer.now(&epoll);
            epoll.delete(eventfd)?;
            ready
        }),
    ];
    let costs = costs(works)?;
    let ratio = costs[0] / costs[1];
    t.measure("select, as a multiple of three calls of epoll", ratio)?;
    check!(t, ratio < 1.0, "select, as a multiple of EPOLL_CTL_ADD, epoll_wait and EPOLL_CTL_DEL");
    Ok(())
}
