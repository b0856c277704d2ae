//! Workers with a listener each, all on the same port (`SO_REUSEPORT`): the kernel chooses the
//! listener before it wakes anybody, so each connection concerns one worker only, however it waits.

use harness::prelude::*;

use super::{WORKERS, accept_for_ever, serve, serve_with, woken_by_each};

/// A connection wakes one worker, which may be any.
fn wakes_one(t: &mut Trial, crew: &Crew, listener: &TcpListener) -> Result {
    let rounds = woken_by_each(t, 1, crew, listener)?;
    check!(
        t,
        rounds.iter().all(|woken| woken.len() == 1),
        "one worker for each connection: {rounds:?}"
    );
    Ok(())
}

/// With a listener per worker, a connection wakes exactly one of those that block in accept.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S29", "S36"], since = "3.9", strength = Implementation)]
fn blocking(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let port = net::port_of(&first)?;
    let own = first.try_clone()?;
    let crew = t.threads(WORKERS, Call::ACCEPT, move |worker| {
        if worker.index == 0 {
            return accept_for_ever(worker, &own);
        }
        accept_for_ever(worker, &net::reuseport_listener(port)?)
    })?;
    wakes_one(t, &crew, &first)
}

/// With a listener and an epoll instance per worker, a connection wakes exactly one of them.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S29", "S36"], since = "3.9", strength = Implementation)]
fn epoll(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let port = net::port_of(&first)?;
    let own = first.try_clone()?;
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, move |worker| {
        let listener =
            if worker.index == 0 { own.try_clone()? } else { net::reuseport_listener(port)? };
        listener.set_nonblocking(true)?;
        serve_with(worker, &listener, &Epoll::watching(&listener, EPOLLIN)?)
    })?;
    wakes_one(t, &crew, &first)
}

/// With a listener per worker, a connection wakes exactly one of the processes that wait in poll.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S29", "S36", "S37"], since = "3.9", strength = Implementation)]
fn poll_forked(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let port = net::port_of(&first)?;
    let crew = t.processes(WORKERS, Call::POLL, |worker| {
        let listener =
            if worker.index == 0 { first.try_clone()? } else { net::reuseport_listener(port)? };
        listener.set_nonblocking(true)?;
        serve(worker, &listener, || poll_wait(&listener, POLLIN).map(drop))
    })?;
    wakes_one(t, &crew, &first)
}
