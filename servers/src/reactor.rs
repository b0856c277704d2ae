//! What an epoll loop owns: the epoll instance, its connections, and their time-outs.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::SockFlag;

use crate::connection::{Connection, Limits, Reading, Turn};
use crate::http::{Request, Response, Wants};
use crate::mutants::{Fault, planted};
use crate::socket::{Accepted, BACKLOG, Listener, REST, Stream};
use crate::{mutants, stop};

/// The connections that are accepted before those that are there get their turn.
pub(crate) const MOST_ACCEPTED: usize = 64;
/// The reports that one wait takes.
const MOST_EVENTS: usize = 256;

/// How connections are registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// For what they wait for; reported for as long as it is there.
    Level,
    /// For everything, once; reported when something is new.
    Edge,
}

/// One report: which descriptor, and what of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    number: i32,
    flags: EpollFlags,
}

impl Event {
    /// The number of the descriptor.
    pub(crate) fn number(self) -> i32 {
        self.number
    }

    /// Whether the report is about this descriptor.
    pub(crate) fn is(self, fd: impl AsFd) -> bool {
        self.number == fd.as_fd().as_raw_fd()
    }
}

/// Room for the reports of one wait.
pub(crate) struct Events([EpollEvent; MOST_EVENTS]);

impl Events {
    /// No reports.
    pub(crate) fn new() -> Events {
        Events([EpollEvent::empty(); MOST_EVENTS])
    }
}

/// The connection whose request is processed elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    index: usize,
    /// A descriptor's number is soon used again; this is not.
    serial: u64,
}

/// Takes a request that is to be processed elsewhere.
pub(crate) type HandOver = Box<dyn FnMut(Ticket, Request) + Send>;

/// A connection, and what epoll is asked to report of it.
struct Member {
    connection: Connection,
    serial: u64,
    interest: EpollFlags,
    /// The peer ended its side, as it was reported once.
    hung_up: bool,
}

/// See the module.
pub(crate) struct Reactor {
    epoll: Arc<Epoll>,
    trigger: Trigger,
    limits: Limits,
    listener: Option<(Arc<Listener>, EpollFlags)>,
    /// Until then the listener is not watched.
    rests_until: Option<Instant>,
    hand_over: Option<HandOver>,
    /// By the number of the descriptor.
    members: Vec<Option<Box<Member>>>,
    count: usize,
    /// Connections so far.
    serial: u64,
    /// No connection's time runs out earlier. It may be too early, never too late: so a request
    /// costs one comparison, and a look at all connections is due every few seconds at most.
    due: Option<Instant>,
    /// The server stops, and must be done by then.
    ends_by: Option<Instant>,
}

