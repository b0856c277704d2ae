//! A client that waits for as long as the machine needs, and tells how an exchange ended.

mod steps;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr, connect, setsockopt, socket,
    sockopt,
};

use super::Address;
use crate::dialect::{Exchange, Progress};
use crate::trial::{Result, Trial};

/// The time between two looks at the budget of patience, in milliseconds.
const GLANCE: u16 = 10;

/// How the reply to a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The reply came, whole.
    Whole,
    /// Nothing more came for as long as the trial could wait.
    Silence {
        /// What had come until then, in bytes.
        received: usize,
    },
    /// The server closed the connection before the reply was whole.
    Closed {
        /// What had come until then, in bytes.
        received: usize,
        /// Whether by a reset, which destroys what is on its way, and not in order.
        reset: bool,
    },
    /// Something else came.
    Wrong(String),
    /// The connection could not be made.
    NoConnection(Errno),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Closed,
    /// By a reset.
    Reset,
    /// It did not: it is still open.
    Open,
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: std::result::Result<Stream, Errno>,
    received: Vec<u8>,
    last: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn shutdown(&self, how: Shutdown) -> std::io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Unix(stream) => stream.shutdown(how),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Client {
    /// Connects to a server, with a receive buffer of so many bytes if one is named. A connection
    /// that cannot be made shows in the replies: what that means is for the case to say.
    pub(super) fn connect(t: &Trial, address: &Address, buffer: Option<usize>) -> Result<Client> {
        let stream = open(t, address, buffer)?;
        Ok(Client { stream, received: Vec::new(), last: Vec::new() })
    }

    /// Sends a request and waits for its reply.
    pub fn ask(&mut self, t: &Trial, exchange: &Exchange) -> Result<Reply> {
        self.transfer(t, &exchange.request, Some(exchange), false)
    }

    /// Sends a request, shuts down the sending direction behind its last byte (shutdown(2)), and
    /// waits for the reply.
    pub fn ask_last(&mut self, t: &Trial, exchange: &Exchange) -> Result<Reply> {
        self.transfer(t, &exchange.request, Some(exchange), true)
    }

    /// Waits for the reply to a request that was sent before.
    pub fn reply(&mut self, t: &Trial, exchange: &Exchange) -> Result<Reply> {
        self.transfer(t, &[], Some(exchange), false)
    }

    /// Sends bytes, all of them unless the server ends the connection or takes no more; false
    /// then.
    pub fn send(&mut self, t: &Trial, bytes: &[u8]) -> Result<bool> {
        Ok(self.transfer(t, bytes, None, false)? == Reply::Whole)
    }

    /// Sends and receives until the exchange is decided, or without one until all is sent. With
    /// `finish` the sending direction is shut down when all is sent.
    fn transfer(
        &mut self,
        t: &Trial,
        send: &[u8],
        exchange: Option<&Exchange>,
        finish: bool,
    ) -> Result<Reply> {
        let stream = match &mut self.stream {
            Ok(stream) => stream,
            Err(errno) => return Ok(Reply::NoConnection(*errno)),
        };
        let (mut sent, mut patience) = (0, t.patience());
        let (mut end, mut finish) = (None, finish);
        loop {
            if let Some(exchange) = exchange {
                match exchange.judge(&self.received, end.is_some()) {
                    Progress::Whole(length) => {
                        self.last = self.received.drain(..length).collect();
                        return Ok(Reply::Whole);
                    }
                    Progress::Wrong(why) => return Ok(Reply::Wrong(why)),
                    Progress::More => {}
                }
            } else if sent == send.len() {
                return Ok(Reply::Whole);
            }
            let received = self.received.len();
            if let Some(reset) = end {
                return Ok(Reply::Closed { received, reset });
            }
            if !patience.lasts() {
                return Ok(Reply::Silence { received });
            }
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::POLLIN, exchange.is_some());
            wanted.set(PollFlags::POLLOUT, sent < send.len());
            let ready = ready(stream, wanted)?;
            if ready.contains(PollFlags::POLLOUT) && sent < send.len() {
                match stream.write(&send[sent..]) {
                    Ok(length) => sent += length,
                    Err(error) if is_passing(&error) => {}
                    // What the server had to say may still be there to be read.
                    Err(_) if exchange.is_some() => sent = send.len(),
                    Err(_) => return Ok(Reply::Closed { received, reset: true }),
                }
            }
            if finish && sent == send.len() {
                finish = false;
                // A server that has reset the connection is past being told.
                let _ = stream.shutdown(Shutdown::Write);
            }
            if exchange.is_some()
                && ready.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
            {
                end = receive(stream, &mut self.received)?;
            }
        }
    }

    /// Receives and drops until the server ends the connection, or for as long as the trial can
    /// wait.
    pub fn ending(&mut self, t: &Trial) -> Result<Ending> {
        let Ok(stream) = &mut self.stream else { return Ok(Ending::Reset) };
        let mut patience = t.patience();
        while patience.lasts() {
            if ready(stream, PollFlags::POLLIN)?.is_empty() {
                continue;
            }
            self.received.clear();
            match receive(stream, &mut self.received)? {
                Some(true) => return Ok(Ending::Reset),
                Some(false) => return Ok(Ending::Closed),
                None => {}
            }
        }
        Ok(Ending::Open)
    }

    /// Shuts down the sending direction: there will be no further request. Of a connection that
    /// the server has reset there is nothing left to shut down.
    pub fn half_close(&self) -> Result {
        match self.stream.as_ref().map(|stream| stream.shutdown(Shutdown::Write)) {
            Ok(Err(error)) if error.kind() != ErrorKind::NotConnected => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Ends the connection by a reset (`SO_LINGER` with a time of 0, socket(7)), over `AF_UNIX` by
    /// a close.
    pub fn reset(self) -> Result {
        if let Ok(Stream::Tcp(stream)) = &self.stream {
            let linger = libc::linger { l_onoff: 1, l_linger: 0 };
            setsockopt(stream, sockopt::Linger, &linger)?;
        }
        Ok(())
    }

    /// What the last whole reply says of the thread that made it, in a field of an HTTP reply.
    pub fn replier(&self, field: &str) -> Option<String> {
        crate::dialect::field(&self.last, field)
    }

    /// The client's own address, for TCP.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match &self.stream {
            Ok(Stream::Tcp(stream)) => stream.local_addr().ok(),
            _ => None,
        }
    }

    /// Whether no reply came yet.
    pub fn is_fresh(&self) -> bool {
        self.last.is_empty()
    }

    /// The bytes that have come and were not taken from the kernel yet (`FIONREAD`).
    pub fn unread(&self) -> Result<usize> {
        self.stream.as_ref().map_or(Ok(0), crate::net::unread)
    }

    /// The connection's socket; nothing if it could not be made.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().ok().map(AsFd::as_fd)
    }
}

