//! Sockets on the loopback interface, and barriers that take the place of waiting.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrStorage, bind,
    getsockname, listen, setsockopt, socket, sockopt,
};

use crate::trial::{Result, Stop};
use crate::watch::{Sight, rest, until};

mod socket;
mod tables;

pub use crate::sys::socket::{get_option, set_option, take_error};
pub use socket::{bind_at, connect_to, established, socket_for, try_to_connect};
pub use tables::{Listed, counter, listed};

/// What a system refuses to tell cannot be seen, which is not the same as its being otherwise.
fn told<T>(answer: nix::Result<T>, what: &str) -> Result<T> {
    answer.map_err(|error| match error {
        Errno::ENOTTY | Errno::ENOPROTOOPT | Errno::EOPNOTSUPP | Errno::ENOSYS => {
            Stop::Unobservable(format!("this system does not tell {what}: {}", error.desc()))
        }
        other => other.into(),
    })
}

/// The bytes that wait to be read: `FIONREAD`, which is `SIOCINQ` for a socket (tcp(7), pipe(7)).
pub fn unread(fd: impl AsFd) -> Result<usize> {
    told(crate::sys::socket::unread(fd), "how much waits to be read (FIONREAD)")
}

/// The bytes that the peer's kernel has not acknowledged: `SIOCOUTQ` (tcp(7)).
pub fn unacked(fd: impl AsFd) -> Result<usize> {
    told(crate::sys::socket::unacked(fd), "how much is not acknowledged (SIOCOUTQ)")
}

/// The bytes that were not even sent: `SIOCOUTQNSD` (tcp(7)).
pub fn unsent(fd: impl AsFd) -> Result<usize> {
    told(crate::sys::socket::unsent(fd), "how much is not sent (SIOCOUTQNSD)")
}

/// `TCP_INFO` (tcp(7)). Fields that the kernel is too old to fill are zero.
pub fn tcp_info(fd: impl AsFd) -> Result<libc::tcp_info> {
    told(crate::sys::socket::tcp_info(fd), "the state of a connection (TCP_INFO)")
}

/// A listener on a port of the kernel's choice.
pub fn listener() -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)
}

/// A listener whose queue is made for `backlog` connections (listen(2)).
pub fn listener_with_backlog(backlog: i32) -> Result<TcpListener> {
    let socket = tcp_socket()?;
    bind_to(&socket, 0)?;
    listen(&socket, Backlog::new(backlog)?)?;
    Ok(TcpListener::from(socket))
}

/// A listener of a `SO_REUSEPORT` group; port 0 lets the kernel choose one.
pub fn reuseport_listener(port: u16) -> Result<TcpListener> {
    let socket = tcp_socket()?;
    setsockopt(&socket, sockopt::ReusePort, &true)?;
    bind_to(&socket, port)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(TcpListener::from(socket))
}

/// A TCP socket that is neither bound nor connected.
pub fn tcp_socket() -> Result<OwnedFd> {
    Ok(socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?)
}

/// Binds to a port of 127.0.0.1; 0 lets the kernel choose one.
pub fn bind_to(socket: &OwnedFd, port: u16) -> Result {
    Ok(bind_at(socket, (Ipv4Addr::LOCALHOST, port).into())?)
}

/// Sets a sysctl of this network namespace: `core/somaxconn` is `net.core.somaxconn`. For cases
/// that need [`crate::need::Need::PrivateNet`]; the trial is skipped where it may not be set.
pub fn set_sysctl(name: &str, value: usize) -> Result {
    write_sysctl(name, &value.to_string())
}

/// The same for a sysctl whose value is no single number.
pub fn write_sysctl(name: &str, value: &str) -> Result {
    let path = format!("/proc/sys/net/{name}");
    std::fs::write(&path, value).map_err(|error| Stop::Skipped {
        reason: format!("{path} cannot be set: {error}"),
        mend: String::new(),
    })
}

/// The port to which a socket is bound, of IPv4 or IPv6; 0 if it is not.
pub fn port_of(socket: impl AsFd) -> Result<u16> {
    use std::os::fd::AsRawFd;
    let name = getsockname::<SockaddrStorage>(socket.as_fd().as_raw_fd())?;
    let v4 = name.as_sockaddr_in().map(SockaddrIn::port);
    v4.or_else(|| name.as_sockaddr_in6().map(SockaddrIn6::port))
        .ok_or_else(|| Stop::error("the socket has no port"))
}

/// Two ends of a TCP connection: the one that connected and the one that was accepted.
pub fn tcp_pair() -> Result<(TcpStream, TcpStream)> {
    let listener = listener()?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok((client, server))
}

