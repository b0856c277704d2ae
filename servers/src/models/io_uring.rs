//! N threads with a ring each: nobody asks whether something is ready, the kernel says what is done.
//!
//! ```text
//!                   ┌───────── one thread a ring: io_uring_enter ─────────┐
//!  clients ──▶ kernel: accept ──▶ completion: a connection, to a ring in turn
//!                      receive ─▶ completion: input, in one of the ring's buffers ─▶ process
//!                      send ◀─── submission: the reply ◀─────────────────────┘
//! ```
//!
//! A request to the kernel is a submission; its result is a completion. The long ones are asked
//! for once: multishot accept completes with every connection, multishot receive with all input of
//! a connection, which the kernel puts into a buffer that it takes from a ring of buffers when the
//! data is there, so that idle connections hold none. One system call submits every reply and
//! takes every completion that there is.
//!
//! All rings accept from the one listener. The kernel wakes one of them, but mostly the same one,
//! as with `EPOLLEXCLUSIVE`; so whoever accepts hands the connection to the rings in turn, by a
//! message to the ring (`IORING_OP_MSG_RING`).
//!
//! Good at: many busy connections, with less than a system call a request. It breaks where input
//! comes faster than it is used: a receive that goes on by itself must be stopped by hand, which
//! with readiness means simply not to read. The sockets are blocking ones: with `O_NONBLOCK` a
//! request would fail with `EAGAIN` instead of waiting in the kernel.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::SockFlag;

use crate::Settings;
use crate::connection::Connection;
use crate::http::Wants;
use crate::socket::{self, Accepted, BACKLOG, Listener, Stream};
use crate::stop::{self, Stop};
use crate::sys;
use crate::sys::ring::{Completion, Kind, Ring};
use crate::threads::Crew;

/// Input that a connection has received and not used, beyond which it receives no more.
const MOST_UNUSED: usize = 64 * 1024;
/// How long the listener rests when descriptors have run out.
const REST: Duration = Duration::from_millis(100);
/// While the server stops, a ring looks this often whether the others have noticed too.
const TICK: Duration = Duration::from_millis(20);

/// What the workers share.
struct Team {
    listener: Listener,
    stop: Stop,
    /// Where each waits until all have their ring.
    start: Barrier,
    /// The descriptors of the rings; -1 until a ring is there.
    rings: Vec<AtomicI32>,
    /// Connections so far.
    accepted: AtomicUsize,
    /// The workers that know of the stop. A ring must not go before all know: one of those that
    /// do not may be handing a connection to it.
    stopping: AtomicUsize,
}

/// Starts the workers, and waits for the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    listener.set_blocking()?;
    let team = Arc::new(Team {
        listener,
        stop: Stop::new()?,
        start: Barrier::new(settings.workers),
        rings: (0..settings.workers).map(|_| AtomicI32::new(-1)).collect(),
        accepted: AtomicUsize::new(0),
        stopping: AtomicUsize::new(0),
    });
    let crew = Crew::new();
    for number in 0..settings.workers {
        let team = team.clone();
        crew.start(&format!("worker {number}"), move |_| {
            Worker::new(number, team, settings)?.run()
        })?;
    }
    team.stop.wait(None)?;
    crew.finish()
}

/// A connection of a ring.
struct Member {
    connection: Connection,
    /// Input that has arrived and not been used.
    unused: Vec<u8>,
    stage: Stage,
    /// A receive is going on, and completions will come.
    receiving: bool,
    /// Output is on its way, and a completion will come.
    sending: bool,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client may send more.
    Open,
    /// The client sends nothing more.
    Ended,
    /// It is over as soon as no completion is awaited.
    Closing,
}

struct Worker {
    team: Arc<Team>,
    settings: Settings,
    ring: Ring,
    /// By the number of the descriptor.
    members: Vec<Option<Box<Member>>>,
    count: usize,
    due: Option<Instant>,
    rests_until: Option<Instant>,
    ends_by: Option<Instant>,
}

