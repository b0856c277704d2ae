//! Workers that wait in poll or select: such a waiter never asks to be woken alone, so all of them
//! are woken by each connection, on every kernel.

use std::sync::Arc;

use harness::prelude::*;

use super::{WORKERS, everybody, nonblocking_listener, serve, woken_by_each};

/// A connection wakes every worker that waits for it in poll.
#[case(kernel = ["__pollwait", "add_wait_queue"], notes = ["S25", "S39"], since = "2.4", strength = Implementation)]
fn in_poll(t: &mut Trial) -> Result {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::POLL, {
        let listener = listener.clone();
        move |worker| serve(worker, &listener, || poll_wait(&*listener, POLLIN).map(drop))
    })?;
    check!(
        t,
        woken_by_each(t, WORKERS, &crew, &listener)? == everybody(),
        "the workers that each connection wakes"
    );
    Ok(())
}

/// A connection wakes every worker that waits for it in select.
#[case(kernel = ["__pollwait", "add_wait_queue"], notes = ["S25", "S39"], since = "2.4", strength = Implementation)]
fn in_select(t: &mut Trial) -> Result {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::SELECT, {
        let listener = listener.clone();
        move |worker| {
            let number = listener.as_raw_fd();
            let sets = Sets { read: vec![number], ..Sets::default() };
            serve(worker, &listener, || select(number + 1, &sets, None).returned.map(drop))
        }
    })?;
    check!(
        t,
        woken_by_each(t, WORKERS, &crew, &listener)? == everybody(),
        "the workers that each connection wakes"
    );
    Ok(())
}

/// A connection wakes every process that was forked after listen and waits for it in poll or in
/// select.
#[case(kernel = ["__pollwait", "add_wait_queue"], notes = ["S25", "S38"], since = "2.4", strength = Implementation)]
fn forked(t: &mut Trial) -> Result {
    let listener = nonblocking_listener()?;
    let crew = t.processes(WORKERS, Call::POLL, |worker| {
        serve(worker, &listener, || poll_wait(&listener, POLLIN).map(drop))
    })?;
    let woken = woken_by_each(t, WORKERS, &crew, &listener)?;
    check!(t, woken == everybody(), "in poll: the processes that each connection wakes");

    let listener = nonblocking_listener()?;
    let number = listener.as_raw_fd();
    let sets = Sets { read: vec![number], ..Sets::default() };
    let crew = t.processes(WORKERS, Call::SELECT, |worker| {
        serve(worker, &listener, || select(number + 1, &sets, None).returned.map(drop))
    })?;
    let woken = woken_by_each(t, WORKERS, &crew, &listener)?;
    check!(t, woken == everybody(), "in select: the processes that each connection wakes");
    Ok(())
}
