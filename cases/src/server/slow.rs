//! A slow client costs a server memory, and nobody else anything, if the server waits for all of
//! its clients at once. A server that waits for one of them in `send` or `recv` (with a blocking
//! socket, or in a loop until `EAGAIN` goes away) makes everybody behind that client wait too. The
//! slow ones here stop altogether: no speed has to be measured, for whoever is served at all is
//! served past them.

use harness::prelude::*;

/// How many slow clients there are: enough to hold every worker, if one client can hold one.
fn crowd_size(server: &Server) -> usize {
    2 * server.workers() + 2
}

/// Whether clients are served past those that are slow, and how the first was answered that was
/// not.
fn others_are_served(t: &Trial, server: &Server) -> Result<Reply> {
    for _ in 0..=server.workers() {
        let reply = server.connect(t)?.ask(t, &server.small()?)?;
        if reply != Reply::Whole {
            return Ok(reply);
        }
    }
    Ok(Reply::Whole)
}

/// Clients that ask for much and do not read it keep no others from being served.
#[case(
    man = ["send(2), EAGAIN"],
    incident = ["netty #9297", "grizzly #1626", "redis 6f3767292", "frankenphp #2574"],
    except = [
        ("blocking_acceptors", "each worker serves one client to its end"),
        ("blocking_acceptors_forked", "each worker serves one client to its end"),
        ("prefork_shared_epoll", "each worker serves one client to its end"),
    ],
    strength = Must
)]
fn reader_isolated(t: &mut Trial) -> Result {
    let server = t.server()?;
    let big = server.request(Wish::Big, false)?;
    let mut readers = Vec::new();
    for _ in 0..crowd_size(&server) {
        let (mut reader, mut exchange) = (server.connect_narrow(t)?, big.clone());
        let sent = reader.send_at_once(&big.request)?;
        exchange.request.drain(..sent);
        readers.push((reader, exchange));
    }
    // It has written what it can, and waits.
    server.comes_to_rest(t)?;

    let count = readers.len();
    check!(
        t,
        others_are_served(t, &server)? == Reply::Whole,
        "clients are served beside {count} that do not read"
    );
    let (reader, exchange) = &mut readers[0];
    check!(t, reader.ask(t, exchange)? == Reply::Whole, "one of those gets its reply, at last");
    Ok(())
}

/// Clients that stop in the middle of a request keep no others from being served.
#[case(
    man = ["recv(2), EAGAIN"],
    incident = ["the attack called Slowloris, 2009: headers that never end"],
    except = [
        ("blocking_acceptors", "each worker serves one client to its end"),
        ("blocking_acceptors_forked", "each worker serves one client to its end"),
        ("prefork_shared_epoll", "each worker serves one client to its end"),
    ],
    strength = Must
)]
fn sender_isolated(t: &mut Trial) -> Result {
    let server = t.server()?;
    let small = server.small()?;
    let (half, rest) = small.request.split_at(small.request.len() / 2);
    let mut senders = server.crowd(t, crowd_size(&server))?;
    for sender in &mut senders {
        sender.send(t, half)?;
    }
    server.comes_to_rest(t)?;

    let count = senders.len();
    check!(
        t,
        others_are_served(t, &server)? == Reply::Whole,
        "clients are served beside {count} that have stopped in their requests"
    );
    for sender in &mut senders {
        for byte in rest {
            sender.send(t, &[*byte])?;
        }
        check!(t, sender.reply(t, &small)? == Reply::Whole, "those are answered when they go on");
    }
    Ok(())
}
