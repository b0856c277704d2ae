//! From the thread that waits to the thread that works. A queue in the program, a lock, a condition:
//! what the kernel adds is that one thread is woken for one thing to do, and with `EPOLLONESHOT`
//! that a descriptor is reported to nobody else until its worker says so.

use std::time::Duration;

use harness::prelude::*;

use super::{WORKERS, rest, start, workers};

/// The requests of a case.
const REQUESTS: usize = 8;

/// Of the sleeping workers one is woken for each of the `events` that a request is made of, at most:
/// the one that was woken for the first may be there still for the second.
fn check_one_is_woken(t: &mut Trial, model: &str, events: usize) -> Result {
    let server = start(t, model)?;
    net::stay_on_this_cpu()?;
    let mut client = server.connect(t)?;
    net::barrier()?;
    rest(t, &server)?;
    let workers = workers(&server)?;
    check!(t, workers.in_call(Call::FUTEX)?.len() == WORKERS, "the workers sleep in futex");
    let mut counts = Vec::new();
    for _ in 0..REQUESTS {
        let before = workers.so_far()?;
        check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "a request is answered");
        rest(t, &server)?;
        counts.push(workers.so_far()?.since(&before).woken().len());
    }
    check!(
        t,
        counts.iter().all(|count| (1..=events).contains(count)),
        "how many of {WORKERS} workers each request wakes: {counts:?}"
    );
    Ok(())
}

/// A worker that sleeps on the queue of a half-sync/half-async server is woken for a request, alone.
#[case(man = ["futex(2), FUTEX_WAKE"], notes = ["S04", "S26"], strength = Documented)]
fn half_sync_half_async(t: &mut Trial) -> Result {
    check_one_is_woken(t, "half_sync_half_async", 1)
}

/// A worker that sleeps on the queue of a half-sync/half-reactor server is woken for a descriptor
/// that is ready, alone; that the reply can be written is a second event.
#[case(man = ["futex(2), FUTEX_WAKE"], notes = ["S04", "S05", "S28"], strength = Documented)]
fn half_sync_half_reactor(t: &mut Trial) -> Result {
    check_one_is_woken(t, "half_sync_half_reactor", 2)
}

/// A worker of a pool is woken for a connection with something to read, alone.
#[case(man = ["futex(2), FUTEX_WAKE"], notes = ["S04", "S20"], strength = Documented)]
fn reactor_pool(t: &mut Trial) -> Result {
    check_one_is_woken(t, "reactor_pool", 1)
}

/// While a worker of a pool is busy with a connection, more data on it wakes nobody: the connection
/// is registered with `EPOLLONESHOT`, and the worker has not re-armed it.
#[case(man = ["epoll_ctl(2), EPOLLONESHOT"], notes = ["S21"], since = "2.6.2", deadline = 60, strength = Documented)]
fn one_thread_holds_a_connection(t: &mut Trial) -> Result {
    let server = start(t, "reactor_pool")?;
    net::stay_on_this_cpu()?;
    let (quick, workers) = (server.small()?, workers(&server)?);
    // How long a worker is busy is a matter of the clock: on a slow machine that may be too short.
    for millis in [500, 2000, 8000] {
        let mut client = server.connect(t)?;
        net::barrier()?;
        rest(t, &server)?;
        let all = server.tasks()?;
        let slow = server.request(Wish::Work(Duration::from_millis(millis)), false)?;

        check!(t, client.send(t, &slow.request)?, "a slow request is sent");
        // Until it has answered, the worker has not re-armed the connection.
        let answered = |client: &Client| -> Result<bool> {
            let socket = client.socket().ok_or_else(|| Stop::error("the connection has ended"))?;
            Ok(poll_now(socket, POLLIN)? == POLLIN)
        };
        // The reactor is awake alone too, before it has handed the connection over.
        let one_works = || -> Result<bool> {
            let awake: Vec<_> = all.awake()?.ids().collect();
            Ok(matches!(&*awake, [one] if workers.ids().any(|worker| worker == *one)))
        };
        let busy = t.eventually(|| Ok(one_works()? || answered(&client)?))?;
        let before = all.so_far()?;
        check!(t, client.send(t, &quick.request)?, "a second request is sent behind it");
        net::barrier()?;
        // Who was woken is awake, or counts as woken once it sleeps again.
        let alone = one_works()?;
        let woken = all.so_far()?.since(&before).woken();
        let in_time = !answered(&client)?;
        check!(t, client.reply(t, &slow)? == Reply::Whole, "the first is answered");
        check!(t, client.reply(t, &quick)? == Reply::Whole, "and then the second");
        if in_time {
            check!(t, busy, "one worker is at work on it, and all other threads sleep");
            check!(t, alone, "nor does the second wake another");
            check!(t, woken == [0; 0], "the threads that it woke and that sleep again");
            return Ok(());
        }
    }
    Err(Stop::error("the slow request was over too soon to see anything"))
}

/// The reactors of a server that deals connections out in turn each get the same number of them.
#[case(man = ["epoll_ctl(2)"], notes = ["S19"], since = "2.6.0", strength = Implementation)]
fn multi_reactor_deals_in_turn(t: &mut Trial) -> Result {
    let server = start(t, "multi_reactor")?;
    let mut threads = Vec::new();
    for _ in 0..3 * WORKERS {
        let mut client = server.connect(t)?;
        check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "a request is answered");
        threads.push(client.replier("Server-Thread"));
    }
    let mut distinct = threads[..WORKERS].to_vec();
    distinct.sort();
    distinct.dedup();
    check!(t, distinct.len() == WORKERS, "the threads that answer the first clients: {threads:?}");
    check!(t, threads.chunks(WORKERS).all(|turn| turn == &threads[..WORKERS]), "and so on in turn");
    Ok(())
}

/// A connection has a thread of its own for as long as it lasts.
#[case(man = ["clone(2)"], notes = ["S23"], strength = Implementation)]
fn thread_per_connection(t: &mut Trial) -> Result {
    let server = start(t, "thread_per_connection")?;
    let idle = server.tasks()?.len();
    net::stay_on_this_cpu()?;
    let clients = server.crowd(t, 5)?;
    net::barrier()?;
    let one_each = t.eventually(|| Ok(server.tasks()?.len() == idle + clients.len()))?;
    check!(t, one_each, "five clients, five threads more than the {idle} before");
    drop(clients);
    let gone = t.eventually(|| Ok(server.tasks()?.len() == idle))?;
    check!(t, gone, "they end with their connections");
    Ok(())
}
