//! A master that forks its workers, replaces the ones that die, and ends them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, alarm, pipe2};

use crate::socket::Listener;
use crate::{stop, sys};

/// A worker that dies younger than this is not replaced before it would have been this old: a
/// worker that cannot live must not make its master spin.
const YOUNG: Duration = Duration::from_secs(1);
/// How often workers are told to stop until they are gone: one may have been just about to sleep.
const AGAIN: Duration = Duration::from_millis(20);
/// What the workers get beyond their own limit before they are killed.
const GRACE: Duration = Duration::from_millis(500);

/// What a worker does with its listener. It drops the pipe once the next worker may be forked.
type Work<'a> = dyn Fn(Arc<Listener>, OwnedFd) -> io::Result<()> + 'a;

/// The master: it sleeps in `rt_sigtimedwait`, for a request to stop or for a dead child.
struct Master<'a> {
    listeners: Vec<Listener>,
    work: &'a Work<'a>,
    /// The workers: their numbers, when they were started, and what hangs up when they have
    /// accepted for the last time.
    workers: BTreeMap<Pid, (usize, Instant, OwnedFd)>,
    /// Workers to be started, and when.
    missing: Vec<(usize, Instant)>,
}

/// Forks `count` workers, which run `work` with SIGTERM and SIGINT blocked, and keeps their number
/// until one of the two comes. Then all of them get SIGTERM, as often as it takes; what waits in
/// the queue of a listener is theirs, and when the queue is empty nobody gets in any more.
///
/// The workers share the one listener, or have one each: those of the others are closed in a
/// worker. All stay open in the master, so that a queue outlives a worker. Fails if the first
/// workers cannot be forked.
pub(crate) fn supervise(
    listeners: Vec<Listener>,
    count: usize,
    work: &dyn Fn(Arc<Listener>) -> io::Result<()>,
) -> io::Result<()> {
    supervise_in_order(listeners, count, &|listener, pipe| {
        drop(pipe);
        work(listener)
    })
}

/// The same, for workers that must get somewhere one after the other: each is forked when the one
/// before has dropped its pipe, or has died.
pub(crate) fn supervise_in_order(
    listeners: Vec<Listener>,
    count: usize,
    work: &Work,
) -> io::Result<()> {
    let before = SigSet::thread_get_mask()?;
    let mut signals = stop::signals();
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    let mut master = Master { listeners, work, workers: BTreeMap::new(), missing: Vec::new() };
    let result = (0..count).try_for_each(|number| master.fork(number));
    if result.is_ok() {
        master.reign(&signals)?;
    }
    master.end(&signals)?;
    before.thread_set_mask()?;
    result
}

/// For a worker that sleeps where no signalfd can be watched: from now on SIGTERM ends its sleep,
/// and sets what is returned. The signal may come just before the sleep, so it is followed by an
/// alarm each second, until the worker has left. SIGINT is left to the master.
pub(crate) fn interrupted_by_stop() -> io::Result<&'static AtomicBool> {
    extern "C" fn stop(_: i32) {
        stop::TAKEN.store(true, Ordering::SeqCst);
        alarm::set(1);
    }
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGALRM] {
        sys::interrupt_by(signal, stop)?;
        signals.add(signal);
    }
    signals.thread_unblock()?;
    Ok(&stop::TAKEN)
}

impl Master<'_> {
    /// Starts a worker, and waits until the next one may be started.
    fn fork(&mut self, number: usize) -> io::Result<()> {
        // Nothing is written: a pipe hangs up when the worker drops its side, or dies.
        let (ready, its_ready) = pipe2(OFlag::O_CLOEXEC)?;
        let (drained, its_drained) = pipe2(OFlag::O_CLOEXEC)?;
        let mut its = Some((its_ready, its_drained));
        let pid = sys::fork_worker(|| match its.take().map(|its| self.live(number, its)) {
            Some(Err(error)) => {
                eprintln!("error: worker {number}: {error}");
                1
            }
            _ => 0,
        })?;
        drop(its);
        self.workers.insert(pid, (number, Instant::now(), drained));
        has_hung_up(&ready, stop::round_up(stop::LIMIT));
        Ok(())
    }

    /// The life of a worker, in its process.
    fn live(&mut self, number: usize, (ready, drained): (OwnedFd, OwnedFd)) -> io::Result<()> {
        let name = std::ffi::CString::new(format!("worker {number}")).unwrap_or_default();
        let _ = prctl::set_name(&name);
        let listener = {
            let mut listeners = std::mem::take(&mut self.listeners);
            listeners.swap_remove(number.min(listeners.len() - 1))
        };
        listener.tell_when_drained(Some(drained));
        (self.work)(Arc::new(listener), ready)
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

    /// Whether the queue of a listener was empty at some moment after the stop: a worker that has
    /// left saw it so. Whoever came later could wait for a worker that never looks again.
    fn was_emptied(&self, listener: usize) -> bool {
        let shared = self.listeners.len() == 1;
        let drained = self.workers.values().filter_map(|(number, _, drained)| {
            has_hung_up(drained, PollTimeout::ZERO).then_some(*number)
        });
        let dead = self.missing.iter().map(|(number, _)| *number);
        drained.chain(dead).any(|number| shared || number == listener)
    }

    /// Takes note of the workers that are dead.
    fn reap(&mut self) {
        let dead = |pid: &Pid| {
            let status = waitpid(*pid, Some(WaitPidFlag::WNOHANG));
            status.map_or_else(|errno| errno == Errno::ECHILD, |status| status.pid().is_some())
        };
        let gone: Vec<Pid> = self.workers.keys().copied().filter(dead).collect();
        for pid in gone {
            if let Some((number, started, _)) = self.workers.remove(&pid) {
                self.missing.push((number, (started + YOUNG).max(Instant::now())));
            }
        }
    }

    /// Ends the workers: by request, and at last by force.
    fn end(&mut self, signals: &SigSet) -> io::Result<()> {
        // A worker that sleeps in accept is woken by the signal; one that is about to sleep there
        // does not sleep any more.
        for listener in &self.listeners {
            listener.set_nonblocking()?;
        }
        let force = Instant::now() + stop::LIMIT + GRACE;
        self.missing.clear();
        while !self.workers.is_empty() {
            let signal = if Instant::now() < force { Signal::SIGTERM } else { Signal::SIGKILL };
            for worker in self.workers.keys() {
                let _ = kill(*worker, signal);
            }
            sys::wait_signal(signals, Some(AGAIN))?;
            self.reap();
            for (index, listener) in self.listeners.iter().enumerate() {
                // One that is shut down reports POLLHUP.
                if self.was_emptied(index) || !listener.has_waiting() {
                    listener.shut_down();
                }
            }
        }
        Ok(())
    }
}

/// Waits until the other side of a pipe is gone; whether it is.
pub(crate) fn has_hung_up(pipe: &OwnedFd, limit: PollTimeout) -> bool {
    let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, limit).is_ok_and(|count| count > 0)
}
