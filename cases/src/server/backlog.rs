//! The kernel completes connections for a listener whether or not anybody accepts, and keeps them
//! in a queue that `listen(2)` gives its length, cut by `net.core.somaxconn`. When the queue is
//! full the SYN of the next client is dropped without a word, and is sent again after a second.
//! None of that is told to the server: it finds a full queue when it comes back, and a report of
//! readiness, one, that it must not spend on a single `accept`.

use harness::prelude::*;

/// How long the queue can get: `somaxconn` of the trial's own network.
const QUEUE: usize = 16;

/// When the accept queue has overflowed, every client in it is answered or closed, and those that
/// come later are served.
#[case(
    man = ["listen(2)"],
    kernel = ["tcp_conn_request", "Documentation/networking/ip-sysctl.rst, somaxconn"],
    incident = ["the edge of a full queue, spent on one accept: what is left waits for the next client"],
    needs = [Need::PrivateNet],
    strength = Must
)]
fn overflow_recovers(t: &mut Trial) -> Result {
    net::set_sysctl("core/somaxconn", QUEUE)?;
    let server = t.server()?;
    let small = server.small()?;
    server.pause(t)?;
    let (mut clients, mut refused) = (Vec::new(), 0);
    while refused < QUEUE && clients.len() < 64 * QUEUE {
        match server.knock()? {
            Some(mut client) => {
                client.send_at_once(&small.request)?;
                clients.push(client);
            }
            None => refused += 1,
        }
    }
    server.resume()?;

    check!(t, refused == QUEUE, "the queue overflows behind {} clients", clients.len());
    for mut client in clients {
        let reply = client.reply(t, &small)?;
        let resolved = matches!(reply, Reply::Whole | Reply::Closed { .. });
        check!(t, resolved, "how a client of the full queue fares: {reply:?}");
    }
    let reply = server.connect(t)?.ask(t, &small)?;
    check!(t, reply == Reply::Whole, "the reply to a client that comes later");
    Ok(())
}