impl Worker {
    fn new(number: usize, team: Arc<Team>, settings: Settings) -> io::Result<Worker> {
        let ring = Ring::new();
        // Clients must not take the descriptors that the rings need.
        team.start.wait();
        let ring = ring?;
        team.rings[number].store(ring.number(), Ordering::SeqCst);
        Ok(Worker {
            team,
            settings,
            ring,
            members: Vec::new(),
            count: 0,
            due: None,
            rests_until: None,
            ends_by: None,
        })
    }

    /// The loop.
    fn run(&mut self) -> io::Result<()> {
        self.ring.poll(&self.team.stop);
        self.ring.accept(&self.team.listener);
        let mut completions = Vec::new();
        loop {
            self.ring.wait(self.timeout(), &mut completions)?;
            if completions.is_empty() && self.is_done() {
                return Ok(());
            }
            for completion in completions.drain(..) {
                match completion.kind {
                    Kind::Accept => self.accepted(&completion),
                    Kind::Handed | Kind::HandOver => self.add(completion.number),
                    Kind::Receive => self.received(completion),
                    Kind::Send => self.sent(&completion),
                    Kind::Poll => self.stop()?,
                    Kind::Cancel => {}
                }
            }
            self.keep_time();
        }
    }

    /// A connection came, or cannot be accepted.
    fn accepted(&mut self, completion: &Completion) {
        if completion.result >= 0 {
            let turn = self.team.accepted.fetch_add(1, Ordering::Relaxed) % self.team.rings.len();
            let other = self.team.rings[turn].load(Ordering::SeqCst);
            if other == self.ring.number() || other < 0 || self.ends_by.is_some() {
                self.add(completion.result);
            } else {
                self.ring.hand_over(completion.result, other);
            }
        }
        if completion.more || self.ends_by.is_some() {
            return;
        }
        match Errno::from_raw(-completion.result) {
            errno if socket::is_exhaustion(errno) => {
                self.rests_until = Some(Instant::now() + REST);
            }
            Errno::EINVAL | Errno::EBADF | Errno::ECANCELED => {}
            _ => self.ring.accept(&self.team.listener),
        }
    }

    /// Takes a connection in.
    fn add(&mut self, number: RawFd) {
        let stream = self.team.listener.stream(sys::adopt(number));
        self.add_stream(stream);
    }

    fn add_stream(&mut self, stream: Stream) {
        let index = index(stream.number());
        if self.members.len() <= index {
            self.members.resize_with(index + 1, || None);
        }
        let mut connection = Connection::new(stream, self.settings.limits);
        if self.ends_by.is_some() {
            connection.exchange.finish();
            connection.leave(Instant::now() + stop::LAST_CHANCE);
        }
        self.members[index] = Some(Box::new(Member {
            connection,
            unused: Vec::new(),
            stage: Stage::Open,
            receiving: false,
            sending: false,
        }));
        self.count += 1;
        self.drive(index);
    }

    /// Input came, or its end, or the end of receiving.
    fn received(&mut self, completion: Completion) {
        let index = index(completion.number);
        let Some(Some(member)) = self.members.get_mut(index) else { return };
        member.receiving = completion.more;
        match completion.result {
            0 => member.stage = Stage::Ended,
            1.. => {
                let direct = member.unused.is_empty() && !member.sending;
                self.ring.take(completion, |mut input| {
                    let exchange = &mut member.connection.exchange;
                    if direct && exchange.wants() == Wants::Read {
                        let space = exchange.space();
                        let count = space.len().min(input.len());
                        space[..count].copy_from_slice(&input[..count]);
                        exchange.received(count);
                        input = &input[count..];
                    }
                    member.unused.extend_from_slice(input);
                });
            }
            // Too many completions, no buffer, or stopped by hand: asked for again when input is
            // wanted.
            error if [-libc::ENOBUFS, -libc::ECANCELED, -libc::EINTR].contains(&error) => {}
            _ => member.stage = Stage::Closing,
        }
        self.drive(index);
    }

    /// Output is gone.
    fn sent(&mut self, completion: &Completion) {
        let index = index(completion.number);
        let Some(Some(member)) = self.members.get_mut(index) else { return };
        member.sending = false;
        match usize::try_from(completion.result) {
            Ok(count) => member.connection.exchange.sent(count),
            Err(_) => member.stage = Stage::Closing,
        }
        self.drive(index);
    }

