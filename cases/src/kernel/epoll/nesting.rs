//! An instance in an instance. An epoll descriptor is readable while it has events, so it can be
//! watched as any other. Every event then runs along all the paths that lead from it to the
//! outermost instance; the kernel bounds their length and their number, and allows no circle.

use harness::prelude::*;

use super::counter;

/// An instance reports an instance in it for as long as that has events, level-triggered.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_item_poll"], strength = Documented)]
fn inner_events_are_reported(t: &mut Trial) -> Result {
    let counter = counter()?;
    let inner = Epoll::watching(&counter, EPOLLIN)?;
    let outer = Epoll::watching(&inner, EPOLLIN)?;
    check!(t, outer.ready_now()? == [], "nothing is ready");
    counter.write(1)?;
    check!(t, outer.ready_now()? == [EPOLLIN], "the inner instance has an event");
    check!(t, inner.ready_now()? == [EPOLLIN], "which is taken from there");
    check!(t, outer.ready_now()? == [EPOLLIN], "it is level-triggered: reported again");
    counter.read()?;
    check!(t, outer.ready_now()? == [], "the counter is read, and there is no event any more");
    Ok(())
}

/// An edge-triggered registration of an inner instance is reported once for each event in it.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["ep_poll_callback"], strength = Implementation)]
fn inner_edges_are_reported(t: &mut Trial) -> Result {
    let counters = [counter()?, counter()?];
    let (inner, outer) = (Epoll::new()?, Epoll::new()?);
    outer.add(&inner, EPOLLIN | EPOLLET)?;
    for counter in &counters {
        inner.add(counter, EPOLLIN)?;
    }
    for counter in &counters {
        counter.write(1)?;
        check!(t, outer.ready_now()? == [EPOLLIN], "an event in the inner instance");
        check!(t, outer.ready_now()? == [], "is reported once, although it is not taken");
    }
    Ok(())
}

/// A thread that waits in the outermost of four instances is woken by a descriptor in the
/// innermost.
#[case(man = ["epoll(7), Questions and answers"], strength = Documented)]
fn wakes_through_all_levels(t: &mut Trial) -> Result {
    let counter = counter()?;
    let mut chain = vec![Epoll::watching(&counter, EPOLLIN)?];
    while chain.len() < 4 {
        chain.push(Epoll::watching(&chain[chain.len() - 1], EPOLLIN)?);
    }
    let job = t.spawn("waiter", move || Ok(chain[3].wait_one()?.events))?;
    check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "the thread waits in the outermost instance");
    counter.write(1)?;
    check!(t, job.join_soon(t)? == Some(EPOLLIN), "the counter in the innermost wakes it");
    Ok(())
}

/// Puts instances into each other until one is refused; returns how many are in the chain, and the
/// refusal. `inwards`, each new one is put into the one before, and else around it.
fn chain(inwards: bool) -> Result<(usize, Option<Errno>)> {
    let mut chain = vec![Epoll::new()?];
    while chain.len() < 12 {
        let (new, last) = (Epoll::new()?, &chain[chain.len() - 1]);
        let added = if inwards { last.add(&new, EPOLLIN) } else { new.add(last, EPOLLIN) };
        match added {
            Ok(()) => chain.push(new),
            Err(error) => return Ok((chain.len(), Some(error))),
        }
    }
    Ok((chain.len(), None))
}

/// At most five instances can be nested, one around the other; a sixth is refused with ELOOP.
#[case(
    man = ["epoll_ctl(2), ERRORS: ELOOP"],
    kernel = ["ep_loop_check", "EP_MAX_NESTS"],
    strength = Documented,
    changed = [("", "6.17", deviates, "the sixth is refused with EINVAL, by the check of the wakeup paths")]
)]
fn five_levels_outwards(t: &mut Trial) -> Result {
    check!(t, chain(false)? == (5, Some(Errno::ELOOP)), "the length of the chain, and the refusal");
    Ok(())
}

/// At most five instances can be nested, one inside the other, beginning with the outermost; a
/// sixth is refused with ELOOP.
#[case(
    man = ["epoll_ctl(2), ERRORS: ELOOP"],
    kernel = ["ep_loop_check", "ep_get_upwards_depth_proc"],
    strength = Documented,
    changed = [("", "6.17", deviates, "the depth above the instance was not looked at, until \"eventpoll: Fix semi-unbounded recursion\"")]
)]
fn five_levels_inwards(t: &mut Trial) -> Result {
    check!(t, chain(true)? == (5, Some(Errno::ELOOP)), "the length of the chain, and the refusal");
    Ok(())
}

/// Instances cannot watch each other in a circle: what would close it is refused with ELOOP.
#[case(man = ["epoll_ctl(2), ERRORS: ELOOP"], kernel = ["ep_loop_check"], strength = Documented)]
fn no_circle(t: &mut Trial) -> Result {
    let instances = [Epoll::new()?, Epoll::new()?, Epoll::new()?];
    instances[0].add(&instances[1], EPOLLIN)?;
    check!(t, instances[1].add(&instances[0], EPOLLIN) == Err(Errno::ELOOP), "a circle of two");
    instances[1].add(&instances[2], EPOLLIN)?;
    check!(t, instances[2].add(&instances[0], EPOLLIN) == Err(Errno::ELOOP), "a circle of three");
    check!(t, instances[0].add(&instances[2], EPOLLIN) == Ok(()), "a second way is no circle");
    Ok(())
}

/// Any number of instances can watch a descriptor directly.
#[case(kernel = ["path_count_inc"], since = "3.4", needs = [Need::Descriptors(1100)], strength = Implementation)]
fn direct_watchers_are_not_bounded(t: &mut Trial) -> Result {
    let counter = counter()?;
    let watch = |_| Epoll::watching(&counter, EPOLLIN);
    let instances = (0..1001).map(watch).collect::<nix::Result<Vec<_>>>();
    check!(t, instances.is_ok(), "1001 instances watch one counter");
    Ok(())
}

/// A descriptor can be watched through other instances in at most 500 ways of length two: one more
/// is refused with EINVAL.
#[case(kernel = ["path_limits", "reverse_path_check"], since = "3.4", needs = [Need::Descriptors(600)], strength = Implementation)]
fn indirect_watchers_are_bounded(t: &mut Trial) -> Result {
    let counter = counter()?;
    let inner = Epoll::watching(&counter, EPOLLIN)?;
    let watch = |_| Epoll::watching(&inner, EPOLLIN);
    let outer = (0..500).map(watch).collect::<nix::Result<Vec<_>>>();
    check!(t, outer.is_ok(), "500 instances watch the one that watches a counter");
    let last = Epoll::new()?;
    check!(t, last.add(&inner, EPOLLIN) == Err(Errno::EINVAL), "number 501 is refused");
    Ok(())
}
