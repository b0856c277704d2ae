//! A connection: a socket, its exchange, and the time it may take.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;

use crate::http::{Exchange, Phase, Wants};
use crate::mutants::{self, Fault, planted};
use crate::socket::Stream;

/// The system calls that one connection may use before the others get their turn.
const MOST_CALLS: u32 = 32;
/// The time that a client gets to read the last reply and end its side.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For a request, from its first byte to its last; and until the first byte on a fresh
    /// connection.
    pub(crate) request: Duration,
    /// Between two requests, and between two reads of output that waits for it.
    pub(crate) idle: Duration,
}

/// How much is read before a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One buffer: the kernel reports again what is left (level-triggered, one-shot).
    Once,
    /// Until the socket is empty: the kernel reports only what is new (edge-triggered). A read that
    /// returns less than it could says that, as well as `EAGAIN` does (epoll(7), "Questions and
    /// answers").
    Empty,
    /// Until the socket is empty, and on to the end: the peer hung up before the report, which
    /// will not be reported again.
    End,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Input is awaited.
    Read,
    /// Room for output is awaited.
    Write,
    /// There is more to do at once, but it is the others' turn. A level-triggered or re-armed
    /// registration reports it again by itself.
    Again,
    /// A request is to be processed by somebody else: see [`Connection::exchange`].
    Process,
    /// The connection is over: drop it.
    Close,
}

/// See the module.
pub(crate) struct Connection {
    /// The requests and replies.
    pub(crate) exchange: Exchange,
    stream: Stream,
    limits: Limits,
    deadline: Option<Instant>,
    timed: Option<(Phase, u64)>,
    ended: bool,
}

impl Connection {
    /// A fresh connection, whose time starts now.
    pub(crate) fn new(stream: Stream, limits: Limits) -> Connection {
        let exchange = Exchange::new();
        let mut connection =
            Connection { exchange, stream, limits, deadline: None, timed: None, ended: false };
        connection.keep_time(Instant::now());
        connection
    }

    /// The socket.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// When the client's time runs out; `None` while the server itself is at work.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Goes on without sleeping, as far as the nonblocking socket lets it, and processes requests
    /// on the calling thread.
    pub(crate) fn turn(&mut self, reading: Reading) -> Turn {
        loop {
            let turn = self.advance(reading, true);
            if !mutants::waits_for(self, turn) {
                return turn;
            }
        }
    }

    /// The same, but leaves with [`Turn::Process`] when a request is whole.
    pub(crate) fn transfer(&mut self, reading: Reading) -> Turn {
        self.advance(reading, false)
    }

    /// Does the one thing that was reported to be possible: reads once, and processes what is
    /// whole then, or writes what there is. A reply is not written at once: the socket has to be
    /// reported as writable first.
    pub(crate) fn step(&mut self) -> Turn {
        let result = match self.exchange.wants() {
            Wants::Write => self.send(),
            Wants::Read | Wants::Linger => self.receive(MsgFlags::empty()),
            Wants::Process | Wants::Response | Wants::Close => Ok(false),
        };
        match result {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return Turn::Close,
        }
        while self.exchange.wants() == Wants::Process {
            self.exchange.process();
        }
        match self.exchange.wants() {
            Wants::Write => Turn::Write,
            Wants::Close => Turn::Close,
            Wants::Response => Turn::Process,
            Wants::Linger => {
                self.end();
                Turn::Read
            }
            Wants::Read | Wants::Process => Turn::Read,
        }
    }

    fn advance(&mut self, reading: Reading, here: bool) -> Turn {
        let mut reads = true;
        let mut calls = 0;
        while calls < MOST_CALLS {
            let wants = self.exchange.wants();
            if wants == Wants::Linger {
                self.end();
            }
            let result = match wants {
                Wants::Process if here => {
                    self.exchange.process();
                    continue;
                }
                Wants::Process | Wants::Response => return Turn::Process,
                Wants::Close => return Turn::Close,
                Wants::Read | Wants::Linger if !reads => return Turn::Read,
                Wants::Read | Wants::Linger => self.receive(MsgFlags::empty()),
                Wants::Write => self.send(),
            };
            match result {
                Ok(short) if wants != Wants::Write => {
                    reads = match reading {
                        Reading::Once => false,
                        Reading::Empty => !short,
                        Reading::End => true,
                    };
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if wants == Wants::Write => return Turn::Write,
                Err(Errno::EAGAIN) => return Turn::Read,
                Err(_) if planted(Fault::LeaksAtAReset) => return Turn::Read,
                Err(_) => return Turn::Close,
            }
            calls += 1;
        }
        Turn::Again
    }

    /// Writes once; true if the socket took less than there is.
    pub(crate) fn send(&mut self) -> nix::Result<bool> {
        let output = self.exchange.output();
        let length = output.len();
        let count = self.stream.send(output)?;
        self.exchange.sent(if planted(Fault::TakesAPartForTheWhole) { length } else { count });
        Ok(count < length)
    }

    /// Reads once, with `MSG_DONTWAIT` or without; true if that emptied the socket.
    pub(crate) fn receive(&mut self, flags: MsgFlags) -> nix::Result<bool> {
        let space = self.exchange.space();
        let room = space.len();
        let count = self.stream.receive(space, flags)?;
        if count > 0 || !planted(Fault::TakesTheEndForNothing) {
            self.exchange.received(count);
        }
        Ok(count < room)
    }

    /// Shuts the sending side down, once.
    pub(crate) fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            self.stream.end();
        }
    }

    /// Brings the deadline up to date after something happened.
    pub(crate) fn keep_time(&mut self, now: Instant) {
        let timed = (self.exchange.phase(), self.exchange.progress());
        if self.timed == Some(timed) {
            return;
        }
        self.timed = Some(timed);
        self.deadline = match timed.0 {
            Phase::Fresh | Phase::Request => Some(now + self.limits.request),
            Phase::Write | Phase::Idle => Some(now + self.limits.idle),
            Phase::Linger => Some(now + LINGER),
            Phase::Process => None,
        };
    }

    /// The server stops: a client that has sent nothing yet gets until `last_chance`, and one that
    /// is between two requests is left.
    pub(crate) fn leave(&mut self, last_chance: Instant) {
        match self.exchange.phase() {
            Phase::Fresh => self.deadline = self.deadline.map(|at| at.min(last_chance)),
            Phase::Idle => self.exchange.expire(),
            _ => {}
        }
    }
}
