//! One thread can wait for many descriptors. It is woken by any of them, or by the end of its
//! time, which is rounded up: a time-out may last longer than asked for, and never less.

use std::time::{Duration, Instant};

use harness::prelude::*;

/// A thread that sleeps in poll over sixteen pipes is woken by whichever of them gets data, and
/// poll reports that one and no other.
#[case(man = ["poll(2)"], notes = ["S13"], strength = Documented)]
fn one_thread_watches_many(t: &mut Trial) -> Result {
    let mut pipes = (0..16).map(|_| std::io::pipe()).collect::<std::io::Result<Vec<_>>>()?;
    let numbers: Vec<i32> = pipes.iter().map(|(reader, _)| reader.as_raw_fd()).collect();
    let crew = t.threads(1, Call::POLL, move |worker| {
        loop {
            let mut entries: Vec<Entry> =
                numbers.iter().map(|number| Entry::new(*number, POLLIN)).collect();
            let ready = poll_entries(&mut entries, -1)?;
            worker.returned();
            for entry in entries.iter().filter(|entry| entry.revents == POLLIN) {
                nix::unistd::read(harness::sys::process::borrow(entry.fd), &mut [0])?;
                worker.took();
            }
            if ready != 1 {
                return Ok(());
            }
        }
    })?;
    let start = crew.counts()?;
    for (event, pipe) in [5, 15, 0, 9, 5, 3].into_iter().enumerate() {
        pipes[pipe].1.write_all(b"!")?;
        check!(t, crew.wait_for(t, event as u64 + 1)?, "event {} is taken", event + 1);
        crew.settle(t)?;
        let (counts, events) = (crew.counts()?.since(&start), event as u64 + 1);
        check!(
            t,
            (counts.returned[0], counts.took[0]) == (events, events),
            "event {events}, on pipe {pipe}: one return, one pipe"
        );
    }
    let wakeups = u32::try_from(crew.counts()?.since(&start).wakeups[0])?;
    t.measure("wakeups per event", f64::from(wakeups) / 6.0)
}

/// poll, select and `epoll_wait` never return before their time is over.
#[case(man = ["poll(2)", "select(2), The timeout", "epoll_wait(2)"], strength = Documented)]
fn timeout_is_never_early(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let (number, epoll) = (reader.as_raw_fd(), Epoll::watching(&reader, EPOLLIN)?);
    let sets = Sets { read: vec![number], ..Sets::default() };
    for milliseconds in [1, 2, 3] {
        let limit = Duration::from_millis(milliseconds);
        let timeout = i32::try_from(milliseconds)?;
        let start = Instant::now();
        let ready = poll_entries(&mut [Entry::new(number, POLLIN)], timeout)?;
        let polled = start.elapsed();
        check!(
            t,
            (ready, polled >= limit) == (0, true),
            "poll, {milliseconds} ms: took {polled:?}"
        );

        let start = Instant::now();
        let ready = select(number + 1, &sets, Some(limit)).returned?;
        let selected = start.elapsed();
        check!(
            t,
            (ready, selected >= limit) == (0, true),
            "select, {milliseconds} ms: took {selected:?}"
        );

        let start = Instant::now();
        let ready = epoll.wait(1, timeout)?.len();
        let waited = start.elapsed();
        check!(
            t,
            (ready, waited >= limit) == (0, true),
            "epoll_wait, {milliseconds} ms: took {waited:?}"
        );
    }
    Ok(())
}

/// A descriptor that another thread closes does not end the poll that waits for it; when something
/// else does, the closed one is POLLNVAL.
#[case(kernel = ["do_poll", "do_pollfd"], strength = Implementation)]
fn closed_meanwhile_is_seen_at_the_end(t: &mut Trial) -> Result {
    let ((closed, _idle), (open, mut writer)) = (std::io::pipe()?, std::io::pipe()?);
    let numbers = [closed.as_raw_fd(), open.as_raw_fd()];
    let job = t.spawn("poll", move || {
        let mut entries = numbers.map(|number| Entry::new(number, POLLIN));
        let ready = poll_entries(&mut entries, -1)?;
        Ok((ready, entries.map(|entry| entry.revents)))
    })?;
    check!(t, job.sleeps_in(t, Call::POLL)?, "poll sleeps, for both pipes are empty");
    drop(closed);
    check!(t, job.sleeps_in(t, Call::POLL)?, "one of them is closed, and it sleeps on");
    writer.write_all(b"!")?;
    let expected = Some((2, [POLLNVAL, POLLIN]));
    check!(t, job.join_soon(t)? == expected, "data in the other one ends the wait: both are ready");
    Ok(())
}
