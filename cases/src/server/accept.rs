//! Accepting. The kernel completes connections by itself and queues them at the listener; what a
//! server does about that queue decides whom a client meets, and whether it meets anybody.
//!
//! A connection wakes whoever asked to be woken: all workers, if they wait in ways that do not know
//! of each other, or always the same one, if each asked to be woken alone (`EPOLLEXCLUSIVE`). What
//! is in the queue may have ended long ago, or have sent its request already. And when there is no
//! descriptor left for it, it stays where it is: the listener is ready for ever and `accept` fails
//! for ever, until something that has nothing to do with the listener changes.

use std::collections::{BTreeMap, VecDeque};

use harness::dialect::Dialect;
use harness::measure::uneven_by_chance;
use harness::prelude::*;

/// Connections that come one after the other to a server at rest are not all taken by the same
/// worker: none takes more than nineteen of twenty.
#[case(
    kernel = ["ep_poll_callback", "add_wait_queue_exclusive"],
    incident = ["nginx trac #2285", "nginx 96c342e56", "Envoy #4602", "varnish/hitch #142"],
    strength = Should,
    deadline = 60,
)]
fn balance(t: &mut Trial) -> Result {
    let server = t.server()?;
    let workers = server.workers();
    workers_show(t, &server)?;
    // A fair choice by chance, as by SO_REUSEPORT, fails less than once in 10^9 trials.
    let total = (24 * workers).max(64);
    let most = total * 19 / 20;
    let chance = uneven_by_chance(workers as u64, total as u64, most as u64)?;
    t.measure("a fair choice by chance would fail with a probability of", chance)?;

    let (mut held, mut shares) = (VecDeque::new(), BTreeMap::new());
    for _ in 0..total {
        if held.len() == server.at_most(256) {
            held.pop_front();
        }
        // Nobody is busy: any worker could take it.
        server.must_settle(t)?;
        let mut client = server.connect(t)?;
        check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "each connection is served");
        *shares.entry(worker_of(&server, &client)?).or_insert(0) += 1;
        held.push_back(client);
    }
    let busiest = shares.values().copied().max().unwrap_or(0);
    t.measure("workers that took some", shares.len() as f64)?;
    check!(t, busiest <= most, "the most that one of {workers} workers took of {total}");
    Ok(())
}

/// Ends the trial as `unsupported` if it cannot be told which worker serves a client.
fn workers_show(t: &mut Trial, server: &Server) -> Result {
    let unsupported = |why: String| Err(Stop::Unsupported(why));
    let workers = server.workers();
    if workers == 1 {
        return unsupported("it has one worker: there is nothing to share out".to_owned());
    }
    if thread_field(server).is_some() {
        return Ok(());
    }
    // Until then it may not have started all of them.
    server.must_settle(t)?;
    match server.processes()?.len() {
        1 => unsupported(
            "it is one process, and its replies do not name the thread that made them".to_owned(),
        ),
        some if some < workers => {
            unsupported(format!("{workers} workers are not to be found in {some} processes"))
        }
        _ => Ok(()),
    }
}

/// The field of an HTTP reply that names a thread.
fn thread_field(server: &Server) -> Option<&str> {
    match &server.target().dialect {
        Dialect::Http(http) => http.thread.as_deref(),
        _ => None,
    }
}

/// The worker that answered a client: by what its reply says, or else the process that holds the
/// connection.
fn worker_of(server: &Server, client: &Client) -> Result<String> {
    let worker = match thread_field(server) {
        Some(field) => client.replier(field),
        None => server.holder(client)?.map(|pid| pid.to_string()),
    };
    let unknown = "a connection's worker is not to be seen";
    worker.ok_or_else(|| Stop::Unobservable(unknown.to_owned()))
}

/// A connection wakes the thread that takes it, perhaps one to whom it is handed, and at most one
/// more: not all workers.
#[case(
    incident = ["unbit/uwsgi #115", "benoitc/gunicorn #792", "gevent #1536"],
    strength = Should,
    deadline = 60,
)]
fn wakeups_per_connection(t: &mut Trial) -> Result {
    let server = t.server()?;
    let (mut clients, mut woken) = (Vec::new(), Vec::new());
    net::stay_on_this_cpu()?;
    server.must_settle(t)?;
    for _ in 0..server.at_most(21) {
        let before = server.so_far()?;
        clients.push(server.connect(t)?);
        net::barrier()?;
        server.must_settle(t)?;
        woken.push(server.so_far()?.since(&before).woken().len());
    }
    woken.sort_unstable();
    // A timer of the server's own may fall into some of them, and not into most.
    let median = woken[woken.len() / 2];
    if median == 0 {
        return Err(Stop::Unobservable(
            "a connection alone wakes nobody: the kernel keeps it until it brings data, as with \
             TCP_DEFER_ACCEPT (tcp(7))"
                .to_owned(),
        ));
    }
    check!(t, median <= 3, "threads that a connection wakes, the median of {}", woken.len());
    Ok(())
}

/// A server that has run out of descriptors waits, and neither asks the kernel without rest nor
/// fills its log.
#[case(
    man = ["accept(2), EMFILE"],
    incident = ["nginx 0e3b423dc", "haproxy 100298749", "libuv #690", "redis #246", "tokio #3529"],
    strength = Should,
)]
fn emfile_no_spin(t: &mut Trial) -> Result {
    let server = t.server()?;
    check!(t, server.connect(t)?.ask(t, &server.small()?)? == Reply::Whole, "one is answered");
    let shortage = server.run_out_of_descriptors(t)?;
    let idle = server.rest()?;
    let lines = 100.0 * server.workers() as f64;
    server.end_shortage(shortage)?;
    check!(t, idle.cpus < 0.5, "CPUs that it wants while it has no descriptor");
    check!(t, idle.lines_per_second <= lines, "lines that it logs in a second");
    Ok(())
}

