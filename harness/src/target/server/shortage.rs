//! A server that has run out of descriptors.
//!
//! `accept` fails with `EMFILE` then, and the connection stays in the queue: an event loop is told
//! of it again at once, and for ever. `RLIMIT_NOFILE` bounds the *number* of a descriptor
//! (getrlimit(2)), so that it is the highest open one that counts, and the gaps below it.

use nix::unistd::Pid;

use super::{Client, Server};
use crate::sys::process;
use crate::target::Ending;
use crate::trial::{Result, Stop, Trial};
use crate::watch::Task;

/// How many clients the server has no descriptor for, at least. Few, as they wait in its queue:
/// some servers ask for one of five.
const WAITING: usize = 4;

/// A shortage of descriptors: the clients that brought it about, and what the limits were.
#[derive(Debug)]
pub struct Shortage {
    clients: Vec<Client>,
    limits: Vec<(Pid, u64)>,
}

impl Server {
    /// Leaves each process one descriptor, and connects more clients than that is enough for.
    /// Returns when a process has none left, or has ended of it. Ends the trial as `unobservable`
    /// if that does not come about: a server cannot fail at what does not happen to it.
    pub fn run_out_of_descriptors(&self, t: &Trial) -> Result<Shortage> {
        let limits = self.leave_one_descriptor()?;
        // A thread that sleeps in accept holds a descriptor already, which nothing shows: each has
        // to come back for the next.
        for _ in 0..2 * self.workers() {
            let mut passing = self.connect(t)?;
            passing.half_close()?;
            if passing.ending(t)? == Ending::Open {
                break;
            }
        }
        let room: usize = self.processes()?.into_iter().filter_map(free_descriptors).sum();
        let clients = self.queue_up(room + WAITING)?;
        let suffers = |(pid, _): &(Pid, u64)| free_descriptors(*pid).is_none_or(|free| free == 0);
        if t.eventually(|| Ok(limits.iter().any(suffers)))? {
            Ok(Shortage { clients, limits })
        } else {
            let why = "no process of it came to have its last descriptor in use";
            Err(Stop::Unobservable(why.to_owned()))
        }
    }

    /// Takes the clients away, and gives its processes the limits that they had; those that came
    /// in between get that of the first.
    pub fn end_shortage(&self, shortage: Shortage) -> Result {
        drop(shortage.clients);
        let first = shortage.limits.first().map_or(0, |(_, limit)| *limit);
        let known = |pid| shortage.limits.iter().find(|(known, _)| *known == pid);
        let processes = self.processes()?.into_iter();
        let limits: Vec<_> =
            processes.map(|pid| (pid, known(pid).map_or(first, |(_, limit)| *limit))).collect();
        set_descriptor_limits(&limits)?;
        Ok(())
    }

    /// Lets each of its processes open one more descriptor, and returns what the limits were.
    fn leave_one_descriptor(&self) -> Result<Vec<(Pid, u64)>> {
        let mut limits = Vec::new();
        for pid in self.own_processes("lower its limit of descriptors")? {
            let open = Task::of_process(pid).open_descriptors()?;
            let highest = open.last().copied().unwrap_or(2).unsigned_abs();
            limits.push((pid, u64::from(highest) + 2));
        }
        set_descriptor_limits(&limits)
    }
}

/// Sets the limits of descriptors of processes, and returns what they were.
fn set_descriptor_limits(limits: &[(Pid, u64)]) -> Result<Vec<(Pid, u64)>> {
    let set = |(pid, limit): &(Pid, u64)| Ok((*pid, process::limit_descriptors(*pid, *limit)?));
    limits.iter().map(set).collect()
}

/// How many more descriptors a process may open; nothing if it is gone.
fn free_descriptors(pid: Pid) -> Option<usize> {
    let limit = process::descriptor_limit(pid).ok()?;
    let open = Task::of_process(pid).open_descriptors().ok()?;
    let below = open.iter().filter(|number| u64::from(number.unsigned_abs()) < limit).count();
    Some(usize::try_from(limit).ok()?.saturating_sub(below))
}
