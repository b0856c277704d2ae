//! A master with one worker at a time, a `single_reactor`. At SIGHUP comes a new one, and the old
//! one finishes what it has begun. Both share one listener, which the master keeps open: what waits
//! in its queue waits for whoever is there.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollTimeout;
use nix::sys::epoll::EpollFlags;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, pipe2};

use super::{Fault, planted};
use crate::Settings;
use crate::models::single_reactor;
use crate::processes::has_hung_up;
use crate::socket::Listener;
use crate::stop::{self, Stop};
use crate::sys;

/// How often the master looks whether the queue is empty when it stops.
const AGAIN: Duration = Duration::from_millis(20);

/// Forks a worker for each generation, until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let before = SigSet::thread_get_mask()?;
    let mut signals = stop::signals();
    signals.add(Signal::SIGCHLD);
    signals.add(Signal::SIGHUP);
    signals.thread_block()?;
    listener.set_nonblocking()?;
    let mut listeners = vec![Arc::new(listener)];
    let mut pipes = Vec::new();
    let (mut worker, mut drained) = start(listeners[0].clone(), settings)?;
    let mut workers = vec![worker];
    loop {
        match sys::wait_signal(&signals, None)? {
            Some(Signal::SIGHUP) => {
                if planted(Fault::LeaksAtReload) {
                    pipes.push(pipe2(OFlag::O_CLOEXEC)?);
                }
                if planted(Fault::KeepsOldListeners) || planted(Fault::ShutsOldListeners) {
                    renew(&mut listeners)?;
                }
                let old = worker;
                // The next worker is not to have it.
                drop(drained);
                (worker, drained) = start(listeners[0].clone(), settings)?;
                workers.push(worker);
                kill(old, Signal::SIGTERM)?;
            }
            Some(Signal::SIGCHLD) => workers.retain(|worker| lives(*worker)),
            Some(_) => break,
            None => {}
        }
    }
    for worker in &workers {
        let _ = kill(*worker, Signal::SIGTERM);
    }
    while !workers.is_empty() {
        if has_hung_up(&drained, PollTimeout::ZERO) || !listeners[0].has_waiting() {
            listeners[0].shut_down();
        }
        sys::wait_signal(&signals, Some(AGAIN))?;
        workers.retain(|worker| lives(*worker));
    }
    before.thread_set_mask()?;
    Ok(())
}

/// Puts a fresh listener at the same address in the place of the first.
fn renew(listeners: &mut Vec<Arc<Listener>>) -> io::Result<()> {
    let fresh = listeners[0].sibling()?;
    fresh.set_nonblocking()?;
    let old = std::mem::replace(&mut listeners[0], Arc::new(fresh));
    if planted(Fault::ShutsOldListeners) {
        old.shut_down();
    } else {
        listeners.push(old);
    }
    Ok(())
}

/// Forks a worker. The pipe that comes with it hangs up when it accepts no more: who is in the queue
/// then could wait for ever.
fn start(listener: Arc<Listener>, settings: Settings) -> io::Result<(Pid, OwnedFd)> {
    let (drained, its) = pipe2(OFlag::O_CLOEXEC)?;
    let mut its = Some(its);
    let pid = sys::fork_worker(|| {
        listener.tell_when_drained(its.take());
        let serve = || single_reactor::run(&listener, EpollFlags::EPOLLIN, settings, &Stop::new()?);
        i32::from(serve().is_err())
    })?;
    Ok((pid, drained))
}

/// Whether a worker has not ended yet.
fn lives(worker: Pid) -> bool {
    let status = waitpid(worker, Some(WaitPidFlag::WNOHANG));
    status.map_or_else(|errno| errno != Errno::ECHILD, |status| status.pid().is_none())
}
