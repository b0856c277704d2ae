//! The thundering herd: many workers wait for connections on one listener, one connection arrives,
//! and more than one of them is woken. Most of those that find nothing go back to sleep inside the
//! kernel, where counting the returns of their calls does not see them; what shows the herd is
//! which of them had to give up the CPU again.
//!
//! Every case here connects clients one at a time, and only when the whole crew is asleep.

mod blocking;
mod epoll_each;
mod epoll_shared;
mod folklore;
mod lock;
mod mixed;
mod poll;
mod readers;
mod ready;
mod reuseport;
mod source;
mod too_early;

use harness::prelude::*;
use harness::watch::cost;

/// The workers of a crew.
const WORKERS: usize = 6;
/// The connections of a case: each worker could have the same share of them.
const CONNECTIONS: u32 = 18;

/// Which workers each connection woke, if it is to be `wakeups` of them, each only once.
///
/// A worker that has to wait for a lock as well gives up its CPU once more. That does not happen
/// with every connection, so the fewest wakeups of one are what the arrangement itself costs.
fn woken_by_each(
    t: &mut Trial,
    wakeups: usize,
    crew: &Crew,
    listener: &TcpListener,
) -> Result<Vec<Vec<usize>>> {
    let (woken, sums): (Vec<_>, Vec<_>) = connect_each(t, crew, listener)?.into_iter().unzip();
    check!(
        t,
        sums.iter().min() == Some(&(wakeups as u64)),
        "the fewest wakeups that a connection costs, of {sums:?}"
    );
    Ok(woken)
}

/// Connects clients one at a time, each when all of `crew` sleeps, and returns for each which
/// workers it woke, and how many wakeups that were. Every connection is taken by somebody, and by
/// one worker only.
fn connect_each(
    t: &mut Trial,
    crew: &Crew,
    listener: &TcpListener,
) -> Result<Vec<(Vec<usize>, u64)>> {
    net::stay_on_this_cpu()?;
    crew.settle(t)?;
    let start = crew.counts()?;
    let (mut before, mut rounds) = (start.clone(), Vec::new());
    for connection in 1..=u64::from(CONNECTIONS) {
        let _client = net::connect(listener.local_addr()?)?;
        check!(t, crew.wait_for(t, connection)?, "every connection is accepted");
        crew.settle(t)?;
        let after = crew.counts()?;
        let round = after.since(&before);
        rounds.push((round.woken(), cost(round.wakeups.iter().copied())));
        before = after;
    }
    let sum = before.since(&start);
    let per_connection = |counts: &[u64]| -> Result<f64> {
        let sum = u32::try_from(counts.iter().sum::<u64>())?;
        Ok(f64::from(sum) / f64::from(CONNECTIONS))
    };
    t.measure("wakeups per connection", per_connection(&sum.wakeups)?)?;
    t.measure("returns per connection", per_connection(&sum.returned)?)?;
    check!(
        t,
        crew.taken() == u64::from(CONNECTIONS),
        "each of {CONNECTIONS} connections was accepted once"
    );
    Ok(rounds)
}

/// What a worker of a blocking server does: accept, and accept again.
fn accept_for_ever(worker: Worker, listener: &TcpListener) -> Result {
    loop {
        listener.accept()?;
        worker.returned();
        worker.took();
    }
}

/// What a worker of an event-driven server does: wait, accept all that is there, wait again.
fn serve(worker: Worker, listener: &TcpListener, wait: impl Fn() -> nix::Result<()>) -> Result {
    loop {
        wait()?;
        worker.returned();
        while listener.accept().is_ok() {
            worker.took();
        }
    }
}

/// The same with `epoll_wait`.
fn serve_with(worker: Worker, listener: &TcpListener, epoll: &Epoll) -> Result {
    serve(worker, listener, || epoll.wait_one().map(drop))
}

/// A nonblocking listener, for workers that are told of connections and race for them.
fn nonblocking_listener() -> Result<TcpListener> {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Every worker, for each connection.
fn everybody() -> Vec<Vec<usize>> {
    (0..CONNECTIONS).map(|_| (0..WORKERS).collect()).collect()
}

/// The same single worker for each connection.
fn always(worker: usize) -> Vec<Vec<usize>> {
    (0..CONNECTIONS).map(|_| vec![worker]).collect()
}

/// One worker for each connection, in turn.
fn in_turn() -> Vec<Vec<usize>> {
    (0..CONNECTIONS as usize).map(|connection| vec![connection % WORKERS]).collect()
}
