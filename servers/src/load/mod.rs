//! A load client for HTTP/1.1: a few threads, many connections, no allocation a request.
//!
//! ```text
//!            ┌─▶ lane 0: epoll_wait: its connections, its share of the schedule
//!  Swarm ────┼─▶ lane 1: …
//!            └─▶ lane N: …
//! ```
//!
//! Two questions take two paces. *How much can the server do?* is asked in a closed loop: each
//! connection sends its next request when the reply to the last one is there. *How long do its
//! clients wait?* is asked in an open loop, at a fixed rate: a request has its moment, whether the
//! server is ready or not, and its latency counts from that moment. In a closed loop a server that
//! stalls is asked for nothing while it stalls, and the stall is one slow request a connection: it
//! is omitted, as client and server are coordinated.
//!
//! Everything is bounded: the time of a run, the time that its last replies may take, the number
//! of its requests. The first failure ends a run: a rate of which some are errors says nothing.

mod lane;
mod reply;
mod schedule;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use nix::errno::Errno;

use lane::Lane;
use schedule::Share;

/// A run makes no more requests than this in each of its threads.
pub const MOST_REQUESTS: u64 = 50_000_000;
/// How long the replies to the last requests of a run may take, unless the run itself was longer.
const DRAIN: Duration = Duration::from_secs(1);

/// What is done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is kept, and serves one request after the other.
    KeepAlive,
    /// It serves one request, until the server closes it. The request must ask for that
    /// (`Connection: close`): whoever closes first has the connection in `TIME_WAIT` (tcp(7)), and
    /// a client soon runs out of ports.
    Once,
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as the connection is free.
    Closed,
    /// So many in a second, evenly spaced, by all connections together.
    Open(f64),
}

/// What the clients ask, and where.
#[derive(Debug, Clone)]
pub struct Aim {
    /// The server.
    pub address: SocketAddr,
    /// A whole request: head, and body if it has one.
    pub request: Vec<u8>,
    /// What is done with a connection.
    pub usage: Use,
    /// The field of a reply that names the worker, if the server has one.
    pub worker_field: Option<String>,
}

/// Connections, shared out to threads. They are made when they are first used, and stay from one
/// run to the next if they are kept alive.
#[derive(Debug)]
pub struct Swarm {
    lanes: Vec<Lane>,
}

impl Swarm {
    /// So many connections in so many threads, at least one a thread. Fails if epoll or timer
    /// descriptors cannot be had.
    pub fn new(aim: &Aim, connections: usize, threads: usize) -> io::Result<Swarm> {
        let threads = threads.clamp(1, connections.max(1));
        let share = |lane| connections / threads + usize::from(lane < connections % threads);
        let lanes = (0..threads).map(|lane| Lane::new(aim.clone(), share(lane)));
        Ok(Swarm { lanes: lanes.collect::<io::Result<_>>()? })
    }

    /// Sends requests for so long, and waits for the replies. Fails if the client itself cannot go
    /// on; what goes wrong with the server is in the tally.
    pub fn run(&mut self, pace: Pace, time: Duration) -> io::Result<Tally> {
        let count = self.lanes.len();
        let drain = time.max(DRAIN);
        let tallies = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for (number, lane) in self.lanes.iter_mut().enumerate() {
                let share = match pace {
                    Pace::Closed => None,
                    Pace::Open(rate) => Some(Share { rate, number, count }),
                };
                let name = format!("client {number}");
                let run = move || lane.run(share, time, drain);
                threads.push(std::thread::Builder::new().name(name).spawn_scoped(scope, run)?);
            }
            let join = |thread: std::thread::ScopedJoinHandle<io::Result<Tally>>| {
                thread.join().map_err(|_| io::Error::other("a thread of the client panicked"))?
            };
            threads.into_iter().map(join).collect::<io::Result<Vec<_>>>()
        })?;
        let mut sum = Tally::default();
        for tally in tallies {
            sum.add(tally);
        }
        Ok(sum)
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests that were answered within the time of the run.
    pub answered: u64,
    /// The same with those that were answered after it: what the server had to do.
    pub answered_in_all: u64,
    /// How long the run was.
    pub time: Duration,
    /// Requests that were not answered in time, or had their moment and could not be sent.
    pub unanswered: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// How long the replies took, in nanoseconds from the moment that was intended for the
    /// request. Of an open loop only; what was not answered counts with the time until it was
    /// given up.
    pub latency: Option<Histogram<u64>>,
    /// The replies of each worker, by the field that names it.
    pub by_worker: HashMap<Box<[u8]>, u64>,
    /// The CPU time of the client's threads.
    pub client_cpu: Duration,
    /// What ended the run early.
    pub failure: Option<Failure>,
}

impl Tally {
    /// Requests answered in a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64()
    }

    fn add(&mut self, other: Tally) {
        self.answered += other.answered;
        self.answered_in_all += other.answered_in_all;
        self.time = self.time.max(other.time);
        self.unanswered += other.unanswered;
        self.connections += other.connections;
        self.latency = match (self.latency.take(), other.latency) {
            (Some(mut sum), Some(more)) => {
                // Two of one range and precision: it cannot fail.
                let _ = sum.add(&more);
                Some(sum)
            }
            (one, another) => one.or(another),
        };
        for (worker, count) in other.by_worker {
            *self.by_worker.entry(worker).or_default() += count;
        }
        self.client_cpu += other.client_cpu;
        self.failure = self.failure.take().or(other.failure);
    }
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made.
    Connect(Errno),
    /// The connection was reset, or failed otherwise.
    Broken(Errno),
    /// The server closed the connection before the reply was whole.
    Closed {
        /// The bytes of the reply that had come.
        received: usize,
    },
    /// The reply is no success.
    Status(u16),
    /// The reply is no HTTP.
    Garbage(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Connect(errno) => write!(out, "no connection: {}", errno.desc()),
            Failure::Broken(errno) => write!(out, "a connection broke: {}", errno.desc()),
            Failure::Closed { received: 0 } => {
                out.write_str("the server closed a connection instead of answering")
            }
            Failure::Closed { received } => {
                write!(out, "the server closed a connection after {received} bytes of its reply")
            }
            Failure::Status(status) => write!(out, "a reply with status {status}"),
            Failure::Garbage(why) => write!(out, "a reply that is no HTTP: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
