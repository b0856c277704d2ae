//! What a pool of threads shares that serves one epoll instance: connections that are reported to
//! one of them at a time.
//!
//! A registration with `EPOLLONESHOT` is silent after its first report until it is armed again. So
//! whoever got the report has the connection alone, until it says itself what to report next.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use crate::connection::{Connection, LINGER, Limits, Reading, Turn};
use crate::http::{Phase, Wants};
use crate::mutants::{Fault, planted};
use crate::reactor::Event;
use crate::socket::Stream;
use crate::stop;

/// While the server stops, the reactor looks this often whether all connections are gone.
const TICK: Duration = Duration::from_millis(20);

/// A connection of a pool. The lock is never waited for: it states what `EPOLLONESHOT` grants.
pub(crate) type Shared = Arc<Mutex<Connection>>;

/// See the module.
pub(crate) struct Pool {
    epoll: Arc<Epoll>,
    limits: Limits,
    members: Mutex<Members>,
    stopping: AtomicBool,
}

struct Members {
    /// By the number of the descriptor.
    connections: BTreeMap<i32, Shared>,
    /// No connection's time runs out earlier.
    due: Option<Instant>,
    /// The server stops, and must be done by then.
    ends_by: Option<Instant>,
}

impl Pool {
    /// A pool without connections, whose reports come from `epoll`.
    pub(crate) fn new(epoll: Arc<Epoll>, limits: Limits) -> Arc<Pool> {
        let members = Members { connections: BTreeMap::new(), due: None, ends_by: None };
        let members = Mutex::new(members);
        Arc::new(Pool { epoll, limits, members, stopping: AtomicBool::new(false) })
    }

    /// Takes a connection in, to be reported once.
    pub(crate) fn add(&self, stream: Stream) {
        let number = stream.number();
        let connection = Arc::new(Mutex::new(Connection::new(stream, self.limits)));
        let mut members = self.members();
        members.connections.insert(number, connection.clone());
        members.note(lock(&connection).deadline());
        let armed = self.epoll.add(lock(&connection).stream(), armed(number, EpollFlags::EPOLLIN));
        if armed.is_err() {
            // ENOMEM or ENOSPC (epoll_ctl(2)): the connection cannot be served.
            members.connections.remove(&number);
        }
    }

    /// The connection that was reported: the caller is the only one who was told.
    pub(crate) fn find(&self, event: Event) -> Option<Shared> {
        let mut members = self.members();
        members.note(Some(Instant::now() + self.shortest()));
        members.connections.get(&event.number()).cloned()
    }

    /// Serves a connection by `work`, and arms it for what it waits for then.
    pub(crate) fn serve(&self, connection: &Shared, work: fn(&mut Connection) -> Turn) {
        loop {
            let stopping = self.stopping.load(Ordering::SeqCst);
            let mut held = lock(connection);
            if stopping {
                held.exchange.finish();
            }
            let mut turn = work(&mut held);
            if stopping {
                held.leave(Instant::now() + stop::LAST_CHANCE);
                turn = if held.exchange.wants() == Wants::Close { Turn::Close } else { turn };
            }
            self.settle(held, turn);
            // A stop that was requested meanwhile passed by a connection that was in work.
            if stopping == self.stopping.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Starts to stop. Returns the connections that nobody is serving: they need a last turn.
    pub(crate) fn stop(&self) -> Vec<Shared> {
        self.stopping.store(true, Ordering::SeqCst);
        let mut members = self.members();
        members.ends_by = Some(Instant::now() + stop::LIMIT);
        let resting = |connection: &&Shared| connection.try_lock().is_ok();
        members.connections.values().filter(resting).cloned().collect()
    }

    /// Ends what took too long. Returns when to look again.
    pub(crate) fn keep_time(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut members = self.members();
        let tick = members.ends_by.map(|_| now + TICK);
        if members.connections.is_empty() {
            members.due = None;
        }
        if members.due.is_none_or(|due| now < due) {
            return [members.due, tick].into_iter().flatten().min();
        }
        members.due = None;
        let connections: Vec<Shared> = members.connections.values().cloned().collect();
        drop(members);
        for connection in connections {
            let Ok(mut held) = connection.try_lock() else {
                // It is being served, and will have a deadline when that is over.
                self.members().note(Some(now + self.shortest()));
                continue;
            };
            if held.deadline().is_some_and(|deadline| deadline <= now) {
                held.exchange.expire();
                let turn = held.turn(Reading::Once);
                self.settle(held, turn);
            } else {
                let deadline = held.deadline();
                self.members().note(deadline);
            }
        }
        [self.members().due, tick].into_iter().flatten().min()
    }

    /// Whether a stop is complete, or has taken too long.
    pub(crate) fn is_done(&self) -> bool {
        let members = self.members();
        members.ends_by.is_some_and(|by| members.connections.is_empty() || by <= Instant::now())
    }

    /// Arms a connection again, or drops it.
    fn settle(&self, mut held: MutexGuard<Connection>, turn: Turn) {
        let number = held.stream().number();
        if turn == Turn::Close {
            self.members().connections.remove(&number);
            return;
        }
        held.keep_time(Instant::now());
        if planted(Fault::ForgetsToRearm) && held.exchange.phase() == Phase::Idle {
            return;
        }
        let interest = match held.exchange.wants() {
            // A request that waits in our own input is reported by nobody: room for its reply is.
            Wants::Write | Wants::Process => EpollFlags::EPOLLOUT,
            _ => EpollFlags::EPOLLIN,
        };
        let _ = self.epoll.modify(held.stream(), &mut armed(number, interest));
    }

    /// No deadline is ever set nearer than this.
    fn shortest(&self) -> Duration {
        self.limits.request.min(self.limits.idle).min(LINGER)
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn note(&mut self, deadline: Option<Instant>) {
        self.due = [self.due, deadline].into_iter().flatten().min();
    }
}

/// A registration for one report.
fn armed(number: i32, interest: EpollFlags) -> EpollEvent {
    EpollEvent::new(interest | EpollFlags::EPOLLONESHOT, u64::from(number.unsigned_abs()))
}

fn lock(connection: &Shared) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
