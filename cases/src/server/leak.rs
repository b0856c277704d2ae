//! A connection can end in many ways, and each is another path through a server: a FIN or a reset,
//! before, within or behind a request, with a reply under way or none. A path that forgets to
//! close leaves a descriptor behind, and after enough of them `accept` fails with `EMFILE`. Of the
//! connection itself the kernel tells: in `CLOSE_WAIT` the peer has ended and the owner has not
//! (RFC 9293, 3.3.2).

use harness::prelude::*;

/// How many clients end in each way.
const CLIENTS: usize = 12;
/// The ways in which they end.
const WAYS: usize = 8;

/// Clients that come, and end in each of the ways.
fn come_and_go(t: &Trial, server: &Server) -> Result {
    let small = server.small()?;
    let half = &small.request[..small.request.len() / 2];
    let big = server.request(Wish::Big, false).or_else(|_| server.small())?;
    for _ in 0..CLIENTS {
        for way in 0..WAYS {
            let mut client = server.connect_narrow(t)?;
            let request = match way / 2 {
                0 => b"",
                1 => half,
                2 => &small.request[..],
                _ => &big.request[..],
            };
            client.send_at_once(request)?;
            if way / 2 >= 2 {
                client.hears(t)?;
            }
            if way % 2 == 0 {
                client.reset()?;
            } else {
                client.half_close()?;
            }
        }
    }
    Ok(())
}

/// When all clients have ended, in whatever way, the server holds nothing of them.
#[case(
    man = ["accept(2), EMFILE"],
    rfc = ["RFC 9293, 3.3.2"],
    incident = [
        "nginx 39b84d7a5, #2367: a read of exactly what was there left no timer",
        "nginx 16168dcb0: connections stuck without timers",
        "redis 905e28ee8: closed clients were kept while it loaded",
    ],
    strength = Must
)]
fn fd_returns_to_baseline(t: &mut Trial) -> Result {
    let server = t.server()?;
    // The first round is for what a server makes when it is first needed, and keeps.
    let mut before = 0;
    for _ in 0..2 {
        before = server.descriptors_at_rest(t)?;
        come_and_go(t, &server)?;
        let gone = t.eventually(|| Ok(server.connections()? == 0))?;
        check!(t, gone, "of {} connections that have ended none is held", WAYS * CLIENTS);
    }
    let mut open = 0;
    let few = t.eventually(|| {
        open = server.descriptors()?;
        Ok(open < before + CLIENTS / 2)
    })?;
    t.measure("descriptors before", before as f64)?;
    t.measure("descriptors after", open as f64)?;
    check!(
        t,
        few,
        "and its descriptors, {before} before, are not more by one a connection: {open}"
    );
    Ok(())
}
