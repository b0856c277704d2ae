//! What the calls say on a socket that is not connected: not yet, or no longer. A reset is told
//! once, to whichever call asks first; after that the socket is like one whose connection never
//! was.

use harness::prelude::*;
use harness::tcp::reset;
use nix::sys::socket::{MsgFlags, Shutdown, SockaddrIn, getpeername, recv, send, shutdown};

/// What each call says, by its name. None of them raises a signal.
fn answers(socket: i32) -> [(&'static str, nix::Result<()>); 4] {
    [
        ("recv", recv(socket, &mut [0; 8], MsgFlags::empty()).map(drop)),
        ("send", send(socket, b"a", MsgFlags::MSG_NOSIGNAL).map(drop)),
        ("shutdown", shutdown(socket, Shutdown::Both)),
        ("getpeername", getpeername::<SockaddrIn>(socket).map(drop)),
    ]
}

/// On a TCP socket that was never connected, recv, shutdown and getpeername fail with ENOTCONN, and
/// send with EPIPE.
#[case(
    man = ["recv(2), ENOTCONN", "shutdown(2), ENOTCONN", "getpeername(2), ENOTCONN"],
    kernel = ["tcp_sendmsg", "inet_shutdown"],
    strength = Implementation
)]
fn never_connected(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let expected = [
        ("recv", Err(Errno::ENOTCONN)),
        ("send", Err(Errno::EPIPE)),
        ("shutdown", Err(Errno::ENOTCONN)),
        ("getpeername", Err(Errno::ENOTCONN)),
    ];
    check!(t, answers(socket.as_raw_fd()) == expected, "the four calls");
    Ok(())
}

/// A connection that was reset, and whose socket knows.
fn was_reset(t: &mut Trial) -> Result<TcpStream> {
    let (peer, socket) = net::tcp_pair()?;
    reset(peer)?;
    let told = t.eventually(|| Ok(poll_now(&socket, POLLIN)?.contains(POLLERR | POLLHUP)))?;
    check!(t, told, "the reset arrives");
    Ok(socket)
}

/// The first send after a reset fails with ECONNRESET and without a signal, the next ones with
/// EPIPE, and recv returns 0.
#[case(man = ["send(2), ECONNRESET"], kernel = ["sk_stream_error"], strength = Implementation)]
fn a_reset_is_told_once(t: &mut Trial) -> Result {
    let socket = was_reset(t)?;
    let send = |flags| send(socket.as_raw_fd(), b"a", flags);
    harness::sys::signal::take_notes_of(nix::sys::signal::Signal::SIGPIPE as i32, true)?;
    check!(t, send(MsgFlags::empty()) == Err(Errno::ECONNRESET), "the first send");
    check!(t, harness::sys::signal::handled() == 0, "signals so far");
    for attempt in 2..=3 {
        check!(t, send(MsgFlags::MSG_NOSIGNAL) == Err(Errno::EPIPE), "send number {attempt}");
    }
    let received = recv(socket.as_raw_fd(), &mut [0; 8], MsgFlags::empty());
    check!(t, received == Ok(0), "recv, to which nobody told anything");
    Ok(())
}

/// A socket whose connection was reset has no peer any more: getpeername fails with ENOTCONN.
#[case(man = ["getpeername(2), ENOTCONN"], kernel = ["tcp_done"], strength = Implementation)]
fn a_reset_takes_the_peer_away(t: &mut Trial) -> Result {
    let (peer, socket) = net::tcp_pair()?;
    check!(t, socket.peer_addr().is_ok(), "while the connection is there, the peer has a name");
    reset(peer)?;
    let gone = t.eventually(|| {
        Ok(getpeername::<SockaddrIn>(socket.as_raw_fd()).map(drop) == Err(Errno::ENOTCONN))
    })?;
    check!(t, gone, "when the reset has come, it has none");
    Ok(())
}

/// A FIN does not take the peer's name away: getpeername succeeds after the peer has closed.
#[case(man = ["getpeername(2)"], kernel = ["inet_getname"], strength = Implementation)]
fn an_end_leaves_the_peer_its_name(t: &mut Trial) -> Result {
    let (peer, mut socket) = net::tcp_pair()?;
    drop(peer);
    check!(t, socket.read(&mut [0; 8])? == 0, "the peer has closed");
    check!(t, socket.peer_addr().is_ok(), "getpeername");
    Ok(())
}