/// A server that has run out of descriptors leaves no client of an open connection without an
/// answer, and takes new connections as soon as there are descriptors again.
#[case(
    man = ["accept(2), EMFILE"],
    incident = ["payjoin/rust-payjoin #1608", "denoland/deno #10148", "golang/go #35131", "hyper #1358"],
    strength = Must,
)]
fn emfile_recovers(t: &mut Trial) -> Result {
    let server = t.server()?;
    // One place stays free, for those who come to wait: a server may wait for a connection to end.
    let mut open = server.crowd(t, server.at_most(2 * server.workers() + 1).max(2) - 1)?;
    for client in &mut open {
        check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "a request is answered");
    }
    let shortage = server.run_out_of_descriptors(t)?;
    for client in &mut open {
        let silent = matches!(client.ask(t, &server.small()?)?, Reply::Silence { .. });
        check!(t, !silent, "an open connection gets an answer, if only its end");
    }
    drop(open);
    server.end_shortage(shortage)?;

    check!(t, server.is_alive()?, "the server lives");
    // Each worker may have a listener of its own: one that is deaf has to be met.
    for _ in 0..8 * server.workers() {
        let reply = server.connect(t)?.ask(t, &server.small()?)?;
        check!(t, reply == Reply::Whole, "a new connection is served");
    }
    Ok(())
}

/// A server that is full takes new connections when clients leave, each time.
#[case(incident = ["memcached 2c5609093"], strength = Must)]
fn limit_recovers(t: &mut Trial) -> Result {
    let server = t.server()?;
    let limit = match server.target().connections {
        Some(limit @ ..=500) => limit,
        Some(limit) => {
            return Err(Stop::Unsupported(format!("{limit} connections are too many to fill it")));
        }
        None => {
            return Err(Stop::Unsupported(
                "no limit of its connections is known: name it with --connections".to_owned(),
            ));
        }
    };
    net::stay_on_this_cpu()?;
    for _ in 0..10 {
        let clients = server.crowd(t, limit + 4)?;
        net::barrier()?;
        server.must_settle(t)?;
        drop(clients);
        // Until it has seen them leave, it may well refuse the next.
        net::barrier()?;
        server.must_settle(t)?;
        let reply = server.connect(t)?.ask(t, &server.small()?)?;
        check!(t, reply == Reply::Whole, "a client is served once the server is not full any more");
    }
    Ok(())
}

/// Clients that reset their connections before the server accepts them do no harm: the next client
/// is served, nothing of them is left behind, and the server rests.
#[case(
    man = ["accept(2), ECONNABORTED"],
    incident = ["lalinsky/dusty #134", "golang/go #6163"],
    strength = Must,
)]
fn reset_before_accept(t: &mut Trial) -> Result {
    let server = t.server()?;
    server.must_rest_by_nature()?;
    let before = server.descriptors_at_rest(t)?;
    let mut resets = 0;
    for _ in 0..5 {
        server.pause(t)?;
        for client in server.queue_up(4)? {
            client.reset()?;
            resets += 1;
        }
        server.resume()?;
        let reply = server.connect(t)?.ask(t, &server.small()?)?;
        check!(t, reply == Reply::Whole, "a client after four that reset is served");
    }
    check_closed(t, &server, before, resets)?;
    check!(t, server.rest()?.cpus < 0.5, "CPUs that it wants afterwards");
    Ok(())
}

/// A request that had come before its connection was accepted is answered, and nothing of the
/// connection is left behind.
#[case(
    man = ["tcp(7), TCP_DEFER_ACCEPT"],
    incident = ["nginx c83922b18", "nginx trac #1278", "nginx 7b8ed4259"],
    strength = Must,
)]
fn data_already_queued(t: &mut Trial) -> Result {
    let server = t.server()?;
    check_queued(t, &server, false)
}

/// A request that had come before its connection was accepted is answered even if the client had
/// also shut down its sending direction.
#[case(
    man = ["shutdown(2)", "epoll_ctl(2), EPOLLRDHUP"],
    incident = ["nginx c83922b18", "nginx trac #1278"],
    strength = Should,
)]
fn data_and_end_already_queued(t: &mut Trial) -> Result {
    let server = t.server()?;
    check_queued(t, &server, true)
}

/// Connections that bring their request, and with `ended` their end, before they are accepted.
fn check_queued(t: &mut Trial, server: &Server, ended: bool) -> Result {
    check!(t, server.connect(t)?.ask(t, &server.small()?)? == Reply::Whole, "one is answered");
    let before = server.descriptors_at_rest(t)?;
    let (rounds, clients) = (5, server.at_most(4));
    for _ in 0..rounds {
        server.pause(t)?;
        let mut waiting = Vec::new();
        for mut client in server.queue_up(clients)? {
            let exchange = server.small()?;
            client.send(t, &exchange.request)?;
            if ended {
                client.half_close()?;
            }
            waiting.push((client, exchange));
        }
        server.resume()?;
        for (client, exchange) in &mut waiting {
            check!(t, client.reply(t, exchange)? == Reply::Whole, "each request is answered");
        }
    }
    check_closed(t, server, before, rounds * clients)
}

/// The descriptors of connections that have ended are closed. Of half of them at least: what else a
/// server opens while it works is its own affair.
fn check_closed(t: &mut Trial, server: &Server, before: usize, connections: usize) -> Result {
    let returned = t.eventually(|| Ok(server.descriptors()? <= before + connections / 2))?;
    check!(t, returned, "the descriptors of {connections} connections are closed");
    Ok(())
}
