//! TCP sockets. A connection has two directions, and poll tells of each: what may be read, what may
//! be written, that the peer sends no more (POLLRDHUP), that both directions are shut (POLLHUP), and
//! that it was reset (POLLERR). A socket without a connection is a connection that is over.

use std::net::Shutdown::{Both, Read, Write};

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, SockaddrIn, connect, send, setsockopt, sockopt};

use super::{IDLE, State, state, told_alike};

/// The end of the stream is there to be read.
const ENDED: PollFlags = POLLIN.union(POLLOUT).union(POLLRDHUP);

/// Of a connected TCP socket select, poll, epoll and `io_uring` tell the same: data, urgent data, room,
/// and how much of the connection is over.
#[case(man = ["poll(2)", "select(2)", "epoll_ctl(2)", "io_uring_enter(2), IORING_OP_POLL_ADD"], kernel = ["tcp_poll"], strength = Implementation)]
fn connection(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    let mut add = |name, expected, make: &dyn Fn(&TcpStream, &TcpStream) -> Result| -> Result {
        let (socket, peer) = net::tcp_pair()?;
        make(&socket, &peer)?;
        states.push(state(name, expected, socket, peer));
        Ok(())
    };
    let urgent = |peer: &TcpStream| send(peer.as_raw_fd(), b"!", MsgFlags::MSG_OOB);
    add("idle", POLLOUT, &|_, _| Ok(()))?;
    add("with data", POLLIN | POLLOUT, &|_, mut peer| Ok(peer.write_all(b"a")?))?;
    add("with urgent data", POLLPRI | POLLOUT, &|_, peer| Ok(urgent(peer).map(drop)?))?;
    add("with data and urgent data", POLLIN | POLLPRI | POLLOUT, &|_, mut peer| {
        peer.write_all(b"a")?;
        Ok(urgent(peer).map(drop)?)
    })?;
    add("that sends no more", POLLOUT, &|socket, _| Ok(socket.shutdown(Write)?))?;
    add("that receives no more", ENDED, &|socket, _| Ok(socket.shutdown(Read)?))?;
    add("whose peer sends no more", ENDED, &|_, peer| Ok(peer.shutdown(Write)?))?;
    add("shut on both sides", ENDED | POLLHUP, &|socket, peer| {
        socket.shutdown(Write)?;
        Ok(peer.shutdown(Write)?)
    })?;
    add("that does neither any more", ENDED | POLLHUP, &|socket, _| Ok(socket.shutdown(Both)?))?;
    told_alike(t, states)
}

/// Of a TCP socket whose buffers are full select, poll, epoll and `io_uring` tell that there is no
/// room, and nothing else.
#[case(man = ["poll(2), POLLOUT", "select(2)", "epoll_ctl(2)"], kernel = ["tcp_poll", "sk_stream_is_writeable"], strength = Implementation)]
fn without_room(t: &mut Trial) -> Result {
    let full = || -> Result<(TcpStream, TcpStream)> {
        let (socket, peer) = net::tcp_pair()?;
        // What the peer may still take, when it is sent again after a while, makes no room: that is a
        // third of the buffer.
        setsockopt(&socket, sockopt::SndBuf, &(1 << 17))?;
        setsockopt(&peer, sockopt::RcvBuf, &(1 << 13))?;
        socket.set_nonblocking(true)?;
        let mut sent = 0;
        // That it never comes to be full is for those to tell who are asked.
        t.eventually(|| {
            let more = net::fill(&socket)?;
            sent += more;
            // What was under way has arrived, and is acknowledged or refused.
            net::barrier()?;
            let at_rest = more == 0 && net::unread(&peer)? + net::unacked(&socket)? == sent;
            Ok(at_rest && poll_now(&socket, POLLOUT)?.is_empty())
        })?;
        Ok((socket, peer))
    };
    net::stay_on_this_cpu()?;
    let mut states = Vec::new();
    let (socket, peer) = full()?;
    states.push(state("full", IDLE, socket, peer));
    let (socket, mut peer) = full()?;
    peer.write_all(b"a")?;
    states.push(state("full, with data", POLLIN, socket, peer));
    told_alike(t, states)
}

/// Of a TCP socket whose peer is gone select, poll, epoll and `io_uring` tell the same: the end of its
/// stream, or the reset.
#[case(man = ["poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["tcp_poll", "tcp_reset"], strength = Implementation)]
fn without_a_peer(t: &mut Trial) -> Result {
    let reset = |peer: TcpStream| -> Result {
        setsockopt(&peer, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 })?;
        drop(peer);
        Ok(())
    };
    let mut states = Vec::new();
    let (socket, peer) = net::tcp_pair()?;
    drop(peer);
    states.push(state("closed by its peer", ENDED, socket, ()));
    let (socket, mut peer) = net::tcp_pair()?;
    peer.write_all(b"a")?;
    drop(peer);
    states.push(state("with data, closed by its peer", ENDED, socket, ()));
    let (socket, peer) = net::tcp_pair()?;
    reset(peer)?;
    states.push(state("reset", ENDED | POLLERR | POLLHUP, socket, ()));
    let (socket, peer) = net::tcp_pair()?;
    reset(peer)?;
    poll_wait(&socket, IDLE)?;
    net::take_error(&socket)?;
    states.push(state("reset, with the error taken", ENDED | POLLHUP, socket, ()));
    told_alike(t, states)
}

/// A socket whose connect is under way to `port`.
fn connecting(port: u16) -> Result<OwnedFd> {
    let socket = net::tcp_socket()?;
    net::set_nonblocking(&socket, true)?;
    match connect(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Of a TCP socket on its way to a connection select, poll, epoll and `io_uring` tell the same: fresh,
/// bound, connecting, connected, refused.
#[case(man = ["poll(2)", "select(2)", "epoll_ctl(2)", "connect(2), ERRORS: EINPROGRESS"], kernel = ["tcp_poll"], strength = Implementation)]
fn connecting_socket(t: &mut Trial) -> Result {
    let mut states: Vec<State> = Vec::new();
    states.push(state("fresh", POLLOUT | POLLHUP, net::tcp_socket()?, ()));
    let bound = net::tcp_socket()?;
    net::bind_to(&bound, 0)?;
    let closed = net::port_of(&bound)?;
    states.push(state("refused", ENDED | POLLERR | POLLHUP, connecting(closed)?, ()));
    states.push(state("bound", POLLOUT | POLLHUP, bound, ()));
    let listener = net::listener()?;
    let port = net::port_of(&listener)?;
    states.push(state("connected", POLLOUT, connecting(port)?, listener));

    // A queue that is full answers no handshake: whoever comes later stays on the way.
    let listener = net::listener_with_backlog(0)?;
    let port = net::port_of(&listener)?;
    net::stay_on_this_cpu()?;
    let first = net::connect(listener.local_addr()?)?;
    states.push(state("connecting", IDLE, connecting(port)?, (listener, first)));
    told_alike(t, states)
}

/// Of a TCP listener select, poll, epoll and `io_uring` tell the same: a connection that waits, and the
/// end of listening.
#[case(man = ["poll(2)", "select(2)", "epoll_ctl(2)", "accept(2)"], kernel = ["inet_csk_listen_poll"], strength = Implementation)]
fn listener(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    states.push(state("idle", IDLE, net::listener()?, ()));
    let listener = net::listener()?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    states.push(state("with a connection", POLLIN, listener, client));
    let listener = net::listener()?;
    nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Read)?;
    states.push(state("that was shut down", POLLOUT | POLLHUP, listener, ()));
    told_alike(t, states)
}
