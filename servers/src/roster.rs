//! The connections of one thread that asks for readiness anew each time, or for nothing at all.
//!
//! What a [`Reactor`](crate::reactor) is for epoll, without the registrations: who is watched, and
//! how, is up to the model.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use nix::sys::socket::SockFlag;

use crate::connection::{Connection, Limits, Reading, Turn};
use crate::http::Wants;
use crate::mutants::{Fault, planted};
use crate::socket::{Accepted, BACKLOG, Listener, REST, Stream};
use crate::stop;

/// See the module.
pub(crate) struct Roster {
    reading: Reading,
    limits: Limits,
    /// `None` once it is closed.
    listener: Option<Listener>,
    /// Until then nothing is accepted.
    rests_until: Option<Instant>,
    /// By the number of the descriptor.
    connections: BTreeMap<i32, Connection>,
    /// No connection's time runs out earlier.
    due: Option<Instant>,
    ending: Option<Ending>,
}

/// A stop that was requested.
struct Ending {
    /// It must be done by then.
    by: Instant,
    /// The connections that may have been in the queue when it was requested.
    queued: i32,
}

impl Roster {
    /// A listener, which is made not to block, and no connections. A turn of a connection reads as
    /// much as `reading` says.
    pub(crate) fn new(listener: Listener, limits: Limits, reading: Reading) -> io::Result<Roster> {
        listener.set_nonblocking()?;
        Ok(Roster {
            reading,
            limits,
            listener: Some(listener),
            rests_until: None,
            connections: BTreeMap::new(),
            due: None,
            ending: None,
        })
    }

    /// The listener, unless it rests or is closed.
    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref().filter(|_| self.rests_until.is_none())
    }

    /// The connections, and whether they wait for room for output (or for input, if not).
    pub(crate) fn connections(&self) -> impl Iterator<Item = (&Stream, bool)> {
        self.connections.values().map(|connection| {
            // A request that waits in our own input is reported by nobody: room for its reply is.
            let output = matches!(connection.exchange.wants(), Wants::Write | Wants::Process);
            (connection.stream(), output)
        })
    }

    /// Accepts one connection. `None` if there is none, or the listener rests or is closed.
    pub(crate) fn accept(&mut self) -> Option<&Stream> {
        let stream = match self.listener()?.accept(SockFlag::SOCK_NONBLOCK) {
            Accepted::Stream(stream) => stream,
            Accepted::Nothing => {
                self.close_if_ending();
                return None;
            }
            Accepted::Exhausted => {
                self.rest();
                return None;
            }
            Accepted::Closed => {
                self.listener = None;
                return None;
            }
        };
        let number = stream.number();
        let mut connection = Connection::new(stream, self.limits);
        if let Some(ending) = &mut self.ending {
            connection.exchange.finish();
            connection.leave(Instant::now() + stop::LAST_CHANCE);
            ending.queued -= 1;
            if ending.queued <= 0 {
                self.close_if_ending();
            }
        }
        self.note(connection.deadline());
        Some(self.connections.entry(number).insert_entry(connection).into_mut().stream())
    }

    /// Stops accepting for a while, or until a connection is closed.
    pub(crate) fn rest(&mut self) {
        let rest = if planted(Fault::StaysFull) { Duration::from_hours(24) } else { REST };
        self.rests_until = Some(Instant::now() + rest);
    }

    /// Gives a connection its turn. A number that is none's is passed over.
    pub(crate) fn serve(&mut self, number: i32) -> Turn {
        let Some(connection) = self.connections.get_mut(&number) else { return Turn::Close };
        let turn = connection.turn(self.reading);
        if turn == Turn::Close {
            self.close(number);
        } else {
            connection.keep_time(Instant::now());
            let deadline = connection.deadline();
            self.note(deadline);
        }
        turn
    }

    /// Closes a connection, after which a listener that rests can go on.
    pub(crate) fn close(&mut self, number: i32) {
        self.connections.remove(&number);
        if !planted(Fault::StaysFull) {
            self.rests_until = None;
        }
        if self.connections.is_empty() {
            self.due = None;
        }
    }

    /// How long to sleep at most; with nothing to be timed, for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let by = self.ending.as_ref().map(|ending| ending.by);
        let next = [self.due, self.rests_until, by].into_iter().flatten().min();
        next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Does what is due: clients that took too long, a listener that has rested.
    pub(crate) fn keep_time(&mut self) {
        let now = Instant::now();
        self.rests_until = self.rests_until.filter(|until| now < *until);
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        for number in self.numbers() {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            match connection.deadline() {
                Some(deadline) if deadline <= now => {
                    connection.exchange.expire();
                    self.serve(number);
                }
                deadline => self.note(deadline),
            }
        }
    }

    /// Starts to stop: closes what is idle, and lets the rest finish. What is in the queue is to
    /// be accepted still; when nothing is, the listener is closed.
    pub(crate) fn stop(&mut self) {
        let now = Instant::now();
        self.ending = Some(Ending { by: now + stop::LIMIT, queued: BACKLOG });
        for number in self.numbers() {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            connection.exchange.finish();
            // A request may have arrived that was not noticed yet.
            self.serve(number);
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            connection.leave(now + stop::LAST_CHANCE);
            self.serve(number);
        }
    }

    /// Whether the stop is complete, or has taken too long.
    pub(crate) fn is_done(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| {
            ending.by <= Instant::now() || (self.listener.is_none() && self.connections.is_empty())
        })
    }

    /// The numbers of all connections.
    pub(crate) fn numbers(&self) -> Vec<i32> {
        self.connections.keys().copied().collect()
    }

    fn close_if_ending(&mut self) {
        if self.ending.is_some()
            && let Some(listener) = self.listener.take()
        {
            listener.shut_down();
        }
    }

    fn note(&mut self, deadline: Option<Instant>) {
        self.due = [self.due, deadline].into_iter().flatten().min();
    }
}
