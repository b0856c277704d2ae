//! Connections that come and go. A descriptor's number is free again at the moment in which it is
//! closed, and the next connection gets it: what a server still knows, or is still told, about the
//! old one now seems to be about the new one (epoll(7), "If using an event cache").

use std::collections::VecDeque;
use std::time::Duration;

use harness::prelude::*;

/// How many connections are open at a time.
const AT_ONCE: usize = 4;
/// How long connections are made at most: a slow server gets fewer.
const ENOUGH: Duration = Duration::from_secs(3);

/// Of thousands of connections that the server ends after one reply, while others begin, or leave
/// in the middle of a request, each gets its own reply and its end.
#[case(
    man = ["epoll(7), Possible pitfalls and ways to avoid them"],
    rfc = ["RFC 9112, 9.6"],
    incident = ["haproxy 237e6a0d6"],
    strength = Must,
)]
fn fd_reuse(t: &mut Trial) -> Result {
    let server = t.server()?;
    let (mut open, mut number) = (VecDeque::new(), 0);
    let end = t.time_left().saturating_sub(ENOUGH);
    while number < 2000 && t.time_left() > end {
        number += 1;
        let exchange = unmistakable(&server, number)?;
        let mut client = server.connect(t)?;
        if number % 5 == 0 {
            // It leaves before the last byte: what is kept of it would swallow the next request.
            client.send(t, &exchange.request[..exchange.request.len() - 1])?;
            continue;
        }
        client.send(t, &exchange.request)?;
        open.push_back((client, exchange, number % 2 == 0));
        if open.len() == server.at_most(AT_ONCE) {
            gets_its_own(t, &mut open)?;
        }
    }
    while !open.is_empty() {
        gets_its_own(t, &mut open)?;
    }
    t.measure("connections", number as f64)
}

/// A request for the last reply of a connection, which tells that it is its own: by the client's
/// own bytes if the server sends them back.
fn unmistakable(server: &Server, number: u64) -> Result<Exchange> {
    let own = format!("the bytes of client {number}");
    match server.request(Wish::Payload(own.as_bytes()), true) {
        Err(Stop::Unsupported(_)) => server.request(Wish::Small(number), true),
        other => other,
    }
}

/// The request that waits longest gets its own reply, and its connection, if its client stays, the
/// end that it asked for.
fn gets_its_own(t: &mut Trial, open: &mut VecDeque<(Client, Exchange, bool)>) -> Result {
    let Some((client, exchange, stays)) = open.pop_front() else { return Ok(()) };
    let fate = fate(t, client, &exchange, stays)?;
    check!(
        t,
        fate == (Reply::Whole, true),
        "each request gets its own reply, and its connection the end that it asked for"
    );
    Ok(())
}

/// How an exchange ends, and whether the server then ends the connection. A client that does not
/// stay is the first to end it.
fn fate(t: &Trial, mut client: Client, exchange: &Exchange, stays: bool) -> Result<(Reply, bool)> {
    let reply = client.reply(t, exchange)?;
    let ends = !stays || reply != Reply::Whole || client.ending(t)? != Ending::Open;
    Ok((reply, ends))
}
