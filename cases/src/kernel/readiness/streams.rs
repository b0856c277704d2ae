//! `AF_UNIX` sockets that keep a connection: streams and sequenced packets. Both ends are in one
//! kernel, so a peer that closes is a hang-up at once, and one that leaves data unread an error too.

use harness::prelude::*;
use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, connect, send, shutdown, socketpair,
};

use super::{IDLE, State, state, told_alike};

const ENDED: PollFlags = POLLIN.union(POLLOUT).union(POLLRDHUP);

/// The states that both kinds of socket have in common.
fn states(kind: SockType) -> Result<Vec<State>> {
    let mut states = Vec::new();
    let mut add = |name, expected, make: &dyn Fn(&OwnedFd, &OwnedFd) -> Result| -> Result {
        let (socket, peer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
        make(&socket, &peer)?;
        states.push(state(name, expected, socket, peer));
        Ok(())
    };
    let shut = |socket: &OwnedFd, how| -> Result { Ok(shutdown(socket.as_raw_fd(), how)?) };
    let put = |socket: &OwnedFd| -> Result { Ok(nix::unistd::write(socket, b"a").map(drop)?) };
    add("idle", POLLOUT, &|_, _| Ok(()))?;
    add("with data", POLLIN | POLLOUT, &|_, peer| put(peer))?;
    let fill = |socket: &OwnedFd| -> Result {
        while send(socket.as_raw_fd(), &[0; 1024], MsgFlags::MSG_DONTWAIT) != Err(Errno::EAGAIN) {}
        Ok(())
    };
    add("without room", IDLE, &|socket, _| fill(socket))?;
    add("without room, with data", POLLIN, &|socket, peer| {
        put(peer)?;
        fill(socket)
    })?;
    add("that sends no more", POLLOUT, &|socket, _| shut(socket, Shutdown::Write))?;
    add("that receives no more", ENDED, &|socket, _| shut(socket, Shutdown::Read))?;
    add("whose peer sends no more", ENDED, &|_, peer| shut(peer, Shutdown::Write))?;
    add("shut on both sides", ENDED | POLLHUP, &|socket, _| shut(socket, Shutdown::Both))?;

    let (socket, peer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    drop(peer);
    states.push(state("closed by its peer", ENDED | POLLHUP, socket, ()));
    let (socket, peer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    put(&socket)?;
    drop(peer);
    let reset = ENDED | POLLERR | POLLHUP;
    states.push(state("closed by a peer that had not read", reset, socket, ()));
    Ok(states)
}

/// Of a connected `AF_UNIX` stream socket select, poll, epoll and `io_uring` tell the same.
#[case(man = ["unix(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["unix_poll"], strength = Implementation)]
fn unix_stream(t: &mut Trial) -> Result {
    told_alike(t, states(SockType::Stream)?)
}

/// Of a connected `AF_UNIX` socket for sequenced packets select, poll, epoll and `io_uring` tell the
/// same.
#[case(man = ["unix(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["unix_dgram_poll"], strength = Implementation)]
fn unix_seqpacket(t: &mut Trial) -> Result {
    told_alike(t, states(SockType::SeqPacket)?)
}

/// Of an `AF_UNIX` listener, and of a stream socket that has no connection yet, select, poll, epoll and
/// `io_uring` tell the same.
#[case(man = ["unix(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["unix_poll"], strength = Implementation)]
fn unix_listener(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    states.push(state("fresh", POLLOUT | POLLHUP, net::unix_socket()?, ()));
    let (listener, _) = net::unix_listener(4)?;
    states.push(state("listening", IDLE, listener, ()));
    let (listener, address) = net::unix_listener(4)?;
    let client = net::unix_socket()?;
    connect(client.as_raw_fd(), &address)?;
    states.push(state("with a connection", POLLIN, listener.try_clone()?, ()));
    states.push(state("connected, and not accepted", POLLOUT, client, listener));
    told_alike(t, states)
}

/// Of urgent data on an `AF_UNIX` stream socket select, poll, epoll and `io_uring` tell the same: an
/// exceptional condition.
#[case(man = ["unix(7), MSG_OOB", "poll(2), POLLPRI"], commit = ["314001f0bf92", "d9a232d435dc"], kernel = ["unix_poll"], since = "5.15", strength = Documented, changed = [("5.15", "5.18", deviates, "urgent data was there, and no POLLPRI, until commit d9a232d435dc (also in stable kernels)")])]
fn unix_urgent_data(t: &mut Trial) -> Result {
    let (socket, peer) = UnixStream::pair()?;
    (&peer).write_all(b"a")?;
    send(peer.as_raw_fd(), b"!", MsgFlags::MSG_OOB)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EOPNOTSUPP], "MSG_OOB"))?;
    let urgent = POLLIN | POLLPRI | POLLOUT;
    told_alike(t, vec![state("with data and urgent data", urgent, socket, peer)])
}
