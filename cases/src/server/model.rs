//! What can be seen from outside of how a server's threads are arranged: who waits for whom.
//!
//! A request that computes for long holds the thread that processes it. With one thread that is
//! everybody's; with a thread, or process, per share of the connections it is its share's, and
//! clients that are put there wait although others are free (a turn, a hash of `SO_REUSEPORT`);
//! with a pool that takes whatever is next, nobody waits while a thread is left. And what a client
//! can know: that its `send` succeeded says that a kernel has the data, and so does TCP's own
//! acknowledgement. Only a reply says that the application had it.

use std::time::Duration;

use harness::prelude::*;

use super::text;

/// For how long a slow request computes: the longest is tried if a shorter one was over before
/// the machine came to serve others.
const SLOW: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1500)];

/// How many of `count` clients that come while one request computes are answered before it is: the
/// most of several rounds, with longer and longer requests, until `enough` were.
fn served_beside_a_slow_one(
    t: &Trial,
    server: &Server,
    count: usize,
    enough: usize,
) -> Result<usize> {
    let small = server.small()?;
    let mut most = 0;
    for time in SLOW {
        let work = server.request(Wish::Work(time), false)?;
        let mut slow = server.connect(t)?;
        slow.send(t, &work.request)?;
        if !t.eventually(|| server.has_read(&slow))? {
            return Err(Stop::error("the slow request was not read"));
        }
        let mut others = server.crowd(t, count)?;
        for other in &mut others {
            other.send(t, &small.request)?;
        }
        let mut served = 0;
        t.eventually(|| {
            let before = others.len();
            others.retain_mut(|other| !matches!(other.look(&small), Ok(Some(Reply::Whole))));
            // Only what is seen while the slow one still computes was there before its reply.
            if slow.look(&work)?.is_some() {
                return Ok(true);
            }
            served += before - others.len();
            Ok(others.is_empty())
        })?;
        most = most.max(served);
        if most >= enough {
            break;
        }
    }
    Ok(most)
}

/// While one request computes for long, others are served.
#[case(
    man = ["epoll(7)"],
    incident = ["node's guide, Don't Block the Event Loop"],
    notes = ["S18"],
    except = [
        ("nonblocking_spin", "it has one thread"),
        ("poll_loop", "it has one thread"),
        ("select_loop", "it has one thread"),
        ("signal_driven", "it has one thread"),
        ("single_reactor", "it has one thread"),
    ],
    // The longest request computes for seconds of its own, which on a busy machine are minutes.
    deadline = 240,
    strength = Should
)]
fn slow_request_stalls_not_all(t: &mut Trial) -> Result {
    let server = t.server()?;
    // A hash that puts all of them beside the slow one does so once in 2^32 runs at most.
    let count = 32;

    let served = served_beside_a_slow_one(t, &server, count, 1)?;
    t.measure("clients served beside the slow one", served as f64)?;
    check!(t, served > 0, "of {count} clients that come while a request computes, some are served");
    Ok(())
}

/// While one request computes for long, nobody else waits for it.
#[case(
    man = ["epoll(7)", "socket(7), SO_REUSEPORT"],
    incident = ["node's guide, Don't Block the Event Loop"],
    notes = ["S19", "S36"],
    except = [
        ("multi_reactor", "connections are given to workers in turn, busy or not"),
        ("nonblocking_spin", "it has one thread"),
        ("poll_loop", "it has one thread"),
        ("reuseport", "a hash gives connections to workers, busy or not"),
        ("reuseport_forked", "a hash gives connections to workers, busy or not"),
        ("select_loop", "it has one thread"),
        ("signal_driven", "it has one thread"),
        ("single_reactor", "it has one thread"),
    ],
    deadline = 240,
    strength = Should
)]
fn slow_request_stalls_nobody(t: &mut Trial) -> Result {
    let server = t.server()?;
    // So many that a hash gives the busy worker none of them once in e^16 runs, or less often.
    let count = (16 * server.workers()).min(256);

    let served = served_beside_a_slow_one(t, &server, count, count)?;
    check!(t, served == count, "of {count} clients that come while a request computes");
    Ok(())
}

/// Clients that come all at once, more than there are workers to serve them, are all answered.
#[case(
    man = ["listen(2)"],
    incident = ["a queue that drops what it cannot take, and does not tell its clients"],
    notes = ["S20"],
    strength = Must
)]
fn burst_served(t: &mut Trial) -> Result {
    let server = t.server()?;
    let work = Wish::Work(Duration::from_millis(10));
    let request = server.request(work, false).or_else(|_| server.small())?;
    server.pause(t)?;
    let mut clients = Vec::new();
    while let Some(mut client) = server.knock()?.filter(|_| clients.len() < 64 + server.workers()) {
        client.send_at_once(&request.request)?;
        clients.push(client);
    }
    server.resume()?;

    let count = clients.len();
    let mut worse = None;
    t.eventually(|| {
        for mut client in std::mem::take(&mut clients) {
            match client.look(&request)? {
                None => clients.push(client),
                Some(Reply::Whole) => {}
                Some(other) => worse = Some(other),
            }
        }
        Ok(clients.is_empty() || worse.is_some())
    })?;
    check!(t, worse.is_none(), "of {count} clients that came at once, none is refused: {worse:?}");
    check!(t, clients.is_empty(), "and none is left waiting: {}", clients.len());
    Ok(())
}

/// What the kernel of a stopped server has taken and acknowledged is not answered; it is answered
/// when the server runs, and the reply proves that it had every byte.
#[case(
    man = ["send(2)", "tcp(7), Ioctls"],
    rfc = ["RFC 9293, 3.8"],
    incident = ["a sender that takes the return of send for a receipt"],
    notes = ["S43", "S44", "S45", "S47"],
    strength = Must
)]
fn reply_proves_receipt(t: &mut Trial) -> Result {
    let server = t.server()?;
    let echo = server.request(Wish::Payload(&text(1 << 10)), false)?;
    let mut client = server.connect(t)?;
    if client.local_address().is_none() {
        return Err(Stop::Unsupported("what is acknowledged is seen over TCP only".to_owned()));
    }
    // One that is stopped in its sleep is interrupted (EINTR) when it goes on.
    server.settles(t)?;
    server.pause(t)?;
    let taken = client.send_at_once(&echo.request)?;
    check!(t, taken == echo.request.len(), "send takes the whole request of a stopped server");
    let socket = client.socket().ok_or_else(|| Stop::error("no connection"))?;
    let acknowledged = t.eventually(|| Ok(net::unacked(socket)? == 0))?;
    check!(t, acknowledged, "and all of it is acknowledged, by a kernel");
    check!(t, client.look(&echo)?.is_none(), "while there is no reply: nobody has read it");

    server.resume()?;
    check!(t, client.reply(t, &echo)? == Reply::Whole, "the server runs, and sends it all back");
    Ok(())
}