/// Connects, and returns when the connection is complete on both sides and everything that its
/// arrival wakes has been woken: see [`barrier`].
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    barrier()?;
    Ok(stream)
}

/// Returns when the kernel has handled everything that this thread sent on loopback so far.
///
/// The loopback device puts packets on a queue of the sending CPU (`netif_rx`), which is worked
/// off in order. A datagram to oneself from the same CPU therefore comes back only after all that
/// was sent before it was delivered, and after the wait queues that it concerns were walked to
/// their end. An answer that the kernel gives on its own (a reset, an ICMP error) may queue up
/// behind the datagram: one barrier more covers that too. The calling thread must not change its
/// CPU in between: see [`stay_on_this_cpu`].
///
/// A system whose `/proc` does not show where threads sleep (gVisor) does not keep connections and
/// datagrams in one order either: there a quiet period passes instead, as in [`watch`](crate::watch).
pub fn barrier() -> Result {
    if Sight::here() == Sight::Quiet && Path::new("/proc/self").exists() {
        return rest();
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.send(b"!")?;
    socket.recv(&mut [0])?;
    Ok(())
}

/// Binds the calling thread to the CPU on which it runs; others stay free to run anywhere.
pub fn stay_on_this_cpu() -> Result {
    let mut here = nix::sched::CpuSet::new();
    here.set(nix::sched::sched_getcpu()?)?;
    Ok(nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &here)?)
}

/// Returns when `bytes` bytes wait to be read from `fd`.
pub fn delivered(fd: impl AsFd, bytes: usize) -> Result {
    until(|| Ok(unread(&fd)? == bytes))
}

/// Returns when the peer's kernel has acknowledged all that was sent on `fd`.
pub fn acknowledged(fd: impl AsFd) -> Result {
    until(|| Ok(unacked(&fd)? == 0))
}

/// Writes until the kernel takes no more, and returns how much it took. The descriptor must be
/// nonblocking.
pub fn fill(mut writer: impl std::io::Write) -> Result<usize> {
    let chunk = [0; 4096];
    let mut total = 0;
    loop {
        match writer.write(&chunk) {
            Ok(length) => total += length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(total),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The two ends, writer first, of each kind of byte stream: a pipe, a TCP connection, and a pair
/// of connected `AF_UNIX` sockets.
pub fn streams() -> Result<[(&'static str, OwnedFd, OwnedFd); 3]> {
    let (pipe_reader, pipe_writer) = std::io::pipe()?;
    let (client, server) = tcp_pair()?;
    let (left, right) = std::os::unix::net::UnixStream::pair()?;
    Ok([
        ("pipe", pipe_writer.into(), pipe_reader.into()),
        ("TCP", client.into(), server.into()),
        ("AF_UNIX", left.into(), right.into()),
    ])
}

/// Sets or clears `O_NONBLOCK`.
pub fn set_nonblocking(fd: impl AsFd, on: bool) -> Result {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let mut flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, on);
    fcntl(&fd, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// An `AF_UNIX` stream socket that is neither bound nor connected.
pub fn unix_socket() -> Result<OwnedFd> {
    Ok(socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?)
}

/// An `AF_UNIX` listener with an abstract address of its own (unix(7)).
pub fn unix_listener(backlog: i32) -> Result<(OwnedFd, nix::sys::socket::UnixAddr)> {
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("ioconform-{}-{number}", std::process::id());
    let address = nix::sys::socket::UnixAddr::new_abstract(name.as_bytes())?;
    let socket = unix_socket()?;
    bind(socket.as_raw_fd(), &address)?;
    listen(&socket, Backlog::new(backlog)?)?;
    Ok((socket, address))
}

/// How many connections wait to be accepted: `TCP_INFO` of a listener counts them. Ends the trial
/// as `unobservable` on a system that does not count a connection made for the purpose.
pub fn queued(listener: &TcpListener) -> Result<u32> {
    let count = |listener: &TcpListener| -> Result<u32> { Ok(tcp_info(listener)?.tcpi_unacked) };
    let control = self::listener()?;
    let _client = connect(control.local_addr()?)?;
    let mut patience = crate::watch::Patience::new(std::time::Duration::from_secs(1));
    while count(&control)? != 1 && patience.lasts() {
        nix::sched::sched_yield()?;
    }
    if count(&control)? == 1 {
        count(listener)
    } else {
        Err(Stop::Unobservable("TCP_INFO does not count a listener's queue here".to_owned()))
    }
}
