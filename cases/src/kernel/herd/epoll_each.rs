//! Workers with an epoll instance each: every instance is a waiter of its own on the listener, and
//! an ordinary registration does not ask to be woken alone. All are woken, and those that come too
//! late find nothing ready and sleep on, mostly without a return of `epoll_wait`.

use std::sync::Arc;

use harness::prelude::*;

use super::{
    WORKERS, always, everybody, in_turn, nonblocking_listener, serve, serve_with, woken_by_each,
};

/// Threads that each watch one listener in an instance of their own with `mode`.
fn threads_with(t: &mut Trial, mode: EpollFlags) -> Result<(Crew, Arc<TcpListener>)> {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| serve_with(worker, &listener, &Epoll::watching(&*listener, mode)?)
    })?;
    Ok((crew, listener))
}

/// A connection wakes every worker that watches the listener, level-triggered, in an epoll
/// instance of its own.
#[case(kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S25", "S39"], since = "2.6.0", strength = Implementation)]
fn level(t: &mut Trial) -> Result {
    let (crew, listener) = threads_with(t, EPOLLIN)?;
    check!(
        t,
        woken_by_each(t, WORKERS, &crew, &listener)? == everybody(),
        "the workers that each connection wakes"
    );
    Ok(())
}

/// Edge-triggered registrations do not help: a connection still wakes every worker that has an
/// epoll instance of its own.
#[case(kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S25", "S39"], since = "2.6.0", strength = Implementation)]
fn edge(t: &mut Trial) -> Result {
    let (crew, listener) = threads_with(t, EPOLLIN | EPOLLET)?;
    check!(
        t,
        woken_by_each(t, WORKERS, &crew, &listener)? == everybody(),
        "the workers that each connection wakes"
    );
    Ok(())
}

/// With `EPOLLEXCLUSIVE` a connection wakes one worker, and it is always the one that registered
/// first: it gets every connection.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_ptable_queue_proc", "add_wait_queue_exclusive"], notes = ["S25"], since = "4.5", strength = Implementation)]
fn exclusive(t: &mut Trial) -> Result {
    let (crew, listener) = threads_with(t, EPOLLIN | EPOLLEXCLUSIVE)?;
    check!(
        t,
        woken_by_each(t, 1, &crew, &listener)? == always(0),
        "the workers that each connection wakes"
    );
    check!(t, crew.takers() == always(0).concat(), "the workers that accept them");
    Ok(())
}

/// Processes that were forked after listen, and made their epoll instances after that, are all
/// woken by a connection.
#[case(kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S25", "S38"], since = "2.6.0", strength = Implementation)]
fn forked_before_epoll_create(t: &mut Trial) -> Result {
    let listener = nonblocking_listener()?;
    let crew = t.processes(WORKERS, Call::EPOLL_WAIT, |worker| {
        serve_with(worker, &listener, &Epoll::watching(&listener, EPOLLIN)?)
    })?;
    check!(
        t,
        woken_by_each(t, WORKERS, &crew, &listener)? == everybody(),
        "the processes that each connection wakes"
    );
    Ok(())
}

/// Edge-triggered or one-shot, processes with an epoll instance each are all woken by a connection.
#[case(kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S25", "S38"], since = "2.6.2", strength = Implementation)]
fn forked_edge_or_oneshot(t: &mut Trial) -> Result {
    for mode in [EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT] {
        let listener = nonblocking_listener()?;
        let crew = t.processes(WORKERS, Call::EPOLL_WAIT, |worker| {
            let epoll = Epoll::watching(&listener, mode)?;
            serve(worker, &listener, || {
                epoll.modify(&listener, mode)?;
                epoll.wait_one().map(drop)
            })
        })?;
        let woken = woken_by_each(t, WORKERS, &crew, &listener)?;
        check!(t, woken == everybody(), "{mode:?}: the processes that each connection wakes");
    }
    Ok(())
}

/// With `EPOLLEXCLUSIVE` a connection wakes one of the processes that were forked after listen,
/// always the one that registered first, level-triggered and edge-triggered alike.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_ptable_queue_proc", "add_wait_queue_exclusive"], notes = ["S25", "S38"], since = "4.5", strength = Implementation)]
fn forked_exclusive(t: &mut Trial) -> Result {
    for mode in [EPOLLIN | EPOLLEXCLUSIVE, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET] {
        let listener = nonblocking_listener()?;
        let crew = t.processes(WORKERS, Call::EPOLL_WAIT, |worker| {
            serve_with(worker, &listener, &Epoll::watching(&listener, mode)?)
        })?;
        let woken = woken_by_each(t, 1, &crew, &listener)?;
        check!(t, woken == always(0), "{mode:?}: the processes that each connection wakes");
    }
    Ok(())
}

/// A worker that registers anew after each connection, with `EPOLLEXCLUSIVE`, goes to the end of
/// the line: connections are dealt out in turn.
#[case(kernel = ["ep_insert", "add_wait_queue_exclusive"], since = "4.5", strength = Implementation)]
fn exclusive_anew_takes_turns(t: &mut Trial) -> Result {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| {
            let epoll = Epoll::watching(&*listener, EPOLLIN | EPOLLEXCLUSIVE)?;
            loop {
                epoll.wait_one()?;
                worker.returned();
                epoll.delete(&*listener)?;
                epoll.add(&*listener, EPOLLIN | EPOLLEXCLUSIVE)?;
                while listener.accept().is_ok() {
                    worker.took();
                }
            }
        }
    })?;
    let woken = woken_by_each(t, 1, &crew, &listener)?;
    check!(t, woken == in_turn(), "the workers that each connection wakes");
    Ok(())
}
