//! Workers that block in accept queue up in the kernel, and a connection wakes the one at the head
//! of the queue. There is no herd, and the connections are dealt out in turn.

use std::sync::Arc;

use harness::prelude::*;

use super::{WORKERS, accept_for_ever, in_turn, woken_by_each};

/// A connection wakes exactly one of the threads that block in accept on a listener, each in turn.
#[case(kernel = ["inet_csk_wait_for_connect", "prepare_to_wait_exclusive"], notes = ["S24", "S25", "S41", "S42"], since = "2.4", strength = Implementation)]
fn threads(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let crew = t.threads(WORKERS, Call::ACCEPT, {
        let listener = listener.clone();
        move |worker| accept_for_ever(worker, &listener)
    })?;
    check!(
        t,
        woken_by_each(t, 1, &crew, &listener)? == in_turn(),
        "the threads that each connection wakes"
    );
    check!(t, crew.takers() == in_turn().concat(), "the threads that accept them");
    Ok(())
}

/// A connection wakes exactly one of the processes that were forked after listen and block in
/// accept, each in turn.
#[case(kernel = ["inet_csk_wait_for_connect", "prepare_to_wait_exclusive"], notes = ["S38", "S42"], since = "2.4", strength = Implementation)]
fn processes(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let crew = t.processes(WORKERS, Call::ACCEPT, |worker| accept_for_ever(worker, &listener))?;
    check!(
        t,
        woken_by_each(t, 1, &crew, &listener)? == in_turn(),
        "the processes that each connection wakes"
    );
    check!(t, crew.takers() == in_turn().concat(), "the processes that accept them");
    Ok(())
}

/// A connection wakes all threads that wait in poll, and besides them one of those that block in
/// accept: a waiter that did not ask to be woken alone never is.
#[case(kernel = ["__wake_up_common", "add_wait_queue"], notes = ["S41"], since = "2.4", strength = Implementation)]
fn beside_poll(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let accepting = t.threads(3, Call::ACCEPT, {
        let listener = listener.clone();
        move |worker| accept_for_ever(worker, &listener)
    })?;
    let polling = t.threads(3, Call::POLL, {
        let listener = listener.clone();
        move |_| loop {
            poll_wait(&*listener, POLLIN)?;
        }
    })?;
    net::stay_on_this_cpu()?;
    for connection in 0..6 {
        let (idle_accepting, idle_polling) = (accepting.counts()?, polling.counts()?);
        let _client = net::connect(listener.local_addr()?)?;
        check!(
            t,
            accepting.wait_for(t, connection as u64 + 1)?,
            "connection {connection} is accepted"
        );
        accepting.settle(t)?;
        polling.settle(t)?;
        check!(
            t,
            polling.counts()?.since(&idle_polling).woken() == [0, 1, 2],
            "connection {connection} wakes all that poll"
        );
        check!(
            t,
            accepting.counts()?.since(&idle_accepting).woken() == [connection % 3],
            "and one that accepts"
        );
    }
    Ok(())
}

/// Three connections in a row wake three of the threads that block in accept, although the first
/// one might serve them all.
#[case(kernel = ["inet_csk_wait_for_connect", "autoremove_wake_function"], notes = ["S42"], since = "2.6.0", strength = Implementation)]
fn three_for_three(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let crew = t.threads(WORKERS, Call::ACCEPT, {
        let listener = listener.clone();
        move |worker| accept_for_ever(worker, &listener)
    })?;
    net::stay_on_this_cpu()?;
    let idle = crew.counts()?;
    let connect = |_| net::connect(listener.local_addr()?);
    let _clients = (0..3).map(connect).collect::<Result<Vec<_>>>()?;
    check!(t, crew.wait_for(t, 3)?, "all three are accepted");
    crew.settle(t)?;
    check!(t, crew.counts()?.since(&idle).woken() == [0, 1, 2], "the threads that they wake");
    Ok(())
}

/// A shutdown of the listener wakes every thread that blocks in accept.
#[case(kernel = ["inet_csk_listen_stop", "sock_def_wakeup"], since = "2.6.0", strength = Implementation)]
fn shutdown_wakes_all(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let number = listener.as_raw_fd();
    let mut jobs = Vec::new();
    for index in 0..WORKERS {
        let accept = move || Ok(nix::sys::socket::accept(number));
        let job = t.spawn(&format!("worker {index}"), accept)?;
        check!(t, job.sleeps_in(t, Call::ACCEPT)?, "worker {index} sleeps in accept");
        jobs.push(job);
    }
    nix::sys::socket::shutdown(number, nix::sys::socket::Shutdown::Read)?;
    for (index, job) in jobs.into_iter().enumerate() {
        check!(t, job.join_soon(t)? == Some(Err(Errno::EINVAL)), "accept of worker {index}");
    }
    Ok(())
}
