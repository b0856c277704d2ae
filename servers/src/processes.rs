//! A master that forks its workers, replaces the ones that die, and ends them.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getppid};

use crate::socket::Listener;
use crate::{stop, sys};

/// A worker that dies younger than this is not replaced before it would have been this old: a
/// worker that cannot live must not make its master spin.
const YOUNG: Duration = Duration::from_secs(1);
/// How often workers are told to stop until they are gone: one may have been just about to sleep.
const AGAIN: Duration = Duration::from_millis(20);
/// What the workers get beyond their own limit before they are killed.
const GRACE: Duration = Duration::from_millis(500);

/// The master: it sleeps in `rt_sigtimedwait`, for a request to stop or for a dead child.
struct Master<'a> {
    work: &'a dyn Fn() -> io::Result<()>,
    /// The workers: their numbers and when they were started.
    workers: BTreeMap<Pid, (usize, Instant)>,
    /// Workers to be started, and when.
    missing: Vec<(usize, Instant)>,
}

/// Forks `count` workers, which run `work` with SIGTERM and SIGINT blocked, and keeps their number
/// until one of the two comes. Then all of them get SIGTERM, as often as it takes; what waits in
/// the queue of `listener` is theirs, and when the queue is empty nobody gets in any more. Fails
/// if the first workers cannot be forked.
pub(crate) fn supervise(
    listener: &Listener,
    count: usize,
    work: &dyn Fn() -> io::Result<()>,
) -> io::Result<()> {
    let before = SigSet::thread_get_mask()?;
    let mut signals = stop::signals();
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    let mut master = Master { work, workers: BTreeMap::new(), missing: Vec::new() };
    let result = (0..count).try_for_each(|number| master.fork(number));
    if result.is_ok() {
        master.reign(&signals)?;
    }
    master.end(&signals, listener)?;
    before.thread_set_mask()?;
    result
}

impl Master<'_> {
    /// Starts a worker.
    fn fork(&mut self, number: usize) -> io::Result<()> {
        let master = Pid::this();
        let pid = sys::fork(|| {
            let name = std::ffi::CString::new(format!("worker {number}")).unwrap_or_default();
            let _ = prctl::set_name(&name);
            // A master that is killed takes its workers along.
            let _ = prctl::set_pdeathsig(Signal::SIGTERM);
            if getppid() != master {
                return 0;
            }
            match (self.work)() {
                Ok(()) => 0,
                Err(error) => {
                    eprintln!("error: worker {number}: {error}");
                    1
                }
            }
        })?;
        self.workers.insert(pid, (number, Instant::now()));
        Ok(())
    }

    /// Keeps the number of workers until a stop is requested.
    fn reign(&mut self, signals: &SigSet) -> io::Result<()> {
        loop {
            let next = self.missing.iter().map(|(_, when)| *when).min();
            let timeout = next.map(|when| when.saturating_duration_since(Instant::now()));
            match sys::wait_signal(signals, timeout)? {
                Some(Signal::SIGCHLD) => self.reap(),
                Some(_) => return Ok(()),
                None => {}
            }
            let now = Instant::now();
            for (number, when) in std::mem::take(&mut self.missing) {
                if when > now || self.fork(number).is_err() {
                    self.missing.push((number, when.max(now + AGAIN)));
                }
            }
        }
    }

    /// Takes note of the workers that are dead.
    fn reap(&mut self) {
        let dead = |pid: &Pid| {
            let status = waitpid(*pid, Some(WaitPidFlag::WNOHANG));
            status.map_or_else(|errno| errno == Errno::ECHILD, |status| status.pid().is_some())
        };
        let gone: Vec<Pid> = self.workers.keys().copied().filter(dead).collect();
        for pid in gone {
            if let Some((number, started)) = self.workers.remove(&pid) {
                self.missing.push((number, (started + YOUNG).max(Instant::now())));
            }
        }
    }

    /// Ends the workers: by request, and at last by force.
    fn end(&mut self, signals: &SigSet, listener: &Listener) -> io::Result<()> {
        // A worker that sleeps in accept is woken by the signal; one that is about to sleep there
        // does not sleep any more.
        listener.set_nonblocking()?;
        let force = Instant::now() + stop::LIMIT + GRACE;
        let mut open = true;
        while !self.workers.is_empty() {
            let signal = if Instant::now() < force { Signal::SIGTERM } else { Signal::SIGKILL };
            for worker in self.workers.keys() {
                let _ = kill(*worker, signal);
            }
            sys::wait_signal(signals, Some(AGAIN))?;
            self.reap();
            if open && !listener.has_waiting() {
                listener.shut_down();
                open = false;
            }
        }
        Ok(())
    }
}