impl Reactor {
    /// An epoll instance without connections. It must be made in the process that uses it: one
    /// that is inherited over `fork` is shared with the parent.
    pub(crate) fn new(trigger: Trigger, limits: Limits) -> io::Result<Reactor> {
        Ok(Reactor {
            epoll: Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?),
            trigger,
            limits,
            listener: None,
            rests_until: None,
            hand_over: None,
            members: Vec::new(),
            count: 0,
            serial: 0,
            due: None,
            ends_by: None,
        })
    }

    /// Lets requests be processed elsewhere: `hand_over` gets each, and [`respond`](Self::respond)
    /// gives the response back.
    pub(crate) fn process_elsewhere(&mut self, hand_over: HandOver) {
        self.hand_over = Some(hand_over);
    }

    /// Watches for connections, if it does not yet: `flags` is `EPOLLIN`, with `EPOLLEXCLUSIVE` or
    /// without. The listener must not block.
    pub(crate) fn listen(&mut self, listener: &Arc<Listener>, flags: EpollFlags) -> io::Result<()> {
        if self.listener.is_none() {
            let edge = planted(Fault::TakesOneAnEdge);
            let flags = if edge { flags | EpollFlags::EPOLLET } else { flags };
            self.watch(listener, flags)?;
            self.listener = Some((listener.clone(), flags));
        }
        Ok(())
    }

    /// Leaves connections to others, until the next [`listen`](Self::listen).
    pub(crate) fn stop_listening(&mut self) {
        if let Some((listener, _)) = self.listener.take() {
            let _ = self.epoll.delete(&*listener);
        }
        self.rests_until = None;
    }

    /// Whether the listener rests, because descriptors have run out.
    pub(crate) fn rests(&self) -> bool {
        self.rests_until.is_some()
    }

    /// The epoll instance, for others to register with.
    pub(crate) fn epoll(&self) -> Arc<Epoll> {
        self.epoll.clone()
    }

    /// Ends the next wait at `moment` at the latest: for a reactor without connections of its own.
    pub(crate) fn wake_by(&mut self, moment: Option<Instant>) {
        self.due = moment;
    }

    /// Watches something else.
    pub(crate) fn watch(&self, fd: impl AsFd, flags: EpollFlags) -> io::Result<()> {
        let number = fd.as_fd().as_raw_fd();
        self.epoll.add(fd, EpollEvent::new(flags, u64::from(number.unsigned_abs())))?;
        Ok(())
    }

    /// Sleeps in `epoll_wait` until something is to be reported or timed. With nothing to be
    /// timed, that is for ever.
    pub(crate) fn wait<'a>(
        &mut self,
        events: &'a mut Events,
    ) -> io::Result<impl Iterator<Item = Event> + Clone + use<'a>> {
        let next = [self.due, self.rests_until, self.ends_by].into_iter().flatten().min();
        let timeout = next.map_or(PollTimeout::NONE, |next| {
            stop::round_up(next.saturating_duration_since(Instant::now()))
        });
        let timeout = mutants::timeout(timeout);
        let count = match self.epoll.wait(&mut events.0, timeout) {
            Err(Errno::EINTR) if !planted(Fault::DiesOfAnInterruption) => 0,
            count => count?,
        };
        Ok(events.0[..count].iter().map(|event| Event {
            number: i32::try_from(event.data()).unwrap_or(-1),
            flags: event.events(),
        }))
    }

    /// Accepts the connections that wait, but not so many that those that are there starve.
    pub(crate) fn accept(&mut self) {
        self.accept_with(&mut Reactor::add);
    }

    /// The same, for a reactor that gives the connections to `taker`.
    pub(crate) fn accept_with(&mut self, taker: &mut dyn FnMut(&mut Reactor, Stream)) {
        let Some((listener, _)) = self.listener.clone() else { return };
        for _ in 0..MOST_ACCEPTED {
            match listener.accept(SockFlag::SOCK_NONBLOCK) {
                Accepted::Stream(stream) => taker(self, stream),
                Accepted::Nothing => return,
                Accepted::Exhausted if planted(Fault::SpinsWithoutDescriptors) => return,
                Accepted::Exhausted => return self.rest(),
                Accepted::Closed => {
                    let _ = self.epoll.delete(&*listener);
                    self.listener = None;
                    return;
                }
            }
            if planted(Fault::TakesOneAnEdge) {
                return;
            }
        }
    }

    /// Takes a connection in.
    pub(crate) fn add(&mut self, stream: Stream) {
        let index = index(stream.number());
        let interest = match self.trigger {
            Trigger::Level => EpollFlags::EPOLLIN,
            Trigger::Edge => {
                EpollFlags::EPOLLIN
                    | EpollFlags::EPOLLOUT
                    | EpollFlags::EPOLLRDHUP
                    | EpollFlags::EPOLLET
            }
        };
        // ENOMEM or ENOSPC (epoll_ctl(2)): the connection cannot be served, and is closed.
        if !planted(Fault::RegistersNobody) && self.watch(&stream, interest).is_err() {
            return;
        }
        if self.members.len() <= index {
            self.members.resize_with(index + 1, || None);
        }
        let connection = Connection::new(stream, self.limits);
        self.note(connection.deadline());
        self.serial += 1;
        let member = Member { connection, serial: self.serial, interest, hung_up: false };
        self.members[index] = Some(Box::new(member));
        self.count += 1;
    }

    /// Serves the connection that was reported.
    pub(crate) fn serve(&mut self, event: Event) {
        let index = index(event.number);
        if let Some(Some(member)) = self.members.get_mut(index) {
            member.hung_up |= event.flags.contains(EpollFlags::EPOLLRDHUP);
            if mutants::takes_for_gone(member.hung_up, &member.connection) {
                return self.remove(index);
            }
            self.turn(index);
        }
    }

    /// Gives the response to a request that was handed over.
    pub(crate) fn respond(&mut self, ticket: Ticket, response: Response) {
        let ticket = if planted(Fault::AnswersTheNewest) { self.newest() } else { ticket };
        if let Some(Some(member)) = self.members.get_mut(ticket.index)
            && member.serial == ticket.serial
        {
            member.connection.exchange.respond(response);
            self.turn(ticket.index);
        }
    }

    /// The connection that came last of those that wait for a response.
    fn newest(&self) -> Ticket {
        let waiting = self.members.iter().enumerate().filter_map(|(index, member)| {
            let member = member.as_ref()?;
            let waits = member.connection.exchange.wants() == Wants::Response;
            waits.then_some(Ticket { index, serial: member.serial })
        });
        waiting.max_by_key(|ticket| ticket.serial).unwrap_or(Ticket { index: 0, serial: 0 })
    }

    fn turn(&mut self, index: usize) {
        let Some(Some(member)) = self.members.get_mut(index) else { return };
        let reading = match self.trigger {
            Trigger::Level => Reading::Once,
            Trigger::Edge if planted(Fault::ReadsOnce) => Reading::Once,
            Trigger::Edge if member.hung_up && !planted(Fault::ForgetsAnEnd) => Reading::End,
            Trigger::Edge => Reading::Empty,
        };
        let turn = if let Some(hand_over) = &mut self.hand_over {
            let turn = member.connection.transfer(reading);
            if let Some(request) = member.connection.exchange.take() {
                hand_over(Ticket { index, serial: member.serial }, request);
            }
            turn
        } else {
            member.connection.turn(reading)
        };
        let wanted = match (self.trigger, member.connection.exchange.wants()) {
            _ if turn == Turn::Close => return self.remove(index),
            (Trigger::Edge, _) => member.interest,
            (Trigger::Level, Wants::Write) if planted(Fault::WatchesAnEnd) => {
                EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP
            }
            // A request that waits in our own input is reported by nobody: room for its reply is.
            (Trigger::Level, Wants::Write | Wants::Process) => EpollFlags::EPOLLOUT,
            (Trigger::Level, _) => EpollFlags::EPOLLIN,
        };
        // A change makes epoll look anew: what is ready already is reported, edge or not.
        if wanted != member.interest || (turn == Turn::Again && self.trigger == Trigger::Edge) {
            member.interest = wanted;
            let data = u64::try_from(index).unwrap_or_default();
            let mut event = EpollEvent::new(wanted, data);
            let _ = self.epoll.modify(member.connection.stream(), &mut event);
        }
        member.connection.keep_time(Instant::now());
        let deadline = member.connection.deadline();
        self.note(deadline);
    }

    /// Closes a connection, which takes it out of the epoll instance too. A listener that rests
    /// because descriptors ran out can go on.
    fn remove(&mut self, index: usize) {
        self.members[index] = None;
        self.count -= 1;
        if self.count == 0 {
            self.due = None;
        }
        if self.rests_until.is_some() {
            self.rests_until = Some(Instant::now());
        }
    }

    /// Does what is due: clients that took too long, a listener that has rested.
    pub(crate) fn keep_time(&mut self) -> io::Result<()> {
        if self.due.is_none() && self.rests_until.is_none() {
            return Ok(());
        }
        let now = Instant::now();
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
            if let Some((listener, flags)) = &self.listener {
                self.watch(listener, *flags)?;
            }
        }
        if self.due.is_none_or(|due| now < due) {
            return Ok(());
        }
        self.due = None;
        for index in 0..self.members.len() {
            let Some(member) = &mut self.members[index] else { continue };
            match member.connection.deadline() {
                Some(deadline) if deadline <= now => {
                    member.connection.exchange.expire();
                    self.turn(index);
                }
                deadline => self.note(deadline),
            }
        }
        Ok(())
    }

    /// Starts to stop: accepts what waits, refuses what comes, closes what is idle, and lets the
    /// rest finish. `requested` is what reported the request, and is watched no longer.
    pub(crate) fn stop(&mut self, requested: impl AsFd) {
        self.stop_with(requested, &mut Reactor::add);
    }

    /// The same, for a reactor that gives the connections to `taker`.
    pub(crate) fn stop_with(
        &mut self,
        requested: impl AsFd,
        taker: &mut dyn FnMut(&mut Reactor, Stream),
    ) {
        let _ = self.epoll.delete(requested);
        if planted(Fault::SleepsThroughItsStop) {
            stop::pause(stop::LIMIT);
        }
        if let Some((listener, _)) = self.listener.take() {
            let _ = self.epoll.delete(&*listener);
            for _ in 0..BACKLOG {
                if planted(Fault::StopsDeaf) {
                    break;
                }
                let Accepted::Stream(stream) = listener.accept(SockFlag::SOCK_NONBLOCK) else {
                    break;
                };
                taker(self, stream);
            }
            if !planted(Fault::StopsDeaf) {
                listener.shut_down();
            }
        }
        self.rests_until = None;
        let now = Instant::now();
        let limit = if planted(Fault::CutsReplies) { Duration::ZERO } else { stop::LIMIT };
        self.ends_by = Some(now + limit);
        for index in 0..self.members.len() {
            let Some(member) = &mut self.members[index] else { continue };
            member.connection.exchange.finish();
            // A request may have arrived that was not reported yet.
            self.turn(index);
            let Some(member) = &mut self.members[index] else { continue };
            member.connection.leave(now + stop::LAST_CHANCE);
            self.turn(index);
        }
    }

    /// Whether the stop is complete, or has taken too long.
    pub(crate) fn is_done(&self) -> bool {
        let none = self.count == 0 && !planted(Fault::OutstaysItsStop);
        self.ends_by.is_some_and(|by| none || by <= Instant::now())
    }

    /// Stops watching the listener for a while: it stays readable, and would be reported on and on.
    fn rest(&mut self) {
        if let Some((listener, _)) = &self.listener {
            let _ = self.epoll.delete(&**listener);
            let rest = (!planted(Fault::GivesUpListening)).then_some(REST);
            self.rests_until = rest.map(|rest| Instant::now() + rest);
        }
    }

    fn note(&mut self, deadline: Option<Instant>) {
        self.due = [self.due, deadline].into_iter().flatten().min();
    }
}

fn index(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}
