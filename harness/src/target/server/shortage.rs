//! A server that has run out of descriptors.
//!
//! `accept` fails with `EMFILE` then, and the connection stays in the queue: an event loop is told
//! of it again at once, and for ever. `RLIMIT_NOFILE` bounds the *number* of a descriptor
//! (getrlimit(2)), and a new one gets the lowest number that is free: what counts are the gaps
//! between those that are open.

use nix::unistd::Pid;

use super::{Address, Client, Server, listening};
use crate::sys::process;
use crate::trial::{Result, Trial};
use crate::watch::Task;

/// How many clients wait in vain. Few, as they do so in the server's queue: some servers ask for
/// one of five.
const WAITING: usize = 4;

/// A shortage of descriptors: the clients that wait for one, and what the limits were.
#[derive(Debug)]
pub struct Shortage {
    clients: Vec<Client>,
    limits: Vec<(Pid, u64)>,
}

impl Server {
    /// Leaves no process that listens a further descriptor for the last of some clients, once the
    /// server is at rest. Before it rests it may not have started all of its processes. They get
    /// one limit, as in life: a parent that answers nobody needs room for a new child, and the
    /// child must not have less than the one before it.
    ///
    /// Each client sends the first byte of a request: where `TCP_DEFER_ACCEPT` is set (tcp(7)), one
    /// that sends nothing is not there yet.
    pub fn run_out_of_descriptors(&self, t: &mut Trial) -> Result<Shortage> {
        self.must_settle(t)?;
        let mut listening = Vec::new();
        for pid in self.own_processes("lower its limit of descriptors")? {
            if self.listens(pid)? {
                listening.push((pid, Task::of_process(pid).open_descriptors()?));
            }
        }
        let limit = listening.iter().map(|(_, open)| lowest_free(open)).max().unwrap_or(0);
        let room: usize = listening.iter().map(|(_, open)| free_below(limit, open)).sum();
        let pids = listening.iter().map(|(pid, _)| (*pid, u64::from(limit.unsigned_abs())));
        let limits = set_limits(&pids.collect::<Vec<_>>())?;
        // A thread that sleeps in accept holds a descriptor already, which nothing shows: clients
        // that pass by make each come back for the next.
        let passing = 2 * self.workers();
        let mut clients = self.queue_up(passing + room + WAITING)?;
        let first = self.small()?.request[..1].to_vec();
        for client in &mut clients {
            client.send_at_once(&first)?;
        }
        clients.drain(..passing.min(clients.len()));
        Ok(Shortage { clients, limits })
    }

    /// Takes the clients away, and gives the processes the limits that they had; those that came in
    /// between get that of the first.
    pub fn end_shortage(&self, shortage: Shortage) -> Result {
        drop(shortage.clients);
        let first = shortage.limits.first().map_or(0, |(_, limit)| *limit);
        let known = |pid| shortage.limits.iter().find(|(known, _)| *known == pid);
        let mut limits = Vec::new();
        for pid in self.processes()? {
            if known(pid).is_some() || self.listens(pid)? {
                limits.push((pid, known(pid).map_or(first, |(_, limit)| *limit)));
            }
        }
        set_limits(&limits)?;
        Ok(())
    }

    /// Whether a process has the server's listener.
    fn listens(&self, pid: Pid) -> Result<bool> {
        let same = |found: &Address| match (found, &self.address) {
            (Address::Tcp(found), Address::Tcp(own)) => found.port() == own.port(),
            (found, own) => found == own,
        };
        Ok(listening::addresses(&[pid])?.iter().any(same))
    }
}

/// Sets the limits of descriptors of some processes, and returns what they were.
fn set_limits(limits: &[(Pid, u64)]) -> Result<Vec<(Pid, u64)>> {
    let set = |(pid, limit): &(Pid, u64)| Ok((*pid, process::limit_descriptors(*pid, *limit)?));
    limits.iter().map(set).collect()
}

/// The number that the next descriptor of a process gets.
fn lowest_free(open: &[i32]) -> i32 {
    (0..i32::MAX).find(|number| !open.contains(number)).unwrap_or(i32::MAX)
}

/// How many numbers below a limit are free.
fn free_below(limit: i32, open: &[i32]) -> usize {
    (0..limit).filter(|number| !open.contains(number)).count()
}
