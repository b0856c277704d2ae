//! Listeners and connections, over TCP or AF_UNIX alike.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, Shutdown, SockFlag, SockType, SockaddrLike, SockaddrStorage,
    UnixAddr, bind, getsockname, getsockopt, listen, recv, send, setsockopt, shutdown, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::Pid;

use crate::mutants::{Fault, planted};
use crate::sys;

/// The length of the accept queue that is asked for; `net.core.somaxconn` may cut it.
pub(crate) const BACKLOG: i32 = 4096;

/// How long a listener rests when descriptors have run out.
pub(crate) const REST: Duration = Duration::from_millis(100);

/// How much output a mutant's socket holds that takes a part for the whole: less than a big reply,
/// however fast its client reads.
const LITTLE: usize = 4096;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address; port 0 lets the kernel choose.
    Inet(SocketAddr),
    /// The path of an AF_UNIX socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    /// `127.0.0.1:8080`, `[::1]:0`, or a path: anything with a `/` in it.
    fn from_str(text: &str) -> Result<Address, String> {
        if text.contains('/') {
            return Ok(Address::Unix(text.into()));
        }
        let refuse = |_| "not an ADDRESS:PORT, and not a path with a `/` in it".to_string();
        text.parse().map(Address::Inet).map_err(refuse)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Inet(address) => address.fmt(formatter),
            Address::Unix(path) => path.display().fmt(formatter),
        }
    }
}

/// What [`Listener::accept`] found.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection.
    Stream(Stream),
    /// No connection is waiting, or a signal came.
    Nothing,
    /// The connection stays in the queue: descriptors or memory ran out. To try again at once
    /// would be to spin.
    Exhausted,
    /// The listener accepts no more: it was shut down.
    Closed,
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    address: Address,
    /// The process that may end it for all who share it.
    owner: Pid,
    /// What a worker drops when it will accept no more.
    drained: Mutex<Option<OwnedFd>>,
}

impl Listener {
    /// A socket that listens at `address`; with `reuseport`, further sockets of this user may
    /// listen there too. Fails like `bind(2)` and `listen(2)`.
    pub(crate) fn bind(address: &Address, reuseport: bool) -> io::Result<Listener> {
        let socket_address: Box<dyn SockaddrLike> = match address {
            Address::Inet(address) => Box::new(SockaddrStorage::from(*address)),
            Address::Unix(path) => Box::new(UnixAddr::new(path)?),
        };
        let family = socket_address.family().unwrap_or(AddressFamily::Unspec);
        let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        if matches!(address, Address::Inet(_)) {
            setsockopt(&fd, sockopt::ReuseAddr, &true)?;
            setsockopt(&fd, sockopt::ReusePort, &reuseport)?;
        }
        bind(fd.as_raw_fd(), socket_address.as_ref())?;
        listen(&fd, Backlog::new(BACKLOG)?)?;
        Listener::try_from(fd)
    }

    /// Where it listens: with the port that the kernel chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Accepts the next connection with `flags`. What only concerns the connection that failed
    /// (accept(2), "Error handling") is passed over.
    pub(crate) fn accept(&self, flags: SockFlag) -> Accepted {
        loop {
            return match sys::accept(self, flags) {
                Ok(fd) => Accepted::Stream(self.stream(fd)),
                Err(Errno::EAGAIN | Errno::EINTR) => Accepted::Nothing,
                Err(errno) if is_exhaustion(errno) => Accepted::Exhausted,
                Err(Errno::EINVAL | Errno::EBADF | Errno::ENOTSOCK) => Accepted::Closed,
                Err(_) => continue,
            };
        }
    }

    /// A connection that was accepted from here.
    pub(crate) fn stream(&self, fd: OwnedFd) -> Stream {
        if matches!(self.address, Address::Inet(_)) {
            // Replies are written whole: to wait for more (Nagle) could only delay them. It fails
            // on a connection that is gone already, as the first read will tell.
            let _ = setsockopt(&fd, sockopt::TcpNoDelay, &true);
        }
        if planted(Fault::TakesAPartForTheWhole) {
            let _ = setsockopt(&fd, sockopt::SndBuf, &LITTLE);
        }
        Stream { fd }
    }

