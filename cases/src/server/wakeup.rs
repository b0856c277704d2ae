//! Lost wakeups. A server sleeps until it is told that there is something to do, and what it is told
//! passes through many hands: the kernel's ready list, the loop's own flags, a queue to another
//! thread and the signal that it is not empty. A note that is lost on the way, or cleared a moment
//! too late, leaves a request unread and a client waiting, for ever or until the next one comes.

use std::time::Duration;

use harness::prelude::*;

/// How long requests are made at most: a slow server gets fewer.
const ENOUGH: Duration = Duration::from_secs(3);

/// Of thousands of requests, in bursts and at odd moments on many connections, each is answered.
#[case(
    incident = ["tokio #6133", "tokio #8331", "tokio #1768", "libuv #4400", "libuv #4585"],
    strength = Must,
)]
fn request_soak(t: &mut Trial) -> Result {
    let server = t.server()?;
    let mut clients = server.crowd(t, server.at_most(16))?;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut requests, end) = (0_u32, t.time_left().saturating_sub(ENOUGH));
    while requests < 3000 && t.time_left() > end {
        // The next burst begins just when the server has nothing left to do and goes to sleep.
        let (first, length) = (dice.below(clients.len()), 1 + dice.below(clients.len()));
        let mut asked = Vec::new();
        for place in first..first + length {
            let (index, exchange) = (place % clients.len(), server.small()?);
            clients[index].send(t, &exchange.request)?;
            asked.push((index, exchange));
        }
        for (index, exchange) in asked {
            let reply = server.reply(t, &mut clients[index], &exchange)?;
            check!(t, reply == Reply::Whole, "each request is answered");
            requests += 1;
        }
    }
    t.measure("requests", requests.into())
}

/// Numbers without order, the same in each trial (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or(0)
    }
}

/// A request on a quiet connection is answered while other connections keep all workers but one
/// busy: it is not passed over again and again.
#[case(incident = ["golang/go #60782", "netty #9297"], strength = Must)]
fn first_byte_while_busy(t: &mut Trial) -> Result {
    let server = t.server()?;
    let work = server.request(Wish::Work(Duration::from_millis(5)), false)?;
    let together = server.at_most(server.workers().max(2));
    if together == 1 {
        return Err(Stop::Unsupported("it holds one connection at a time".to_owned()));
    }
    let mut quiet = server.connect(t)?;
    check!(t, quiet.ask(t, &server.small()?)? == Reply::Whole, "a request is answered");
    let mut clients = vec![(quiet, server.small()?)];
    for _ in 1..together {
        let mut client = server.connect(t)?;
        check!(t, client.ask(t, &work)? == Reply::Whole, "a request is answered");
        client.send(t, &work.request)?;
        clients.push((client, work.clone()));
    }
    let mut worst = 0;
    for _ in 0..20 {
        clients[0].1 = server.small()?;
        let (end, passed_over) = others_before_the_first(t, &server, &mut clients)?;
        check!(t, end == Reply::Whole, "each request is answered");
        worst = worst.max(passed_over);
    }
    check!(t, worst <= 100, "how often another client was served before the quiet one");
    Ok(())
}

/// Sends the first client's request, and keeps the others busy until it is answered: how that
/// ended, and how often the one of the others that was served most was served in the meantime.
fn others_before_the_first(
    t: &Trial,
    server: &Server,
    clients: &mut [(Client, Exchange)],
) -> Result<(Reply, u32)> {
    let mut served = vec![0; clients.len()];
    let mut index = 0;
    loop {
        let (client, exchange) = &mut clients[index];
        client.send(t, &exchange.request)?;
        let silence = (0, Reply::Silence { received: 0 });
        let (next, reply) = server.first_reply(t, clients)?.unwrap_or(silence);
        if next == 0 || reply != Reply::Whole || served[next] > 100 {
            return Ok((reply, served.into_iter().max().unwrap_or(0)));
        }
        served[next] += 1;
        index = next;
    }
}
