//! A server with nothing to do should do nothing: its threads sleep in the kernel until somebody
//! sends something. A wait whose time-out has become 0, a descriptor that is always ready and
//! never read, or a timer that is always due make it turn in circles instead, and nobody notices
//! but the machine's other users. What shows it is the CPU that its threads want, and how often
//! they are woken.

use std::time::Instant;

use harness::prelude::*;

/// How many clients are connected, and ask for nothing.
const CLIENTS: usize = 32;
/// How many windows of half a second a server has to come to rest.
const WINDOWS: usize = 4;

/// A server with clients that ask for nothing.
fn idle_server(t: &mut Trial) -> Result<(Server, Vec<Client>)> {
    let server = t.server()?;
    let mut clients = server.crowd(t, CLIENTS)?;
    check!(t, clients[0].ask(t, &server.small()?)? == Reply::Whole, "the first client is served");
    Ok((server, clients))
}

/// With clients that ask for nothing, no thread spins.
#[case(
    man = ["epoll_wait(2)"],
    incident = [
        "redis 175a9e319: a timer of its event loop",
        "libuv 51a22f60d",
        "haproxy b4734c2bd: an error of a connect that was reported for ever",
    ],
    except = [("nonblocking_spin", "asking again and again is all that it does")],
    strength = Must
)]
fn quiet(t: &mut Trial) -> Result {
    let (server, _clients) = idle_server(t)?;

    let idleness = server.rest()?;
    check!(t, idleness.cpus < 0.5, "CPUs that it wants with {CLIENTS} idle clients");
    Ok(())
}

/// With clients that ask for nothing, no thread is woken more than 20 times a second.
#[case(
    man = ["epoll_wait(2)"],
    incident = ["redis 175a9e319", "libuv 51a22f60d"],
    strength = Should
)]
fn few_wakeups(t: &mut Trial) -> Result {
    let (server, _clients) = idle_server(t)?;
    server.comes_to_rest(t)?;

    // The first of some windows in which it holds: some servers come to rest by and by.
    let mut most = f64::INFINITY;
    for _ in 0..WINDOWS {
        let (before, start) = (server.so_far()?, Instant::now());
        server.idleness()?;
        let wakeups = server.so_far()?.since(&before).wakeups;
        let max = wakeups.into_values().max().unwrap_or(0) as f64;
        most = most.min(max / start.elapsed().as_secs_f64());
        if most <= 20.0 {
            break;
        }
    }
    check!(t, most <= 20.0, "wakeups per second of the thread that is woken most often");
    Ok(())
}
