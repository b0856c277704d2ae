//! The states of a socket as poll reports them. A stream socket that is not connected, or not any
//! more, is hung up; a direction that was shut is ready, for a call in that direction returns at
//! once, if only to say that there is nothing more.

use std::net::Shutdown;

use harness::prelude::*;
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{read, write};

const ALL: PollFlags = POLLIN.union(POLLOUT).union(POLLRDHUP);

/// A stream socket that was never connected, of TCP or `AF_UNIX`, is POLLOUT and POLLHUP; a UDP
/// socket is POLLOUT.
#[case(kernel = ["tcp_poll", "unix_poll", "datagram_poll"], strength = Implementation)]
fn fresh_stream_socket_is_hung_up(t: &mut Trial) -> Result {
    let hung_up = POLLOUT | POLLHUP;
    check!(t, poll_now(net::tcp_socket()?, POLLIN | POLLOUT)? == hung_up, "TCP");
    check!(t, poll_now(net::unix_socket()?, POLLIN | POLLOUT)? == hung_up, "AF_UNIX");
    let datagram = UdpSocket::bind("127.0.0.1:0")?;
    check!(t, poll_now(&datagram, POLLIN | POLLOUT)? == POLLOUT, "UDP");
    Ok(())
}

/// A socket whose own process has shut down its reading half is POLLIN and POLLRDHUP, as if the
/// peer had done it, and read returns 0.
#[case(kernel = ["tcp_poll", "unix_poll"], strength = Implementation)]
fn own_reading_half_shut_is_rdhup(t: &mut Trial) -> Result {
    for (kind, _peer, socket) in net::streams()?.into_iter().skip(1) {
        nix::sys::socket::shutdown(socket.as_raw_fd(), nix::sys::socket::Shutdown::Read)?;
        check!(t, poll_now(&socket, ALL)? == POLLIN | POLLOUT | POLLRDHUP, "{kind}");
        check!(t, read(&socket, &mut [0; 8]) == Ok(0), "{kind}: read returns at once, with 0");
    }
    Ok(())
}

/// A TCP socket whose own process has shut down its writing half is still POLLOUT, and nothing
/// else: a write would return at once, with EPIPE.
#[case(kernel = ["tcp_poll"], strength = Implementation)]
fn own_writing_half_shut_is_writable(t: &mut Trial) -> Result {
    let (socket, _peer) = net::tcp_pair()?;
    socket.shutdown(Shutdown::Write)?;
    check!(t, poll_now(&socket, ALL)? == POLLOUT, "writable, and not hung up");
    check!(t, write(&socket, b"!") == Err(Errno::EPIPE), "write fails at once");
    Ok(())
}

/// A TCP socket that was reset is everything at once: POLLIN, POLLOUT, POLLRDHUP, POLLERR and
/// POLLHUP; read then tells of ECONNRESET, and write of EPIPE.
#[case(kernel = ["tcp_poll", "tcp_reset"], strength = Implementation)]
fn reset_is_everything(t: &mut Trial) -> Result {
    let (peer, socket) = net::tcp_pair()?;
    setsockopt(&peer, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 })?;
    drop(peer);
    let reset = t.eventually(|| Ok(poll_now(&socket, ALL)?.contains(POLLERR)))?;
    check!(t, reset, "the peer's reset arrives");
    check!(t, poll_now(&socket, ALL)? == ALL | POLLERR | POLLHUP, "everything is reported");
    check!(t, read(&socket, &mut [0; 8]) == Err(Errno::ECONNRESET), "read tells of the reset");
    check!(t, write(&socket, b"!") == Err(Errno::EPIPE), "write, after that, of a closed pipe");
    Ok(())
}
