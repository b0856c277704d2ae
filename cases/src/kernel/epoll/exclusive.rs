//! Exclusive registrations (`EPOLLEXCLUSIVE`): when several instances watch the same descriptor,
//! an event walks along them in the order of their registration and stops at the first in which
//! somebody waits. Nothing is rotated: the first one that is idle gets everything.

use std::sync::Arc;

use harness::prelude::*;

use super::counter;

/// `EPOLLEXCLUSIVE` can be asked for by `EPOLL_CTL_ADD` only, and what was added so cannot be
/// modified.
#[case(man = ["epoll_ctl(2), ERRORS"], since = "4.5", strength = Documented)]
fn only_when_added(t: &mut Trial) -> Result {
    let (normal, exclusive) = (counter()?, counter()?);
    let epoll = Epoll::watching(&normal, EPOLLIN)?;
    check!(
        t,
        epoll.modify(&normal, EPOLLIN | EPOLLEXCLUSIVE) == Err(Errno::EINVAL),
        "EPOLL_CTL_MOD to exclusive"
    );
    check!(
        t,
        epoll.add(&exclusive, EPOLLIN | EPOLLEXCLUSIVE) == Ok(()),
        "EPOLL_CTL_ADD of an exclusive registration"
    );
    check!(
        t,
        epoll.modify(&exclusive, EPOLLIN) == Err(Errno::EINVAL),
        "EPOLL_CTL_MOD of an exclusive registration"
    );
    Ok(())
}

/// An exclusive registration can ask for `EPOLLIN`, `EPOLLOUT`, `EPOLLERR` and `EPOLLHUP`, with
/// `EPOLLWAKEUP` and `EPOLLET`, and for nothing else: EINVAL.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["EPOLLEXCLUSIVE_OK_BITS"], since = "4.5", strength = Documented)]
fn allows_few_flags(t: &mut Trial) -> Result {
    let (counter, epoll) = (counter()?, Epoll::new()?);
    let allowed = [EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLWAKEUP, EPOLLET];
    for flag in allowed {
        check!(t, epoll.add(&counter, EPOLLEXCLUSIVE | flag) == Ok(()), "with {flag:?}");
        epoll.delete(&counter)?;
    }
    let bits = (0..32).map(|bit| EpollFlags::from_bits_retain(1 << bit));
    for flag in bits.filter(|flag| *flag != EPOLLEXCLUSIVE && !allowed.contains(flag)) {
        let added = epoll.add(&counter, EPOLLIN | EPOLLEXCLUSIVE | flag);
        check!(t, added == Err(Errno::EINVAL), "with {flag:?}");
    }
    Ok(())
}

/// An epoll instance cannot be watched exclusively: EINVAL.
#[case(man = ["epoll_ctl(2), ERRORS: EINVAL"], since = "4.5", strength = Documented)]
fn not_of_an_instance(t: &mut Trial) -> Result {
    let (inner, outer) = (Epoll::new()?, Epoll::new()?);
    let added = outer.add(&inner, EPOLLIN | EPOLLEXCLUSIVE);
    check!(t, added == Err(Errno::EINVAL), "an exclusive registration of an instance");
    check!(t, outer.add(&inner, EPOLLIN) == Ok(()), "an ordinary one");
    Ok(())
}

/// Threads that each watch `counter` in an instance of their own, registered in the order of their
/// numbers with the masks given; each takes what it can.
pub(super) fn watchers(
    t: &mut Trial,
    masks: &'static [EpollFlags],
) -> Result<(Arc<nix::sys::eventfd::EventFd>, Crew)> {
    let counter = Arc::new(counter()?);
    let crew = t.threads(masks.len(), Call::EPOLL_WAIT, {
        let counter = counter.clone();
        move |worker| {
            let epoll = Epoll::watching(&*counter, masks[worker.index])?;
            loop {
                epoll.wait_one()?;
                if counter.read().is_ok() {
                    worker.took();
                }
            }
        }
    })?;
    Ok((counter, crew))
}

