//! A connect takes a round trip. A nonblocking one sets out and returns: over TCP with
//! EINPROGRESS, and the socket becomes writable when the outcome is known, which `SO_ERROR` then
//! tells. On `AF_UNIX` there is no trip, only a queue with or without room.

use harness::prelude::*;
use nix::sys::socket::{SockaddrIn, connect};

/// A nonblocking TCP connect fails with EINPROGRESS; when the socket has become writable,
/// `SO_ERROR` is 0, and the connection is there.
#[case(man = ["connect(2), ERRORS: EINPROGRESS"], strength = Documented)]
fn is_in_progress_then_done(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = SockaddrIn::new(127, 0, 0, 1, listener.local_addr()?.port());
    let client = net::tcp_socket()?;
    net::set_nonblocking(&client, true)?;
    check!(
        t,
        connect(client.as_raw_fd(), &address) == Err(Errno::EINPROGRESS),
        "the connect is under way"
    );
    check!(
        t,
        poll_wait(&client, POLLOUT)? == POLLOUT,
        "the socket becomes writable, with no error"
    );
    check!(t, net::take_error(&client)?.is_none(), "SO_ERROR says that it succeeded");
    check!(
        t,
        TcpStream::from(client).peer_addr()? == listener.local_addr()?,
        "the socket has its peer"
    );
    Ok(())
}

/// A connect repeated after a nonblocking one has succeeded returns 0 the first time, and fails
/// with EISCONN from then on.
#[case(kernel = ["__inet_stream_connect"], strength = Implementation)]
fn repeated_tells_success_once(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = SockaddrIn::new(127, 0, 0, 1, listener.local_addr()?.port());
    let client = net::tcp_socket()?;
    net::set_nonblocking(&client, true)?;
    check!(
        t,
        connect(client.as_raw_fd(), &address) == Err(Errno::EINPROGRESS),
        "the connect is under way"
    );
    poll_wait(&client, POLLOUT)?;
    check!(
        t,
        connect(client.as_raw_fd(), &address) == Ok(()),
        "the second connect tells of the success"
    );
    check!(
        t,
        connect(client.as_raw_fd(), &address) == Err(Errno::EISCONN),
        "the third one finds it told"
    );
    Ok(())
}

/// A refused nonblocking connect makes the socket readable and writable with an error and a
/// hang-up, and `SO_ERROR` gives the reason, ECONNREFUSED.
#[case(man = ["connect(2), ERRORS: EINPROGRESS", "socket(7), SO_ERROR"], strength = Implementation)]
fn refused_is_told_by_so_error(t: &mut Trial) -> Result {
    let deaf = net::tcp_socket()?;
    net::bind_to(&deaf, 0)?;
    let address = SockaddrIn::new(127, 0, 0, 1, net::port_of(&deaf)?);
    let client = net::tcp_socket()?;
    net::set_nonblocking(&client, true)?;
    check!(
        t,
        connect(client.as_raw_fd(), &address) == Err(Errno::EINPROGRESS),
        "the connect is under way"
    );
    let everything = POLLIN | POLLOUT | POLLERR | POLLHUP;
    let refused = t.eventually(|| Ok(poll_now(&client, POLLIN | POLLOUT)? == everything))?;
    check!(t, refused, "the refusal makes it {everything:?}");
    check!(t, net::take_error(&client)? == Some(Errno::ECONNREFUSED), "SO_ERROR tells the reason");
    Ok(())
}

/// Reading the reason of a refused nonblocking connect from `SO_ERROR` clears it: it is told once.
#[case(man = ["socket(7), SO_ERROR"], strength = Documented)]
fn reason_is_told_once(t: &mut Trial) -> Result {
    let (deaf, client) = (net::tcp_socket()?, net::tcp_socket()?);
    net::bind_to(&deaf, 0)?;
    net::set_nonblocking(&client, true)?;
    let started = connect(client.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, net::port_of(&deaf)?));
    check!(t, started == Err(Errno::EINPROGRESS), "the connect is under way");
    let refused = t.eventually(|| Ok(poll_now(&client, POLLOUT)?.contains(POLLERR)))?;
    check!(t, refused, "it is refused, and poll tells of an error");
    check!(t, net::take_error(&client)? == Some(Errno::ECONNREFUSED), "SO_ERROR has the reason");
    check!(t, net::take_error(&client)?.is_none(), "asked again, it has none");
    check!(t, !poll_now(&client, POLLOUT)?.contains(POLLERR), "and poll tells of none");
    Ok(())
}

/// A nonblocking connect to an `AF_UNIX` listener whose queue is full fails with EAGAIN, not with
/// EINPROGRESS.
#[case(man = ["connect(2), ERRORS: EAGAIN"], strength = Documented)]
fn full_unix_queue_is_eagain(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(1)?;
    let clients = [net::unix_socket()?, net::unix_socket()?, net::unix_socket()?];
    let mut outcomes = Vec::new();
    for client in &clients {
        net::set_nonblocking(client, true)?;
        outcomes.push(connect(client.as_raw_fd(), &address));
    }
    check!(t, outcomes == [Ok(()), Ok(()), Err(Errno::EAGAIN)], "a backlog of 1 has room for two");
    nix::sys::socket::accept(listener.as_raw_fd())?;
    check!(
        t,
        connect(clients[2].as_raw_fd(), &address) == Ok(()),
        "a connection was accepted, and there is room again"
    );
    Ok(())
}
