//! A server that is asked to stop in order finishes what it has begun. What must not happen in the
//! meantime is that it keeps its listener open and accepts from it no more: the kernel goes on
//! completing connections for it (listen(2)), and clients that could have turned to another server
//! wait. Closing the listener refuses what comes later and resets what is queued; ending the
//! process does both. So does an end without order, and it is clear at once.

use harness::prelude::*;

/// A client in the middle of a big reply, which it does not read on, or of whatever reply the
/// server has; the rest of its request, where it could not be sent, and what it waits for.
fn halfway(t: &Trial, server: &Server) -> Result<(Client, Exchange)> {
    let mut exchange = server.request(Wish::Big, false).or_else(|_| server.small())?;
    let mut client = server.connect_narrow(t)?;
    let sent = client.send_at_once(&exchange.request)?;
    exchange.request.drain(..sent);
    if !client.hears(t)? {
        return Err(Stop::error("no reply began"));
    }
    Ok((client, exchange))
}

/// Asks for connections until one is refused, or until a client is left waiting: how the last one
/// fared.
fn until_refused(t: &Trial, server: &Server) -> Result<Reply> {
    let mut last = Reply::Whole;
    t.eventually(|| {
        last = server.connect(t)?.ask(t, &server.small()?)?;
        Ok(matches!(last, Reply::NoConnection(_) | Reply::Silence { .. }))
    })?;
    Ok(last)
}

/// A client that comes after the request to stop is refused, or served; it is not left waiting
/// while an older reply is still under way.
#[case(
    man = ["listen(2)"],
    incident = ["grpc-rust #2824", "axum-server #111", "envoy #2920"],
    deadline = 30,
    strength = Must
)]
fn refuses_promptly(t: &mut Trial) -> Result {
    let server = t.server()?;
    let _halfway = halfway(t, &server)?;
    server.stop()?;

    let last = until_refused(t, &server)?;
    check!(t, !matches!(last, Reply::Silence { .. }), "how the last client fares: {last:?}");
    Ok(())
}

/// A reply that is under way when the server is asked to stop is sent to its end, and then the
/// server ends.
#[case(
    man = ["listen(2)"],
    incident = [
        "grpc-rust #2824",
        "envoy #2920",
        "haproxy #1841, #2537: it ended a minute later, or not at all"
    ],
    deadline = 30,
    strength = Should
)]
fn reply_finishes(t: &mut Trial) -> Result {
    let mut server = t.server()?;
    server.request(Wish::Big, false)?;
    let (mut client, exchange) = halfway(t, &server)?;
    server.stop()?;
    // It has taken notice of the signal when it refuses others.
    until_refused(t, &server)?;

    check!(t, client.ask(t, &exchange)? == Reply::Whole, "the reply that was under way");
    drop(client);
    check!(t, server.ends(t)?, "the server ends when it has nothing left to do");
    Ok(())
}

/// Every client that is connected or queued when the server is asked to stop gets a reply or the
/// end of its connection.
#[case(man = ["listen(2)"], incident = ["mu-server #166"], deadline = 30, strength = Must)]
fn queued_resolved(t: &mut Trial) -> Result {
    let server = t.server()?;
    let small = server.small()?;
    let mut idle = server.connect(t)?;
    check!(t, idle.ask(t, &small)? == Reply::Whole, "a client is served, and stays");
    server.await_leader()?;
    server.pause(t)?;
    let mut queued = Vec::new();
    while let Some(mut client) = server.knock()?.filter(|_| queued.len() < 16) {
        client.send_at_once(&small.request)?;
        queued.push(client);
    }
    server.stop()?;
    server.resume()?;

    for mut client in queued {
        let reply = client.reply(t, &small)?;
        check!(t, !matches!(reply, Reply::Silence { .. }), "how a queued client fares: {reply:?}");
    }
    let reply = idle.ask(t, &small)?;
    check!(t, !matches!(reply, Reply::Silence { .. }), "how a connected client fares: {reply:?}");
    Ok(())
}
