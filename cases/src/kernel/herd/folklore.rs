//! What is said of the herd. Each of these is true of some arrangement, and not of the one here.

use std::sync::Arc;

use harness::prelude::*;

use super::{WORKERS, accept_for_ever, connect_each, nonblocking_listener, serve_with};

/// Since Linux 2.6 a connection wakes only one of the workers that wait for it.
#[case(
    kernel = ["ep_poll_callback", "__wake_up_common"],
    notes = ["S25", "S40"],
    strength = Folklore,
    changed = [("", "", deviates, "only workers that block in accept are woken one at a time: those that wait in poll, in select or in an epoll instance of their own are all woken")],
)]
fn solved_in_2_6(t: &mut Trial) -> Result {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| serve_with(worker, &listener, &Epoll::watching(&*listener, EPOLLIN)?)
    })?;
    let rounds = connect_each(t, &crew, &listener)?;
    check!(
        t,
        rounds.iter().all(|(woken, _)| woken.len() == 1),
        "each worker has an epoll instance: workers woken, and wakeups: {rounds:?}"
    );
    Ok(())
}

/// On a listener with `SO_REUSEPORT` there is no herd.
#[case(
    man = ["socket(7), SO_REUSEPORT"],
    notes = ["S29", "S37"],
    strength = Folklore,
    changed = [("", "", deviates, "the option lets every worker have a listener of its own: workers that share one are all woken, with or without it")],
)]
fn solved_by_reuseport(t: &mut Trial) -> Result {
    let listener = net::reuseport_listener(0)?;
    listener.set_nonblocking(true)?;
    let crew = t.processes(WORKERS, Call::EPOLL_WAIT, |worker| {
        serve_with(worker, &listener, &Epoll::watching(&listener, EPOLLIN)?)
    })?;
    let rounds = connect_each(t, &crew, &listener)?;
    check!(
        t,
        rounds.iter().all(|(woken, _)| woken.len() == 1),
        "the listener has the option and several workers: workers woken, and wakeups: {rounds:?}"
    );
    Ok(())
}

/// A connection wakes all threads that block in accept.
#[case(
    kernel = ["inet_csk_wait_for_connect", "prepare_to_wait_exclusive"],
    notes = ["S25", "S42"],
    strength = Folklore,
    changed = [("", "", deviates, "so it was until Linux 2.2; since 2.4 they are woken one at a time")],
)]
fn accept_has_it(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let crew = t.threads(WORKERS, Call::ACCEPT, {
        let listener = listener.clone();
        move |worker| accept_for_ever(worker, &listener)
    })?;
    let rounds = connect_each(t, &crew, &listener)?;
    check!(
        t,
        rounds.iter().all(|(woken, _)| woken.len() == WORKERS),
        "workers woken, and wakeups: {rounds:?}"
    );
    Ok(())
}

/// `EPOLLEXCLUSIVE` deals the connections out to all workers.
#[case(
    man = ["epoll_ctl(2), EPOLLEXCLUSIVE"],
    notes = ["S25", "S36"],
    strength = Folklore,
    changed = [("", "", deviates, "the walk along the waiters begins at the one that registered first, every time: an idle server serves everything with one worker")],
)]
fn exclusive_balances(t: &mut Trial) -> Result {
    let (crew, listener) = exclusive_workers(t)?;
    connect_each(t, &crew, &listener)?;
    let mut busy = crew.takers();
    busy.sort_unstable();
    busy.dedup();
    check!(t, busy.len() == WORKERS, "the workers that accept connections");
    Ok(())
}

/// With `EPOLLEXCLUSIVE` the worker that waited last gets the next connection.
#[case(
    man = ["epoll_ctl(2), EPOLLEXCLUSIVE"],
    strength = Folklore,
    changed = [("", "", deviates, "last in, first out is the queue of threads that wait in one instance; among instances the first registered one that is idle is woken")],
)]
fn exclusive_is_last_in_first_out(t: &mut Trial) -> Result {
    let (crew, listener) = exclusive_workers(t)?;
    connect_each(t, &crew, &listener)?;
    check!(t, crew.takers().first() == Some(&(WORKERS - 1)), "the worker that accepts first");
    Ok(())
}

/// With `EPOLLEXCLUSIVE` a connection is told to one instance only.
#[case(
    man = ["epoll_ctl(2), EPOLLEXCLUSIVE"],
    kernel = ["ep_poll_callback"],
    strength = Folklore,
    changed = [("", "", deviates, "to one or more: an instance in which nobody waits is passed over, and has the connection ready all the same")],
)]
fn exclusive_tells_one(t: &mut Trial) -> Result {
    let listener = nonblocking_listener()?;
    let instances = (0..3)
        .map(|_| Epoll::watching(&listener, EPOLLIN | EPOLLEXCLUSIVE))
        .collect::<nix::Result<Vec<_>>>()?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    let told = instances.iter().map(Epoll::ready_now).collect::<nix::Result<Vec<_>>>()?;
    let told = told.iter().filter(|events| !events.is_empty()).count();
    check!(t, told == 1, "instances that report the connection, when nobody was waiting");
    Ok(())
}

/// Workers with an instance each that registered exclusively.
fn exclusive_workers(t: &mut Trial) -> Result<(Crew, Arc<TcpListener>)> {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| {
            let epoll = Epoll::watching(&*listener, EPOLLIN | EPOLLEXCLUSIVE)?;
            serve_with(worker, &listener, &epoll)
        }
    })?;
    Ok((crew, listener))
}
