//! What must hold at whatever moment it happens. Nothing is proved asleep here: waiters come and go
//! while events do, many times over, and none may be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::process::borrow;

use super::super::counter;
use super::EDGE;

/// A modification of a ready, edge-triggered registration is reported to a thread that is about to
/// wait, asleep or just awake, each of a thousand times.
#[case(man = ["epoll_ctl(2), EPOLL_CTL_MOD"], commit = ["1b53734bd0b2"], kernel = ["tools/testing/selftests: epoll59"], strength = Implementation, deadline = 60)]
fn a_modification_is_never_missed(t: &mut Trial) -> Result {
    let counter = counter()?;
    let epoll = Arc::new(Epoll::watching(&counter, EDGE)?);
    let reports = Arc::new(AtomicU64::new(0));
    let _waiter = t.spawn("waiter", {
        let (epoll, reports) = (epoll.clone(), reports.clone());
        move || -> Result {
            loop {
                epoll.wait_one()?;
                reports.fetch_add(1, Ordering::SeqCst);
            }
        }
    })?;
    counter.write(1)?;
    let mut reported = 0;
    while reported < 1000 && t.eventually(|| Ok(reports.load(Ordering::SeqCst) > reported))? {
        epoll.modify(&counter, EDGE)?;
        reported += 1;
    }
    check!(t, reported == 1000, "modifications that were reported, each before the next one");
    Ok(())
}

/// Of ten edges at once none is lost to ten threads that wait in one instance, however they overtake
/// each other.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], commit = ["412895f03cbf"], kernel = ["tools/testing/selftests: epoll60"], strength = Implementation, deadline = 60)]
fn no_event_of_many_is_lost(t: &mut Trial) -> Result {
    let counters = (0..10).map(|_| counter()).collect::<nix::Result<Vec<_>>>()?;
    let epoll = Arc::new(Epoll::new()?);
    for counter in &counters {
        epoll.add(counter, EDGE)?;
    }
    let crew = t.threads(10, Call::EPOLL_WAIT, move |worker| {
        loop {
            let ready = epoll.wait_one()?;
            nix::unistd::read(borrow(ready.fd), &mut [0; 8])?;
            worker.took();
        }
    })?;
    for round in 1..=50 {
        for counter in &counters {
            counter.write(1)?;
        }
        check!(t, crew.wait_for(t, 10 * round)?, "all ten of round {round} are taken");
    }
    Ok(())
}

/// An event that comes when a wait is timing out is not lost: if that wait does not report it, another
/// thread that waits is woken.
#[case(man = ["epoll_wait(2)"], commit = ["289caf5d8f6c"], kernel = ["tools/testing/selftests: epoll61"], strength = Implementation, deadline = 60)]
fn a_timeout_loses_no_event(t: &mut Trial) -> Result {
    let counter = Arc::new(counter()?);
    let epoll = Arc::new(Epoll::watching(&*counter, EDGE)?);
    let taken = Arc::new(AtomicU64::new(0));
    let take = |counter: &nix::sys::eventfd::EventFd, taken: &AtomicU64| {
        if counter.read().is_ok() {
            taken.fetch_add(1, Ordering::SeqCst);
        }
    };
    let _patient = t.spawn("patient", {
        let (epoll, counter, taken) = (epoll.clone(), counter.clone(), taken.clone());
        move || -> Result {
            loop {
                epoll.wait_one()?;
                take(&counter, &taken);
            }
        }
    })?;
    let (begin, begun) = mpsc::channel::<()>();
    let _hasty = t.spawn("hasty", {
        let (epoll, counter, taken) = (epoll.clone(), counter.clone(), taken.clone());
        move || -> Result {
            while begun.recv().is_ok() {
                if !epoll.wait(1, 1)?.is_empty() {
                    take(&counter, &taken);
                }
            }
            Ok(())
        }
    })?;
    for round in 1..=50 {
        begin.send(())?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        counter.write(1)?;
        let reported = t.eventually(|| Ok(taken.load(Ordering::SeqCst) >= round))?;
        check!(t, reported, "event {round} is reported to one of the two");
    }
    Ok(())
}

/// A wait with a time-out of 0 finds what is ready, however many others look at the same moment.
#[case(
    man = ["epoll_wait(2)", "epoll(7), Level-triggered and edge-triggered"],
    kernel = ["ep_events_available", "tools/testing/selftests: epoll65"],
    strength = Documented,
    commit = ["0c4aefe3c2d0"],
    changed = [("", "7.2", deviates, "an instance whose ready list another thread holds in its hands may look empty to a wait that does not wait, until commit 0c4aefe3c2d0 gave it a sequence count")]
)]
fn a_wait_without_time_misses_nothing(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let epoll = Arc::new(Epoll::watching(&counter, EPOLLIN)?);
    let lookers = (0..4)
        .map(|_| {
            let epoll = epoll.clone();
            t.spawn("looker", move || {
                let mut missed = 0;
                for _ in 0..5000 {
                    missed += u32::from(epoll.wait(1, 0)?.is_empty());
                }
                Ok(missed)
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let missed = lookers.into_iter().map(Job::join).sum::<Result<u32>>()?;
    check!(t, missed == 0, "looks at a ready instance that found nothing, of 20000");
    Ok(())
}