    /// Makes `accept` of every thread and process that shares the listener return at once.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        self.set_blocks(false)
    }

    /// Makes `accept` wait.
    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        self.set_blocks(true)
    }

    fn set_blocks(&self, blocks: bool) -> io::Result<()> {
        let mut flags = OFlag::from_bits_retain(fcntl(self, FcntlArg::F_GETFL)?);
        flags.set(OFlag::O_NONBLOCK, !blocks);
        fcntl(self, FcntlArg::F_SETFL(flags))?;
        Ok(())
    }

    /// The number of the descriptor.
    pub(crate) fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Whether a connection is waiting in the accept queue.
    pub(crate) fn has_waiting(&self) -> bool {
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }

    /// Makes the calling process the one whose [`shut_down`](Self::shut_down) counts.
    pub(crate) fn own(&mut self) {
        self.owner = Pid::this();
    }

    /// Refuses connections from now on, for all who share the listener, and resets those that
    /// still wait in its queue. In a process that was forked from the owner it only tells the owner
    /// that this process has left: a worker may end alone, and others go on.
    pub(crate) fn shut_down(&self) {
        if self.owner == Pid::this() {
            // ENOTCONN: it was shut down before.
            let _ = shutdown(self.fd.as_raw_fd(), Shutdown::Both);
        }
        self.tell_when_drained(None);
    }

    /// Sets the pipe that hangs up when this process accepts no more from the listener.
    pub(crate) fn tell_when_drained(&self, pipe: Option<OwnedFd>) {
        *self.drained.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }

    /// One more listener at the same address, with a queue of its own. Fails if the listener was
    /// not bound with `SO_REUSEPORT`.
    pub(crate) fn sibling(&self) -> io::Result<Listener> {
        if matches!(self.address, Address::Unix(_)) {
            return Err(no_reuseport());
        }
        if !getsockopt(self, sockopt::ReusePort)? {
            return Err(io::Error::other("the listener was bound without SO_REUSEPORT"));
        }
        Listener::bind(&self.address, true)
    }
}

impl TryFrom<OwnedFd> for Listener {
    type Error = io::Error;

    /// Takes over a socket that listens already. Fails if it has no TCP or AF_UNIX address.
    fn try_from(fd: OwnedFd) -> io::Result<Listener> {
        let name: SockaddrStorage = getsockname(fd.as_raw_fd())?;
        let address = if let Some(name) = name.as_sockaddr_in() {
            Address::Inet(SocketAddr::V4((*name).into()))
        } else if let Some(name) = name.as_sockaddr_in6() {
            Address::Inet(SocketAddr::V6((*name).into()))
        } else if let Some(name) = name.as_unix_addr() {
            Address::Unix(name.path().map(PathBuf::from).unwrap_or_default())
        } else {
            return Err(io::Error::other("neither a TCP nor an AF_UNIX listener"));
        };
        Ok(Listener { fd, address, owner: Pid::this(), drained: Mutex::default() })
    }
}

impl TryFrom<TcpListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<Listener> {
        Listener::try_from(OwnedFd::from(listener))
    }
}

impl TryFrom<UnixListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: UnixListener) -> io::Result<Listener> {
        Listener::try_from(OwnedFd::from(listener))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Stream {
    fd: OwnedFd,
}

impl Stream {
    /// `recv(2)`: the number of bytes, 0 at the end.
    pub(crate) fn receive(&self, space: &mut [u8], flags: MsgFlags) -> nix::Result<usize> {
        recv(self.fd.as_raw_fd(), space, flags)
    }

    /// `send(2)`, without the signal that a vanished peer would bring.
    pub(crate) fn send(&self, output: &[u8]) -> nix::Result<usize> {
        let signals = planted(Fault::DiesOfABrokenPipe);
        let flags = if signals { MsgFlags::empty() } else { MsgFlags::MSG_NOSIGNAL };
        send(self.fd.as_raw_fd(), output, flags)
    }

    /// Tells the peer that nothing more is sent.
    pub(crate) fn end(&self) {
        // ENOTCONN: the peer is gone, as the next read will tell.
        let _ = shutdown(self.fd.as_raw_fd(), Shutdown::Write);
    }

    /// How long one `recv` may sleep (`SO_RCVTIMEO` of socket(7)).
    pub(crate) fn limit_receive(&self, time: Duration) -> nix::Result<()> {
        setsockopt(&self.fd, sockopt::ReceiveTimeout, &time_value(time))
    }

    /// How long one `send` may sleep (`SO_SNDTIMEO` of socket(7)).
    pub(crate) fn limit_send(&self, time: Duration) -> nix::Result<()> {
        setsockopt(&self.fd, sockopt::SendTimeout, &time_value(time))
    }

    /// The number of the descriptor.
    pub(crate) fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Why a model whose workers listen for themselves does not serve AF_UNIX.
pub(crate) fn no_reuseport() -> io::Error {
    io::Error::other("AF_UNIX has no SO_REUSEPORT; give --listen ADDRESS:PORT")
}

/// Whether a connection could not be accepted because descriptors or memory ran out. That is said
/// on stderr, at most once a second.
pub(crate) fn is_exhaustion(errno: Errno) -> bool {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    static LAST: AtomicU64 = AtomicU64::new(0);
    let exhausted = matches!(errno, Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM);
    let second = START.elapsed().as_secs() + 1;
    if exhausted && LAST.swap(second, Ordering::Relaxed) != second {
        eprintln!("accept: {}; connections wait in the queue", errno.desc());
    }
    exhausted
}

/// A time for a socket option; zero would mean for ever.
fn time_value(time: Duration) -> TimeVal {
    TimeVal::microseconds(i64::try_from(time.as_micros()).unwrap_or(i64::MAX).max(1))
}
