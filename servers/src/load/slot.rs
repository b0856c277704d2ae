//! One client: a connection at a time, a request at a time.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, connect, recv, send, setsockopt,
    socket, sockopt,
};

use super::reply::{Reply, Step};
use super::{Aim, Failure, Use};

/// The input buffer: the largest head of a reply.
const INPUT: usize = 16 * 1024;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing: it has its reply, or has not been asked.
    Idle,
    /// It sends its request, perhaps on a connection that is still being made.
    Sending,
    /// It waits for the reply.
    Receiving,
    /// It has the reply, and waits for the server to close.
    Ending,
}

/// How far a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It waits.
    Waits,
    /// It has its reply, and is free.
    Done,
}

/// Whoever wants to know what replies say.
pub(super) trait Listen {
    /// A reply came from this worker.
    fn worker(&mut self, name: &[u8]);
    /// A reply is whole, to a request that was meant for this moment.
    fn whole(&mut self, intended: Instant);
}

/// See the module.
#[derive(Debug)]
pub(super) struct Slot {
    socket: Option<OwnedFd>,
    phase: Phase,
    sent: usize,
    input: Box<[u8]>,
    filled: usize,
    reply: Reply,
    intended: Instant,
}

impl Slot {
    /// A client without a connection.
    pub(super) fn new() -> Slot {
        Slot {
            socket: None,
            phase: Phase::Idle,
            sent: 0,
            input: vec![0; INPUT].into_boxed_slice(),
            filled: 0,
            reply: Reply::new(),
            intended: Instant::now(),
        }
    }

    /// Whether it has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// When its request was meant to be sent.
    pub(super) fn intended(&self) -> Instant {
        self.intended
    }

    /// Gives its request up, and the connection with it.
    pub(super) fn give_up(&mut self) {
        (self.socket, self.phase) = (None, Phase::Idle);
    }

    /// Sends a request, on a new connection if there is none. Returns whether one was opened. The
    /// connection is registered edge-triggered, once, under `number`.
    pub(super) fn begin(
        &mut self,
        aim: &Aim,
        epoll: &Epoll,
        number: u64,
        intended: Instant,
    ) -> Result<bool, Failure> {
        (self.phase, self.sent, self.filled) = (Phase::Sending, 0, 0);
        self.intended = intended;
        if self.socket.is_some() {
            self.send(aim)?;
            return Ok(false);
        }
        self.reply.restart();
        self.socket = Some(open(aim)?);
        // On loopback the connection is made by now, or soon: most often this is all there is to
        // wait for. What is ready at the registration is reported.
        self.send(aim)?;
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        if let Some(socket) = &self.socket {
            epoll.add(socket, EpollEvent::new(flags, number)).map_err(Failure::Connect)?;
        }
        Ok(true)
    }

    /// Goes on after a report.
    pub(super) fn go_on(
        &mut self,
        aim: &Aim,
        flags: EpollFlags,
        ears: &mut impl Listen,
    ) -> Result<Progress, Failure> {
        let hung_up =
            flags.intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        match self.phase {
            // The server closes a connection that it keeps no longer.
            Phase::Idle if hung_up => self.socket = None,
            Phase::Sending => self.send(aim)?,
            Phase::Idle | Phase::Receiving | Phase::Ending => {}
        }
        match self.phase {
            Phase::Receiving | Phase::Ending => self.receive(aim, hung_up, ears),
            Phase::Idle | Phase::Sending => Ok(Progress::Waits),
        }
    }

    fn send(&mut self, aim: &Aim) -> Result<(), Failure> {
        let Some(socket) = &self.socket else { return Ok(()) };
        while self.sent < aim.request.len() {
            match send(socket.as_raw_fd(), &aim.request[self.sent..], MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::EINTR) => {}
                // Also of a connection that is not made yet.
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno @ Errno::ECONNREFUSED) => return Err(Failure::Connect(errno)),
                Err(errno) => return Err(Failure::Broken(errno)),
            }
        }
        self.phase = Phase::Receiving;
        Ok(())
    }

    /// Reads until the socket is empty: a read that returns less than it could says that, as
    /// epoll(7) grants, unless the end of the connection is behind it.
    fn receive(
        &mut self,
        aim: &Aim,
        hung_up: bool,
        ears: &mut impl Listen,
    ) -> Result<Progress, Failure> {
        loop {
            let Some(socket) = &self.socket else { return Ok(Progress::Waits) };
            let space = &mut self.input[self.filled..];
            let room = space.len();
            match recv(socket.as_raw_fd(), space, MsgFlags::empty()) {
                Ok(0) => return self.ended(ears),
                Ok(count) => {
                    self.filled += count;
                    if self.phase == Phase::Ending {
                        return Err(Failure::Garbage("more than a reply"));
                    }
                    if self.parse(aim, ears)? == Progress::Done {
                        return Ok(Progress::Done);
                    }
                    if count < room && !hung_up {
                        return Ok(Progress::Waits);
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(Progress::Waits),
                // The reply was whole; some servers reset behind it.
                Err(Errno::ECONNRESET) if self.phase == Phase::Ending => return self.ended(ears),
                Err(errno) => return Err(Failure::Broken(errno)),
            }
        }
    }

    /// Goes through what was received.
    fn parse(&mut self, aim: &Aim, ears: &mut impl Listen) -> Result<Progress, Failure> {
        let full = self.filled == self.input.len();
        let field = aim.worker_field.as_deref();
        let input = &self.input[..self.filled];
        match self.reply.step(input, full, field, |name| ears.worker(name))? {
            Step::More(used) => {
                self.input.copy_within(used..self.filled, 0);
                self.filled -= used;
                Ok(Progress::Waits)
            }
            Step::Whole(used) if used < self.filled => Err(Failure::Garbage("more than a reply")),
            Step::Whole(_) => {
                ears.whole(self.intended);
                self.filled = 0;
                if aim.usage == Use::Once {
                    self.phase = Phase::Ending;
                    return Ok(Progress::Waits);
                }
                self.phase = Phase::Idle;
                if self.reply.is_last {
                    self.socket = None;
                }
                Ok(Progress::Done)
            }
        }
    }

    /// The server has closed.
    fn ended(&mut self, ears: &mut impl Listen) -> Result<Progress, Failure> {
        if self.phase != Phase::Ending {
            if !self.reply.ends_with_connection() {
                return Err(Failure::Closed { received: self.filled });
            }
            ears.whole(self.intended);
        }
        self.socket = None;
        self.phase = Phase::Idle;
        Ok(Progress::Done)
    }
}

/// A socket whose connection is made, or on its way.
fn open(aim: &Aim) -> Result<OwnedFd, Failure> {
    let address = SockaddrStorage::from(aim.address);
    let family = if aim.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Stream, flags, None).map_err(Failure::Connect)?;
    setsockopt(&socket, sockopt::TcpNoDelay, &true).map_err(Failure::Connect)?;
    match connect(socket.as_raw_fd(), &address) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
        Err(errno) => Err(Failure::Connect(errno)),
    }
}
