//! Other things than a TCP listener that many may wait for: what makes one ready, and what takes
//! that away again. Each stimulus is one item, and one worker can take it.

use std::sync::Arc;

use harness::prelude::*;
use harness::sys::inet;
use nix::sys::socket::connect;

/// The workers of a crew: fewer than for a listener, as there are many things to wait for.
pub(super) const WORKERS: usize = 4;
/// The stimuli of a case: enough to see the first worker come round again.
const ITEMS: usize = WORKERS + 2;

/// Something to wait for.
pub(super) struct Source {
    /// What it is, for the sentence of a check.
    pub(super) name: &'static str,
    /// What is waited for.
    pub(super) fd: Arc<OwnedFd>,
    /// Takes an item, and fails with EAGAIN if there is none, or sleeps if the descriptor is
    /// blocking.
    pub(super) take: fn(&OwnedFd) -> nix::Result<()>,
    /// Provides an item, and returns when everybody whom that wakes was woken.
    feed: Box<dyn FnMut() -> Result>,
}

/// Takes a byte, or what a counter holds.
fn take_bytes(fd: &OwnedFd) -> nix::Result<()> {
    nix::unistd::read(fd, &mut [0; 8]).map(drop)
}

/// Takes a connection, and closes it.
fn take_connection(fd: &OwnedFd) -> nix::Result<()> {
    inet::accept4(fd, 0, 0).map(drop)
}

/// A source of bytes: what is written to one end is read from the other.
fn bytes(name: &'static str, fd: impl Into<OwnedFd>, writer: impl Into<OwnedFd>) -> Source {
    let writer = writer.into();
    let feed = move || -> Result {
        nix::unistd::write(&writer, b"x")?;
        net::barrier()
    };
    Source { name, fd: Arc::new(fd.into()), take: take_bytes, feed: Box::new(feed) }
}

/// A pipe.
pub(super) fn pipe() -> Result<Source> {
    let (reader, writer) = std::io::pipe()?;
    Ok(bytes("a pipe", reader, writer))
}

/// UDP, and `AF_UNIX` datagrams.
pub(super) fn datagrams() -> Result<Vec<Source>> {
    let (udp, sender) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sender.connect(udp.local_addr()?)?;
    let (unix, peer) = std::os::unix::net::UnixDatagram::pair()?;
    Ok(vec![bytes("UDP", udp, sender), bytes("AF_UNIX datagrams", unix, peer)])
}

/// A TCP connection, and `AF_UNIX` streams.
pub(super) fn streams() -> Result<Vec<Source>> {
    let (client, server) = net::tcp_pair()?;
    client.set_nodelay(true)?;
    let (left, right) = UnixStream::pair()?;
    Ok(vec![bytes("a TCP connection", server, client), bytes("an AF_UNIX stream", left, right)])
}

/// A counter (eventfd(2)).
pub(super) fn counter() -> Result<Source> {
    use nix::sys::eventfd::{EfdFlags, EventFd};
    let fd = Arc::new(OwnedFd::from(EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?));
    let writer = fd.clone();
    let feed =
        move || -> Result { Ok(nix::unistd::write(&*writer, &1_u64.to_ne_bytes()).map(drop)?) };
    Ok(Source { name: "an eventfd", fd, take: take_bytes, feed: Box::new(feed) })
}

/// An `AF_UNIX` listener.
fn unix_listener() -> Result<Source> {
    let (listener, address) = net::unix_listener(8)?;
    let mut clients = Vec::new();
    let feed = move || -> Result {
        let client = net::unix_socket()?;
        connect(client.as_raw_fd(), &address)?;
        clients.push(client);
        Ok(())
    };
    let fd = Arc::new(listener);
    Ok(Source { name: "an AF_UNIX listener", fd, take: take_connection, feed: Box::new(feed) })
}

/// All of them.
pub(super) fn all() -> Result<Vec<Source>> {
    let mut all = vec![pipe()?, counter()?, unix_listener()?];
    all.extend(datagrams()?);
    all.extend(streams()?);
    Ok(all)
}

impl Source {
    /// Which workers each item wakes. Every item is taken by somebody.
    pub(super) fn woken_by_each(&mut self, t: &mut Trial, crew: &Crew) -> Result<Vec<Vec<usize>>> {
        net::stay_on_this_cpu()?;
        let mut woken = Vec::new();
        for item in 1..=ITEMS {
            crew.settle(t)?;
            let before = crew.counts()?;
            (self.feed)()?;
            check!(t, crew.wait_for(t, item as u64)?, "{}: item {item} is taken", self.name);
            crew.settle(t)?;
            woken.push(crew.counts()?.since(&before).woken());
        }
        Ok(woken)
    }
}

/// One worker for each item, in turn.
pub(super) fn in_turn() -> Vec<Vec<usize>> {
    (0..ITEMS).map(|item| vec![item % WORKERS]).collect()
}

/// The same workers for each item.
pub(super) fn always(workers: &[usize]) -> Vec<Vec<usize>> {
    vec![workers.to_vec(); ITEMS]
}
