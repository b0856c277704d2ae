//! Workers that wait in the same epoll instance, as threads or because it was made before the
//! fork. The instance is one waiter on the listener and wakes one worker, the last that came. A
//! level-triggered listener is put back on the ready list when it is reported, and that wakes the
//! next worker, and so on until somebody has accepted.

use std::sync::Arc;

use harness::prelude::*;

use super::{
    WORKERS, always, connect_each, nonblocking_listener, serve, serve_with, woken_by_each,
};

/// Threads that all wait in one instance, which watches the listener with `mode`.
fn threads_with(t: &mut Trial, mode: EpollFlags) -> Result<(Crew, Arc<TcpListener>)> {
    let listener = Arc::new(nonblocking_listener()?);
    let epoll = Arc::new(Epoll::watching(&*listener, mode)?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| serve_with(worker, &listener, &epoll)
    })?;
    Ok((crew, listener))
}

/// Which workers each connection woke: among them is the one that began to wait last. At first that
/// is the last of the crew, and then one of those that were just woken. (How many more are woken is
/// a matter of who is quicker.)
fn check_chains(t: &mut Trial, crew: &Crew, listener: &TcpListener) -> Result<Vec<Vec<usize>>> {
    let rounds: Vec<_> =
        connect_each(t, crew, listener)?.into_iter().map(|(woken, _)| woken).collect();
    let meet = |two: &[Vec<usize>]| two[1].iter().any(|worker| two[0].contains(worker));
    check!(t, rounds[0].contains(&(WORKERS - 1)), "the last that came is woken: {:?}", rounds[0]);
    check!(t, rounds.windows(2).all(meet), "then one of those that were woken before: {rounds:?}");
    Ok(rounds)
}

/// The fewest workers that one of the connections woke.
fn fewest(rounds: &[Vec<usize>]) -> usize {
    rounds.iter().map(Vec::len).min().unwrap_or(0)
}

/// A connection on a level-triggered listener wakes the one of the threads that share an epoll
/// instance that began to wait last, and the report to it wakes at least one other.
#[case(kernel = ["ep_send_events", "ep_done_scan", "__add_wait_queue_exclusive"], notes = ["S39"], since = "2.6.0", strength = Implementation)]
fn level(t: &mut Trial) -> Result {
    let (crew, listener) = threads_with(t, EPOLLIN)?;
    let rounds = check_chains(t, &crew, &listener)?;
    check!(t, fewest(&rounds) >= 2, "the fewest threads that a connection wakes");
    Ok(())
}

/// A connection on an edge-triggered listener wakes exactly one of the threads that share an epoll
/// instance, always the one that began to wait last.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["__add_wait_queue_exclusive"], notes = ["S41"], since = "2.6.0", strength = Implementation)]
fn edge(t: &mut Trial) -> Result {
    let (crew, listener) = threads_with(t, EPOLLIN | EPOLLET)?;
    check!(
        t,
        woken_by_each(t, 1, &crew, &listener)? == always(WORKERS - 1),
        "the threads that each connection wakes"
    );
    Ok(())
}

/// Processes that were forked after `epoll_create` share the instance: a connection on an
/// edge-triggered listener wakes exactly one of them, the one that began to wait last.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["__add_wait_queue_exclusive"], notes = ["S38"], since = "2.6.0", strength = Implementation)]
fn forked_after_epoll_create(t: &mut Trial) -> Result {
    let listener = nonblocking_listener()?;
    let epoll = Epoll::watching(&listener, EPOLLIN | EPOLLET)?;
    let crew =
        t.processes(WORKERS, Call::EPOLL_WAIT, |worker| serve_with(worker, &listener, &epoll))?;
    check!(
        t,
        woken_by_each(t, 1, &crew, &listener)? == always(WORKERS - 1),
        "the processes that each connection wakes"
    );
    Ok(())
}

/// Processes that share a level-triggered instance wake each other, as threads do, beginning with
/// the one that began to wait last.
#[case(kernel = ["ep_send_events", "ep_done_scan", "__add_wait_queue_exclusive"], notes = ["S38", "S39"], since = "2.6.0", strength = Implementation)]
fn forked_level(t: &mut Trial) -> Result {
    let listener = nonblocking_listener()?;
    let epoll = Epoll::watching(&listener, EPOLLIN)?;
    let crew =
        t.processes(WORKERS, Call::EPOLL_WAIT, |worker| serve_with(worker, &listener, &epoll))?;
    let rounds = check_chains(t, &crew, &listener)?;
    check!(t, fewest(&rounds) >= 2, "the fewest processes that a connection wakes");
    Ok(())
}

/// `EPOLLEXCLUSIVE` does not help workers that share an instance: the report of a level-triggered
/// listener still wakes the next one.
#[case(kernel = ["ep_send_events", "ep_done_scan"], since = "4.5", strength = Implementation)]
fn exclusive_level(t: &mut Trial) -> Result {
    let (crew, listener) = threads_with(t, EPOLLIN | EPOLLEXCLUSIVE)?;
    let rounds = check_chains(t, &crew, &listener)?;
    check!(t, fewest(&rounds) >= 2, "the fewest threads that a connection wakes");
    Ok(())
}

/// A one-shot listener that is armed again by whoever has accepted wakes exactly one of the threads
/// that share the instance, always the one that began to wait last.
#[case(man = ["epoll_ctl(2), EPOLLONESHOT"], kernel = ["__add_wait_queue_exclusive"], notes = ["S21"], since = "2.6.2", strength = Implementation)]
fn oneshot(t: &mut Trial) -> Result {
    const MODE: EpollFlags = EPOLLIN.union(EPOLLONESHOT);
    let listener = Arc::new(nonblocking_listener()?);
    let epoll = Arc::new(Epoll::watching(&*listener, MODE)?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| {
            serve(worker, &listener, || {
                epoll.modify(&*listener, MODE)?;
                epoll.wait_one().map(drop)
            })
        }
    })?;
    let woken = woken_by_each(t, 1, &crew, &listener)?;
    check!(t, woken == always(WORKERS - 1), "the threads that each connection wakes");
    Ok(())
}

/// A connection that nobody accepts is reported to all threads that share a level-triggered
/// instance, and to one of them if it is edge-triggered or one-shot.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["ep_send_events", "ep_done_scan"], since = "2.6.2", strength = Implementation)]
fn left_in_the_queue(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    for (mode, reports) in [(EPOLLIN, WORKERS), (EPOLLIN | EPOLLET, 1), (EPOLLIN | EPOLLONESHOT, 1)]
    {
        let listener = nonblocking_listener()?;
        let epoll = Arc::new(Epoll::watching(&listener, mode)?);
        let mut jobs = Vec::new();
        for index in 0..WORKERS {
            let epoll = epoll.clone();
            let job = t.spawn(&format!("worker {index}"), move || Ok(epoll.wait_one()?))?;
            check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "{mode:?}: worker {index} sleeps");
            jobs.push(job);
        }
        let _client = net::connect(listener.local_addr()?)?;
        let told = || jobs.iter().filter(|job| job.ended()).count();
        t.eventually(|| Ok(told() >= reports))?;
        for job in jobs.iter().filter(|job| !job.ended()) {
            check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "{mode:?}: another one sleeps on");
        }
        check!(t, told() == reports, "{mode:?}: the threads that are told");
    }
    Ok(())
}
