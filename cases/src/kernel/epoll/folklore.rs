//! What is said of epoll. Each of these holds in some program that was looked at, and not in general.

use std::sync::Arc;

use harness::prelude::*;

use super::{counter, exclusive::watchers};

/// `EPOLLEXCLUSIVE` spreads events over the workers that wait.
#[case(
    man = ["epoll_ctl(2), EPOLLEXCLUSIVE"],
    strength = Folklore,
    changed = [("", "", deviates, "the walk along the instances begins with the one that registered first, every time: while it is idle it gets everything")]
)]
fn exclusive_balances(t: &mut Trial) -> Result {
    const EXCLUSIVE: EpollFlags = EPOLLIN.union(EPOLLEXCLUSIVE);
    let (counter, crew) = watchers(t, &[EXCLUSIVE; 4])?;
    let start = crew.counts()?;
    for event in 1..=8 {
        counter.write(1)?;
        check!(t, crew.wait_for(t, event)?, "event {event} is taken");
        crew.settle(t)?;
    }
    let woken = crew.counts()?.since(&start).woken();
    check!(t, woken.len() > 1, "the workers that eight events woke: {woken:?}");
    Ok(())
}

/// With `EPOLLEXCLUSIVE` exactly one instance learns of an event.
#[case(
    man = ["epoll_ctl(2), EPOLLEXCLUSIVE"],
    strength = Folklore,
    changed = [("", "", deviates, "one or more: an instance in which nobody waits gets the event too, and the walk goes on")]
)]
fn exclusive_is_one(t: &mut Trial) -> Result {
    let counter = counter()?;
    let watch = || Epoll::watching(&counter, EPOLLIN | EPOLLEXCLUSIVE);
    let instances = [watch()?, watch()?, watch()?];
    counter.write(1)?;
    let ready = instances.iter().map(Epoll::ready_now).collect::<nix::Result<Vec<_>>>()?;
    let with_event = ready.iter().filter(|reports| !reports.is_empty()).count();
    check!(t, with_event == 1, "the instances, of three, that report it");
    Ok(())
}

/// Closing a descriptor takes it out of every epoll instance.
#[case(
    man = ["epoll(7), Questions and answers"],
    strength = Folklore,
    changed = [("", "", deviates, "only the last close of the open file description does; a duplicate, or a child process, keeps the registration")]
)]
fn close_ends_the_registration(t: &mut Trial) -> Result {
    let original = OwnedFd::from(counter()?);
    let duplicate = original.try_clone()?;
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    drop(original);
    nix::unistd::write(&duplicate, &1_u64.to_ne_bytes())?;
    check!(t, epoll.ready_now()? == [], "it was closed, and nothing is reported");
    Ok(())
}

/// An edge-triggered descriptor is reported once, and not again until it was drained.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered"],
    strength = Folklore,
    changed = [("", "", deviates, "every arrival is an edge, whatever is still unread")]
)]
fn edge_waits_for_a_drain(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the first arrival is reported");
    writer.write_all(b"y")?;
    check!(t, epoll.ready_now()? == [], "nothing was read, and the second one is not");
    Ok(())
}

/// Edge-triggered reports give a descriptor to one thread at a time.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered"],
    strength = Folklore,
    changed = [("", "", deviates, "new data is reported to whoever waits, also while another thread works on the descriptor; EPOLLONESHOT prevents that")]
)]
fn edge_is_ownership(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Arc::new(Epoll::watching(&reader, EPOLLIN | EPOLLET)?);
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "one thread has the descriptor, and works on it");
    let second = t.spawn("second", {
        let epoll = epoll.clone();
        move || Ok(epoll.wait_one()?)
    })?;
    check!(t, second.sleeps_in(t, Call::EPOLL_WAIT)?, "another one waits");
    writer.write_all(b"y")?;
    check!(t, second.sleeps_in(t, Call::EPOLL_WAIT)?, "more data arrives, and it still waits");
    Ok(())
}

/// `EPOLLOUT` in an edge-triggered report says that there is new room to write.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered"],
    strength = Folklore,
    changed = [("", "", deviates, "a report has all flags that are true at the time: an arrival brings EPOLLOUT with it, though nothing about writing has changed")]
)]
fn out_is_an_edge_of_its_own(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLOUT | EPOLLET)?;
    check!(t, epoll.ready_now()? == [EPOLLOUT], "it is writable, and nothing was written since");
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "an arrival is reported as that, and no more");
    Ok(())
}

/// epoll hands its events over in memory that it shares with the program.
#[case(
    kernel = ["ep_send_events", "epoll_put_uevent"],
    strength = Folklore,
    changed = [("", "", deviates, "each event is copied to the buffer of epoll_wait; an instance cannot even be mapped")]
)]
fn events_are_in_shared_memory(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "an event was handed over");
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    check!(t, maps.contains("[eventpoll]"), "the instance is among the mappings of the process");
    Ok(())
}
