//! Writing to a connection whose peer is gone fails with `EPIPE` or `ECONNRESET`, and with `EPIPE`
//! comes a signal that ends the process if nobody has said otherwise: `SIGPIPE` (send(2),
//! `MSG_NOSIGNAL`; signal(7)). After a plain reset the first write gets `ECONNRESET` and no signal;
//! the signal comes with the next one, or with the first if the peer had ended its own direction
//! before.

use harness::prelude::*;

/// How many clients vanish.
const CLIENTS: usize = 16;

/// Clients that vanish in the middle of a reply end no process of the server, and the next client
/// is served.
#[case(
    man = ["send(2), MSG_NOSIGNAL", "signal(7), SIGPIPE"],
    incident = ["opentelemetry-cpp #4293", "NEAT #237", "swifter #269"],
    strength = Must
)]
fn peer_gone_survives(t: &mut Trial) -> Result {
    let server = t.server()?;
    let big = server.request(Wish::Big, false)?;
    let mut writers = std::collections::BTreeSet::new();
    for number in 0..CLIENTS {
        let before = server.processes()?;
        let mut client = server.connect_narrow(t)?;
        client.send_at_once(&big.request)?;
        if !client.hears(t)? {
            break;
        }
        if client.local_address().is_some() {
            // A process that was made for this client may end with it.
            writers.extend(server.holder(&client)?.filter(|pid| before.contains(pid)));
        }
        if number % 2 == 0 {
            client.half_close()?;
        }
        client.reset()?;
    }
    server.comes_to_rest(t)?;

    let alive = server.processes()?;
    let dead = writers.iter().filter(|pid| !alive.contains(pid)).count();
    check!(t, dead == 0, "processes that died of {CLIENTS} clients that vanished");
    let reply = server.connect(t)?.ask(t, &server.small()?)?;
    check!(t, reply == Reply::Whole, "the reply to the next client");
    Ok(())
}