    /// Goes on with a connection until it awaits a completion.
    fn drive(&mut self, index: usize) {
        let Some(Some(member)) = self.members.get_mut(index) else { return };
        let number = member.connection.stream().number();
        let exchange = &mut member.connection.exchange;
        while member.stage != Stage::Closing {
            match exchange.wants() {
                Wants::Process => exchange.process(),
                Wants::Write => {
                    if !member.sending {
                        member.sending = true;
                        self.ring.send(number, exchange.output());
                    }
                    break;
                }
                Wants::Read | Wants::Linger if !member.unused.is_empty() => {
                    let space = exchange.space();
                    let count = space.len().min(member.unused.len());
                    space[..count].copy_from_slice(&member.unused[..count]);
                    member.unused.drain(..count);
                    exchange.received(count);
                }
                Wants::Read | Wants::Linger if member.stage == Stage::Ended => exchange.received(0),
                Wants::Read | Wants::Linger => {
                    if exchange.wants() == Wants::Linger {
                        member.connection.end();
                    }
                    if !member.receiving {
                        member.receiving = true;
                        self.ring.receive(number);
                    }
                    break;
                }
                Wants::Response | Wants::Close => member.stage = Stage::Closing,
            }
        }
        if member.stage == Stage::Closing {
            return self.close(index);
        }
        if member.receiving && member.unused.len() > MOST_UNUSED {
            self.ring.cancel(Kind::Receive, number);
        }
        member.connection.keep_time(Instant::now());
        let deadline = member.connection.deadline();
        self.note(deadline);
    }

    /// Closes a connection, once the kernel has let go of it: a request that goes on keeps the
    /// socket open, whatever becomes of the descriptor.
    fn close(&mut self, index: usize) {
        let Some(Some(member)) = self.members.get_mut(index) else { return };
        let number = member.connection.stream().number();
        if member.receiving {
            self.ring.cancel(Kind::Receive, number);
        } else if member.sending {
            self.ring.cancel(Kind::Send, number);
        } else {
            self.ring.forget(number);
            self.members[index] = None;
            self.count -= 1;
            if self.count == 0 {
                self.due = None;
            }
            self.rests_until = self.rests_until.map(|_| Instant::now());
        }
    }

    /// Starts to stop.
    fn stop(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.ends_by = Some(now + stop::LIMIT);
        self.rests_until = None;
        let team = self.team.clone();
        self.ring.cancel(Kind::Accept, team.listener.number());
        // From here on nobody sleeps in accept, and who finds the queue empty may close it.
        team.listener.set_nonblocking()?;
        for _ in 0..BACKLOG {
            let Accepted::Stream(stream) = team.listener.accept(SockFlag::empty()) else { break };
            self.add_stream(stream);
        }
        team.listener.shut_down();
        for index in 0..self.members.len() {
            let Some(member) = &mut self.members[index] else { continue };
            member.connection.exchange.finish();
            member.connection.leave(now + stop::LAST_CHANCE);
            self.drive(index);
        }
        team.stopping.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn is_done(&self) -> bool {
        let all = self.team.stopping.load(Ordering::SeqCst) == self.team.rings.len();
        self.ends_by.is_some_and(|by| self.count == 0 && all || by <= Instant::now())
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let tick = self.ends_by.map(|_| now + TICK);
        let next = [self.due, self.rests_until, tick].into_iter().flatten().min();
        next.map(|next| next.saturating_duration_since(now))
    }

    /// Does what is due.
    fn keep_time(&mut self) {
        if self.due.is_none() && self.rests_until.is_none() {
            return;
        }
        let now = Instant::now();
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
            self.ring.accept(&self.team.listener);
        }
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        for index in 0..self.members.len() {
            let Some(member) = &mut self.members[index] else { continue };
            match member.connection.deadline() {
                Some(deadline) if deadline <= now && member.stage != Stage::Closing => {
                    member.connection.exchange.expire();
                    self.drive(index);
                }
                deadline => self.note(deadline),
            }
        }
    }

    fn note(&mut self, deadline: Option<Instant>) {
        self.due = [self.due, deadline].into_iter().flatten().min();
    }
}

fn index(number: RawFd) -> usize {
    usize::try_from(number).unwrap_or_default()
}
