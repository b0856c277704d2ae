//! A client that will send nothing more may say so with `shutdown(SHUT_WR)` and go on to receive:
//! its FIN ends one direction (RFC 9293, 3.6; shutdown(2)). The server sees `read` return 0 and
//! `EPOLLRDHUP`, which is a level and not an event: it is reported again and again until the
//! connection is closed, whatever the server does. A server that takes the half for the whole
//! loses the reply; one that neither reads nor stops watching spins.

use harness::prelude::*;

use super::midway;

/// A client that ends its sending direction behind its request gets the whole reply.
#[case(
    rfc = ["RFC 9293, 3.6"],
    incident = [
        "vanilla #103",
        "hyper #1981: half_close has to be asked for since 0.13",
        "nginx e56ba2315: proxy_half_close",
    ],
    strength = Should
)]
fn reply_delivered(t: &mut Trial) -> Result {
    let server = t.server()?;
    if server.target().dialect.ends_by_half_close() {
        return Err(Stop::Unsupported("it must: see server.halfclose.end_of_request".to_owned()));
    }
    let exchange = server.request(Wish::Big, false).or_else(|_| server.small())?;
    let mut client = server.connect_narrow(t)?;
    client.send(t, &exchange.request)?;
    client.half_close()?;
    // It has sent what the client's kernel takes, and knows of the half-close.
    server.comes_to_rest(t)?;

    check!(
        t,
        client.reply(t, &exchange)? == Reply::Whole,
        "the reply to the last request of a client that listens on"
    );
    Ok(())
}

/// Where a client's end is the protocol's only word for the end, the whole reply comes, and then
/// the server's end.
#[case(
    rfc = ["RFC 9293, 3.6"],
    incident = ["nginx e56ba2315: the stream module passed no half-close on before proxy_half_close"],
    strength = Must
)]
fn end_of_request(t: &mut Trial) -> Result {
    let server = t.server()?;
    let dialect = &server.target().dialect;
    if !dialect.ends_by_half_close() {
        let word = dialect.word();
        return Err(Stop::Unsupported(format!("its dialect ({word}) tells where a request ends")));
    }
    let exchange = server.request(Wish::Big, false).or_else(|_| server.small())?;
    let mut client = server.connect(t)?;

    check!(t, client.ask_last(t, &exchange)? == Reply::Whole, "the reply to all that was sent");
    check!(t, client.ending(t)? == Ending::Closed, "and behind it the server's end");
    Ok(())
}

/// A client that has ended its sending direction and does not read its reply, or has gone in the
/// middle of it, does not keep the server busy.
#[case(
    man = ["epoll_ctl(2), EPOLLRDHUP"],
    incident = [
        "nginx 39386c951",
        "mio #933: the end of one direction was reported as the end of both",
        "hyper #1764: 100% CPU on a client's disconnection",
        "bun #37920: EPOLLHUP over AF_UNIX",
    ],
    strength = Must
)]
fn no_spin(t: &mut Trial) -> Result {
    let server = t.server()?;
    let big = server.request(Wish::Big, false)?;
    server.must_rest_by_nature()?;
    drop(midway(t, &server, &big)?);
    let half = midway(t, &server, &big)?;
    half.half_close()?;

    let cpus = server.rest()?.cpus;
    check!(t, cpus < 0.5, "CPUs that it wants with two replies that nobody reads");
    Ok(())
}

/// A client that ends its sending direction in the middle of a request does not keep the server
/// busy.
#[case(
    man = ["epoll_ctl(2), EPOLLRDHUP"],
    incident = ["nginx 39386c951", "tokio #449: a wait for data that can never come"],
    strength = Must
)]
fn unfinished_no_spin(t: &mut Trial) -> Result {
    let server = t.server()?;
    let small = server.small()?;
    server.must_rest_by_nature()?;
    let (nothing, mut half) = (server.connect(t)?, server.connect(t)?);
    half.send(t, &small.request[..small.request.len() / 2])?;
    nothing.half_close()?;
    half.half_close()?;

    let cpus = server.rest()?.cpus;
    check!(t, cpus < 0.5, "CPUs that it wants with requests that are never finished");
    Ok(())
}
