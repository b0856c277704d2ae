//! What each server model relies on, seen on a server that is built by it: the reference servers
//! of ioconform, watched from outside as any other server is. A kernel that breaks a promise
//! breaks it here too, in a program and not in a laboratory.
//!
//! Every case here makes connections one at a time, and only when the whole server is asleep.

mod accepting;
mod delivery;
mod handing_over;
mod reuseport;
mod waiting;

use std::net::SocketAddr;

use harness::prelude::*;
use harness::target::{Address, Sum, Tasks};
use harness::watch::cost;
use nix::sys::signal::Signal;

/// The workers of a server.
const WORKERS: usize = 4;
/// The connections of a case: each worker could have the same share of them.
const CONNECTIONS: usize = 12;

/// Starts a reference server, and returns when it is at rest: every worker waits for its first
/// connection.
fn start(t: &mut Trial, model: &str) -> Result<Server> {
    let server = start_busy(t, model)?;
    let wanted = server.workers();
    let complete = t.eventually(|| Ok(wanted == 1 || workers(&server)?.len() == wanted))?;
    if !complete || !server.settles(t)? {
        return Err(Stop::error("the server did not come to rest with all of its workers"));
    }
    Ok(server)
}

/// Starts a reference server, which need not come to rest. Ends the trial as `unsupported` on a system
/// without the signalfd by which each of them is told to end.
fn start_busy(t: &mut Trial, model: &str) -> Result<Server> {
    super::signalfd::open(&[Signal::SIGTERM as i32])?;
    let model = servers::find(model).ok_or_else(|| Stop::error(format!("no model `{model}`")))?;
    t.start(crate::models::target(model, WORKERS))
}

/// The threads, or processes, that the model calls workers, in the order of their numbers; the one
/// thread of a model that has no more.
fn workers(server: &Server) -> Result<Tasks> {
    let all = server.tasks()?;
    if server.workers() == 1 { Ok(all) } else { all.named("worker") }
}

/// Where the server listens.
fn address(server: &Server) -> Result<SocketAddr> {
    match server.address() {
        Address::Tcp(address) => Ok(*address),
        Address::Unix(_) => Err(Stop::error("the server does not listen on TCP")),
    }
}

/// Who was woken by a connection, by the numbers of the workers, and how often all together.
type Woken = (Vec<usize>, u64);

/// Makes connections one at a time, each when the server sleeps, and tells whom each woke. No
/// request comes with them: to accept it is all that there is to do. Each is closed again before
/// the next.
fn woken_by_each(t: &mut Trial, server: &Server) -> Result<Vec<Woken>> {
    net::stay_on_this_cpu()?;
    let workers = workers(server)?;
    let mut rounds = Vec::new();
    for _ in 0..CONNECTIONS {
        let before = workers.so_far()?;
        let client = net::connect(address(server)?)?;
        rest(t, server)?;
        rounds.push(woken(&workers, &workers.so_far()?.since(&before)));
        drop(client);
        net::barrier()?;
        rest(t, server)?;
    }
    Ok(rounds)
}

/// Waits until the server has done what it was woken for.
fn rest(t: &mut Trial, server: &Server) -> Result {
    if server.settles(t)? { Ok(()) } else { Err(Stop::error("the server did not come to rest")) }
}

fn woken(workers: &Tasks, sum: &Sum) -> Woken {
    let woken = sum.woken();
    let numbers = workers.ids().enumerate().filter(|(_, (_, tid))| woken.contains(&tid.as_raw()));
    (numbers.map(|(number, _)| number).collect(), cost(sum.wakeups.values().copied()))
}

/// The fewest wakeups that one of the connections cost. A worker that has to wait for a lock as
/// well gives up its CPU once more, but not with every connection.
fn fewest(rounds: &[Woken]) -> u64 {
    rounds.iter().map(|(_, wakeups)| *wakeups).min().unwrap_or(0)
}

/// Only who was woken.
fn who(rounds: Vec<Woken>) -> Vec<Vec<usize>> {
    rounds.into_iter().map(|(woken, _)| woken).collect()
}
