//! One-shot registrations (`EPOLLONESHOT`): after one report the descriptor keeps its place in the
//! interest list, but nothing more is reported of it until `EPOLL_CTL_MOD` arms it again. That is
//! how several threads share an instance without two of them working on the same descriptor.

use std::sync::Arc;

use harness::prelude::*;

use super::{counter, table};

/// After one report nothing more is reported, neither new data nor even a hang-up.
#[case(man = ["epoll_ctl(2), EPOLLONESHOT"], since = "2.6.2", strength = Documented)]
fn disarmed_after_one_report(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLONESHOT)?;
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the arrival is reported");
    check!(t, epoll.ready_now()? == [], "once, although nothing was read");
    writer.write_all(b"y")?;
    check!(t, epoll.ready_now()? == [], "new data is not reported");
    drop(writer);
    check!(t, epoll.ready_now()? == [], "nor is the hang-up");
    Ok(())
}

/// After its report the registration keeps nothing of what it asked for, not even the `EPOLLERR` and
/// `EPOLLHUP` that every other has.
#[case(kernel = ["EP_PRIVATE_BITS", "ep_send_events"], since = "3.8", strength = Implementation)]
fn asks_for_nothing_when_disarmed(t: &mut Trial) -> Result {
    let counter = counter()?;
    let epoll = Epoll::watching(&counter, EPOLLIN | EPOLLONESHOT)?;
    let asked = |epoll: &Epoll| -> Result<Vec<EpollFlags>> {
        Ok(table(epoll)?.iter().map(|registration| registration.events).collect())
    };
    let armed = EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLONESHOT;
    check!(t, asked(&epoll)? == [armed], "before the report");
    counter.write(1)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the report");
    check!(t, asked(&epoll)? == [EPOLLONESHOT], "after it");
    Ok(())
}

/// With `EPOLLET` as well, arming a descriptor again reports it if it is ready: there need be no
/// edge.
#[case(man = ["epoll_ctl(2), EPOLLONESHOT", "epoll(7), Level-triggered and edge-triggered"], kernel = ["ep_modify"], since = "2.6.2", strength = Documented)]
fn rearming_looks_at_the_level(t: &mut Trial) -> Result {
    let mode = EPOLLIN | EPOLLET | EPOLLONESHOT;
    let counter = counter()?;
    let epoll = Epoll::watching(&counter, mode)?;
    counter.write(1)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the arrival is reported");
    for round in 1..=2 {
        check!(t, epoll.ready_now()? == [], "round {round}: disarmed");
        epoll.modify(&counter, mode)?;
        check!(t, epoll.ready_now()? == [EPOLLIN], "round {round}: armed, and still ready");
    }
    Ok(())
}

/// A disarmed descriptor is still registered: it cannot be added again.
#[case(man = ["epoll_ctl(2), EPOLLONESHOT"], since = "2.6.2", strength = Documented)]
fn stays_registered(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let epoll = Epoll::watching(&counter, EPOLLIN | EPOLLONESHOT)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "reported once");
    check!(t, epoll.ready_now()? == [], "and disarmed");
    check!(
        t,
        epoll.add(&counter, EPOLLIN) == Err(Errno::EEXIST),
        "EPOLL_CTL_ADD finds it registered"
    );
    check!(t, epoll.delete(&counter) == Ok(()), "EPOLL_CTL_DEL removes it");
    check!(t, epoll.add(&counter, EPOLLIN) == Ok(()), "and only then it can be added");
    Ok(())
}

/// `EPOLL_CTL_MOD` arms the descriptor again and reports at once all that is true of it by then.
#[case(man = ["epoll_ctl(2), EPOLLONESHOT"], since = "2.6.2", strength = Documented)]
fn modify_rearms(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLONESHOT)?;
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "reported once");
    drop(writer);
    check!(t, epoll.ready_now()? == [], "disarmed");
    epoll.modify(&reader, EPOLLIN | EPOLLONESHOT)?;
    check!(
        t,
        epoll.ready_now()? == [EPOLLIN | EPOLLHUP],
        "armed again: the data, and the hang-up that was missed"
    );
    check!(t, epoll.ready_now()? == [], "for one report");
    Ok(())
}

/// Of two threads that wait in one instance, one gets the descriptor, and the other is not even
/// woken by the data that arrives while it is disarmed.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], notes = ["S21"], since = "2.6.2", strength = Implementation)]
fn one_consumer(t: &mut Trial) -> Result {
    let counter = counter()?;
    let epoll = Arc::new(Epoll::watching(&counter, EPOLLIN | EPOLLONESHOT)?);
    let crew = t.threads(2, Call::EPOLL_WAIT, {
        let epoll = epoll.clone();
        move |worker| loop {
            epoll.wait_one()?;
            worker.took();
        }
    })?;
    let idle = crew.counts()?;
    for write in 1..=3 {
        counter.write(1)?;
        check!(t, crew.wait_for(t, 1)?, "the first write is reported");
        crew.settle(t)?;
        check!(t, crew.taken() == 1, "reports after write {write}, with nothing read");
    }
    let woken = crew.counts()?.since(&idle).woken();
    check!(t, woken.len() == 1, "threads woken by three writes: {woken:?}");
    Ok(())
}
