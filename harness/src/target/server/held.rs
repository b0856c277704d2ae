//! What a server holds, and whether it comes to rest.

use std::time::{Duration, Instant};

use procfs::net::{TcpNetEntry, TcpState};

use super::{Address, Client, Idleness, Server, listening};
use crate::dialect::Exchange;
use crate::trial::{Result, Stop, Trial};
use crate::watch::{self, Sight};

/// A server that wants a whole CPU for so long never comes to rest.
const LONG: Duration = Duration::from_secs(2);
/// How many windows a server has to come to rest.
const WINDOWS: usize = 4;

impl Idleness {
    /// Whether a thread spins. One that never sleeps wants a whole CPU, however busy the machine
    /// is; a timer, even one of 10 Hz, wants a small part of one.
    pub fn spins(&self) -> bool {
        self.cpus > 0.5
    }
}

impl Server {
    /// What it does when it is through with what it was asked for: the first of some windows in
    /// which nothing of it spins, or else the calmest.
    pub fn rest(&self) -> Result<Idleness> {
        let mut calmest = self.idleness()?;
        for _ in 1..WINDOWS {
            if !calmest.spins() {
                break;
            }
            let next = self.idleness()?;
            if next.cpus < calmest.cpus {
                calmest = next;
            }
        }
        Ok(calmest)
    }

    /// Waits until all of its threads sleep: it has done what it can. Of one that never sleeps that
    /// is plain when it has wanted a whole CPU for some seconds.
    pub fn comes_to_rest(&self, t: &mut Trial) -> Result {
        let (before, start) = (self.so_far()?, Instant::now());
        let sight = Sight::here();
        t.settled(sight.word())?;
        if sight == Sight::Quiet {
            return watch::rest();
        }
        t.eventually(|| {
            let busy = || -> Result<bool> {
                let (done, time) = (self.so_far()?.since(&before), start.elapsed());
                Ok(time > LONG && done.had_turns(time) && done.cpus(time) > 0.95)
            };
            Ok(self.is_at_rest()? || busy()?)
        })?;
        Ok(())
    }

    /// Ends the trial as `unobservable` if the server spins even now, when nobody has asked it for
    /// anything: of such a server nothing is learned by what makes others spin.
    pub fn must_rest_by_nature(&self) -> Result {
        if self.rest()?.spins() {
            return Err(Stop::Unobservable(
                "it spins even with nobody to serve: server.idle.quiet is about that".to_owned(),
            ));
        }
        Ok(())
    }

    /// A client whose connection was complete at once; nothing if its listener's queue has no
    /// room for one more (listen(2)).
    pub fn knock(&self) -> Result<Option<Client>> {
        Client::knock(&self.address)
    }

    /// How many TCP connections at its address somebody holds, in whatever state (tcp(7)): those
    /// that wait to be accepted have no inode yet, and those that only the kernel still has
    /// (`TIME_WAIT`) have none any more. None over `AF_UNIX`, where that is not seen.
    pub fn connections(&self) -> Result<usize> {
        let Address::Tcp(address) = &self.address else { return Ok(0) };
        let is_one = |entry: &TcpNetEntry| {
            entry.state != TcpState::Listen
                && entry.local_address.port() == address.port()
                && entry.inode != 0
        };
        Ok(listening::tcp()?.iter().filter(|entry| is_one(entry)).count())
    }

    /// Whether a process of it has accepted a client's connection and has read all that came on
    /// it. Ends the trial as `unsupported` over `AF_UNIX`, where that is not seen.
    pub fn has_read(&self, client: &Client) -> Result<bool> {
        let accepted = self.holder(client)?.is_some();
        Ok(accepted && self.own_end(client)?.is_some_and(|end| end.unread == 0))
    }

    /// How many descriptors the process has open that takes signals for all of them.
    pub fn leader_descriptors(&self) -> Result<usize> {
        Ok(watch::Task::of_process(self.leader()?).open_descriptors()?.len())
    }

    /// Makes it reload, and waits until the process that takes the signal has woken up to it.
    pub fn reload_noticed(&self, t: &Trial) -> Result {
        let leader = watch::Task::of_process(self.leader()?);
        let before = leader.voluntary_switches()?;
        self.reload()?;
        t.eventually(|| Ok(leader.voluntary_switches()? != before))?;
        Ok(())
    }

    /// What makes the server keep bytes, and what asks for them afterwards. Ends the trial as
    /// `unsupported` if its protocol has no memory.
    pub fn keep(&self, bytes: &[u8]) -> Result<(Vec<u8>, Exchange)> {
        self.target.dialect.keep(bytes).ok_or_else(|| {
            Stop::Unsupported(format!(
                "its dialect ({}) has no way to store something",
                self.target.dialect.word()
            ))
        })
    }
}
