//! N processes, forked after `listen`, each with an epoll instance of its own. Only the one that
//! holds a lock watches the listener they share.
//!
//! ```text
//!  master: rt_sigtimedwait (a worker died? a request to stop?)
//!    ├─ fork ─▶ worker 0: lock ✓ ── epoll_wait: listener, its connections ─▶ accept ── unlock ─┐
//!    │             ▲                                                                           │
//!    │             └───────────────────── serve what was reported ◀───────────────────────────┘
//!    ├─ fork ─▶ worker 1: lock ✗ ── epoll_wait: its connections, 500 ms ── try again
//!    └─ fork ─▶ worker N: lock ✗ ── epoll_wait: its connections, 500 ms ── try again
//! ```
//!
//! The answer of nginx (`accept_mutex`) to the herd of `prefork_epoll`, from before there was
//! `EPOLLEXCLUSIVE`: one waits for connections, so one is woken. Nobody sleeps for the lock, which
//! could not be done together with sleeping for connections; who does not get it tries again when
//! it has served something, or when after 500 ms a connection waits. The lock is a record lock of
//! fcntl(2) on a file in memory: the kernel releases it if its holder dies.
//!
//! The holder gives the lock back once it has accepted, before it serves, and takes it again before
//! it sleeps. So an idle worker keeps it for ever and gets every connection, and one at work leaves
//! it to the others. (nginx tries after 500 ms whether a connection waits or not, so that there the
//! lock may also change hands in the moment in which an idle holder serves.)
//!
//! Good at: one wakeup a connection on any kernel. It breaks where the holder starts to compute
//! while the others sleep: for up to 500 ms nobody watches the listener, and connections wait. An
//! idle server is not quiet: each worker without the lock wakes twice a second.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::epoll::EpollFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::reactor::{Events, Reactor, Trigger};
use crate::socket::Listener;
use crate::stop::Stop;
use crate::{Settings, processes};

/// When a worker that did not get the lock tries again.
const AGAIN: Duration = Duration::from_millis(500);

/// A lock between processes. It is inherited over `fork`, but not held then.
struct Lock(OwnedFd);

impl Lock {
    fn new() -> io::Result<Lock> {
        Ok(Lock(memfd_create(c"accept mutex", MFdFlags::MFD_CLOEXEC)?))
    }

    /// Takes the lock, unless another process holds it (false).
    fn try_take(&self) -> io::Result<bool> {
        match self.set(libc::F_WRLCK) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives the lock back, if this process holds it.
    fn release(&self) -> io::Result<()> {
        Ok(self.set(libc::F_UNLCK)?)
    }

    fn set(&self, kind: libc::c_int) -> nix::Result<()> {
        let whole = libc::flock {
            l_type: libc::c_short::try_from(kind).unwrap_or_default(),
            // SEEK_SET; no length means to the end, wherever that is.
            l_whence: 0,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&self.0, FcntlArg::F_SETLK(&whole)).map(drop)
    }
}

/// Makes the lock, forks the workers, and minds them until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    listener.set_nonblocking()?;
    let lock = Lock::new()?;
    processes::supervise(vec![listener], settings.workers, &|listener| {
        work(&listener, &lock, settings)
    })
}

/// The loop of a worker.
fn work(listener: &Arc<Listener>, lock: &Lock, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    let mut reactor = Reactor::new(Trigger::Level, settings.limits)?;
    reactor.watch(&stop, EpollFlags::EPOLLIN)?;
    let mut events = Events::new();
    let mut stopping = false;
    let (mut holds, mut worked) = (false, true);
    while !reactor.is_done() {
        // Who has no descriptors left, and rests, leaves the lock to the others.
        if !stopping && !reactor.rests() {
            holds = (holds || worked || listener.has_waiting()) && lock.try_take()?;
            if holds {
                reactor.listen(listener, EpollFlags::EPOLLIN)?;
            } else {
                reactor.stop_listening();
                reactor.wake_by(Some(Instant::now() + AGAIN));
            }
        }
        let events = reactor.wait(&mut events)?;
        worked = events.clone().next().is_some();
        // What is accepted is not served yet, so the lock is soon free.
        if events.clone().any(|event| event.is(listener)) {
            reactor.accept();
        }
        lock.release()?;
        for event in events {
            if event.is(&stop) {
                // In the end the queue is everybody's.
                stopping = true;
                reactor.listen(listener, EpollFlags::EPOLLIN)?;
                reactor.stop(&stop);
            } else if !event.is(listener) {
                reactor.serve(event);
            }
        }
        reactor.keep_time()?;
    }
    Ok(())
}