/// Of many idle instances with an exclusive registration, one event wakes one, and always the one
/// that registered first.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_ptable_queue_proc"], since = "4.5", strength = Implementation)]
fn first_registered_wins(t: &mut Trial) -> Result {
    const EXCLUSIVE: EpollFlags = EPOLLIN.union(EPOLLEXCLUSIVE);
    let (counter, crew) = watchers(t, &[EXCLUSIVE; 4])?;
    for event in 1..=8 {
        let idle = crew.counts()?;
        counter.write(1)?;
        check!(t, crew.wait_for(t, event)?, "event {event} is taken");
        crew.settle(t)?;
        check!(
            t,
            crew.counts()?.since(&idle).woken() == [0],
            "the threads that event {event} wakes"
        );
    }
    Ok(())
}

/// Exclusive registrations can be edge-triggered: an event wakes one of many idle instances, and
/// again always the first.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_ptable_queue_proc"], since = "4.5", strength = Implementation)]
fn edge_triggered_first_wins(t: &mut Trial) -> Result {
    const EXCLUSIVE: EpollFlags = EPOLLIN.union(EPOLLEXCLUSIVE).union(EPOLLET);
    let (counter, crew) = watchers(t, &[EXCLUSIVE; 4])?;
    for event in 1..=4 {
        let idle = crew.counts()?;
        counter.write(1)?;
        check!(t, crew.wait_for(t, event)?, "event {event} is taken");
        crew.settle(t)?;
        check!(t, crew.counts()?.since(&idle).woken() == [0], "the threads that it wakes");
    }
    Ok(())
}

/// When nobody waits in any of the instances, all of them have the event at their next wait.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_poll_callback"], since = "4.5", strength = Implementation)]
fn all_have_it_if_nobody_waits(t: &mut Trial) -> Result {
    let counter = counter()?;
    let watch = || Epoll::watching(&counter, EPOLLIN | EPOLLEXCLUSIVE);
    let instances = [watch()?, watch()?, watch()?];
    counter.write(1)?;
    for epoll in &instances {
        check!(t, epoll.ready_now()? == [EPOLLIN], "exclusive, and reported by every instance");
    }
    Ok(())
}

/// An event wakes every instance with an ordinary registration, and one of the exclusive ones.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], notes = ["S41"], since = "4.5", strength = Implementation)]
fn beside_ordinary_ones(t: &mut Trial) -> Result {
    const EXCLUSIVE: EpollFlags = EPOLLIN.union(EPOLLEXCLUSIVE);
    let (counter, crew) = watchers(t, &[EXCLUSIVE, EPOLLIN, EXCLUSIVE, EPOLLIN, EXCLUSIVE])?;
    for event in 1..=4 {
        let idle = crew.counts()?;
        counter.write(1)?;
        check!(t, crew.wait_for(t, event)?, "event {event} is taken");
        crew.settle(t)?;
        check!(
            t,
            crew.counts()?.since(&idle).woken() == [0, 1, 3],
            "both ordinary ones and the first exclusive one, at event {event}"
        );
    }
    Ok(())
}

/// An instance in which nobody waits does not swallow the event: the next one is woken, and the
/// first finds the event at its next wait if it is still unhandled then.
#[case(kernel = ["ep_poll_callback"], since = "4.5", strength = Implementation)]
fn busy_instance_is_passed_over(t: &mut Trial) -> Result {
    let counter = counter()?;
    let busy = Epoll::watching(&counter, EPOLLIN | EPOLLEXCLUSIVE)?;
    let idle = Epoll::watching(&counter, EPOLLIN | EPOLLEXCLUSIVE)?;
    let waiter = t.spawn("waiter", move || Ok(idle.wait_one()?.events))?;
    check!(
        t,
        waiter.sleeps_in(t, Call::EPOLL_WAIT)?,
        "somebody waits in the instance that registered second"
    );

    counter.write(1)?;
    check!(t, waiter.join_soon(t)? == Some(EPOLLIN), "and is woken, for nobody waits in the first");
    check!(t, busy.ready_now()? == [EPOLLIN], "the first has the event too");
    counter.read()?;
    check!(t, busy.ready_now()? == [], "until somebody handled it");
    Ok(())
}