/// Waits a short time for one of `wanted`, or the end of the connection.
fn ready(stream: &Stream, wanted: PollFlags) -> Result<PollFlags> {
    let mut fds = [PollFd::new(stream.as_fd(), wanted)];
    match poll(&mut fds, PollTimeout::from(GLANCE)) {
        Ok(_) => Ok(fds[0].revents().unwrap_or(PollFlags::empty())),
        Err(Errno::EINTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error.into()),
    }
}

/// Receives what is there. `Some(reset)` tells that the connection has ended.
fn receive(stream: &mut Stream, into: &mut Vec<u8>) -> Result<Option<bool>> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk) {
        Ok(0) => Ok(Some(false)),
        Ok(length) => {
            into.extend_from_slice(&chunk[..length]);
            Ok(None)
        }
        Err(error) if is_passing(&error) => Ok(None),
        Err(error)
            if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
        {
            Ok(Some(true))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A nonblocking connection, complete; or why it could not be made.
fn open(
    t: &Trial,
    address: &Address,
    buffer: Option<usize>,
) -> Result<std::result::Result<Stream, Errno>> {
    let fd = nonblocking_socket(address)?;
    if let Some(bytes) = buffer {
        setsockopt(&fd, sockopt::RcvBuf, &bytes)?;
    }
    let mut patience = t.patience();
    let outcome = loop {
        match begin(&fd, address) {
            // A full queue of an AF_UNIX listener (unix(7)): there is nothing to wait for but time.
            Err(Errno::EAGAIN) if patience.lasts() => {
                nix::sched::sched_yield()?;
            }
            other => break other,
        }
    };
    match outcome {
        Ok(()) => {}
        Err(Errno::EINPROGRESS) => {
            if let Some(errno) = completed(t, &fd)? {
                return Ok(Err(errno));
            }
        }
        // This end has no port left (connect(2)): nothing was asked of the server.
        Err(errno @ Errno::EADDRNOTAVAIL) => return Err(errno.into()),
        Err(errno) => return Ok(Err(errno)),
    }
    Ok(Ok(stream(fd, address)?))
}

/// A socket for connections to `address`.
fn nonblocking_socket(address: &Address) -> Result<OwnedFd> {
    let family = match address {
        Address::Tcp(SocketAddr::V4(_)) => AddressFamily::Inet,
        Address::Tcp(SocketAddr::V6(_)) => AddressFamily::Inet6,
        Address::Unix(_) => AddressFamily::Unix,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(family, SockType::Stream, flags, None)?)
}

/// Begins to connect (connect(2)).
fn begin(fd: &OwnedFd, address: &Address) -> nix::Result<()> {
    match address {
        Address::Tcp(address) => connect(fd.as_raw_fd(), &SockaddrStorage::from(*address)),
        Address::Unix(path) => connect(fd.as_raw_fd(), &UnixAddr::new(path)?),
    }
}

/// A complete connection as a stream.
fn stream(fd: OwnedFd, address: &Address) -> Result<Stream> {
    if let Address::Tcp(_) = address {
        let stream = TcpStream::from(fd);
        stream.set_nodelay(true)?;
        return Ok(Stream::Tcp(stream));
    }
    Ok(Stream::Unix(UnixStream::from(fd)))
}

/// Waits for the end of a nonblocking connect (connect(2), EINPROGRESS); its error, if any.
fn completed(t: &Trial, fd: &OwnedFd) -> Result<Option<Errno>> {
    let mut patience = t.patience();
    while patience.lasts() {
        let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut fds, PollTimeout::from(GLANCE)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(crate::net::take_error(fd)?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(Errno::ETIMEDOUT))
}
