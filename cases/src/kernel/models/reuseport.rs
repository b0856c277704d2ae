//! A listener for each worker: who gets a connection is settled by a hash when its SYN arrives, not
//! by who has time. That is even in the long run, and blind to a worker that does nothing.

use std::collections::BTreeMap;

use harness::measure::uniform;
use harness::prelude::*;
use nix::sys::signal::{Signal, kill};

use super::{WORKERS, rest, start, workers};

/// The clients of a case: 50 for each worker.
const CLIENTS: usize = 50 * WORKERS;

/// The processes of a server with a listener each get an even share of the connections.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S33", "S35", "S36"], since = "3.9", strength = Documented)]
fn balanced(t: &mut Trial) -> Result {
    let server = start(t, "reuseport_forked")?;
    let clients = server.crowd(t, CLIENTS)?;
    let mut holders = Vec::new();
    let accepted = t.eventually(|| {
        holders = server.holders(&clients)?;
        Ok(holders.iter().flatten().count() == CLIENTS)
    })?;
    check!(t, accepted, "every connection is accepted");
    let mut shares: BTreeMap<_, u64> = workers(&server)?.ids().map(|(pid, _)| (pid, 0)).collect();
    for holder in holders.iter().flatten() {
        *shares.entry(*holder).or_default() += 1;
    }
    let counts: Vec<_> = shares.into_values().collect();
    let even = uniform(&format!("{WORKERS} workers alike: {counts:?}"), &counts)?;
    check!(t, t.stands(even)?, "the shares of the workers, {counts:?}, are those of chance");
    Ok(())
}

/// The connections that fall to a worker that is stopped wait in its queue until it goes on: no
/// other worker takes them.
#[case(man = ["socket(7), SO_REUSEPORT"], kernel = ["reuseport_select_sock"], notes = ["S22", "S33", "S36"], since = "3.9", strength = Implementation)]
fn a_stopped_worker_strands_its_queue(t: &mut Trial) -> Result {
    let server = start(t, "reuseport_forked")?;
    let (stopped, _) = workers(&server)?.ids().next().ok_or_else(|| Stop::error("no worker"))?;
    kill(stopped, Signal::SIGSTOP)?;

    let clients = server.crowd(t, CLIENTS)?;
    let running = |server: &Server| server.tasks()?.without(stopped).at_rest();
    let rested = t.eventually(|| running(&server))?;
    let stranded = server.holders(&clients)?.iter().filter(|holder| holder.is_none()).count();
    check!(t, rested && stranded > 0, "with all others at rest, some connections are not accepted");
    kill(stopped, Signal::SIGCONT)?;
    rest(t, &server)?;
    let took = server.holders(&clients)?.iter().filter(|pid| **pid == Some(stopped)).count();
    check!(t, took == stranded, "they are the ones that it accepts when it goes on");
    t.measure("connections stranded, of 200", stranded as f64)?;
    check!(t, server.connect(t)?.ask(t, &server.small()?)? == Reply::Whole, "all is well then");
    Ok(())
}
