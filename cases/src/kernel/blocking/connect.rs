//! A blocking connect waits for the other side. The process over there need not have called
//! accept: there is room for some connections in the listener's queue. Without room, connect
//! sleeps. On `AF_UNIX`, accept wakes it; on TCP, the client's kernel knows of nothing but an
//! unanswered request, which it repeats after a second, and then after longer times.

use harness::prelude::*;
use nix::sys::socket::{SockaddrIn, accept, connect};

/// A blocking connect over TCP returns when the handshake is completed, before anybody calls
/// accept.
#[case(man = ["listen(2), NOTES"], posix = ["connect()"], kernel = ["inet_wait_for_connect", "tcp_rcv_synsent_state_process"], strength = Implementation)]
fn returns_before_accept(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    let job = t.spawn("connect", move || Ok(TcpStream::connect(address).ok()))?;
    let client = job.join_soon(t)?.flatten();
    check!(t, client.is_some(), "connect succeeds, although nobody has called accept");
    let waits = t.eventually(|| Ok(poll_now(&listener, POLLIN)? == POLLIN))?;
    check!(t, waits, "and the connection waits to be accepted");
    Ok(())
}

/// A blocking connect to a TCP port on which nobody listens fails with ECONNREFUSED at the first
/// answer: the request is not repeated.
#[case(man = ["connect(2), ERRORS: ECONNREFUSED"], posix = ["connect()"], needs = [Need::PrivateNet], strength = Documented)]
fn refused_at_once(t: &mut Trial) -> Result {
    let bound = net::tcp_socket()?;
    net::bind_to(&bound, 0)?;
    let address = SockaddrIn::new(127, 0, 0, 1, net::port_of(&bound)?);
    let job = t.spawn("connect", move || {
        let client = net::tcp_socket()?;
        Ok(connect(client.as_raw_fd(), &address))
    })?;
    let refused = Some(Err(Errno::ECONNREFUSED));
    check!(t, job.join_soon(t)? == refused, "the port is bound, but does not listen");
    let again = net::counter("TcpExt", "TCPSynRetrans")?;
    check!(t, again == 0, "requests that were sent again");
    Ok(())
}

/// A blocking connect to an `AF_UNIX` listener whose queue is full sleeps until a connection is
/// accepted.
#[case(man = ["connect(2), ERRORS: EAGAIN"], kernel = ["unix_stream_connect"], strength = Implementation)]
fn full_unix_queue_sleeps(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(1)?;
    let early = [net::unix_socket()?, net::unix_socket()?];
    for client in &early {
        connect(client.as_raw_fd(), &address)?;
    }
    let job = t.spawn("connect", move || {
        let late = net::unix_socket()?;
        Ok(connect(late.as_raw_fd(), &address))
    })?;
    check!(
        t,
        job.sleeps_in(t, Call::CONNECT)?,
        "two clients fill a backlog of 1, and the third one sleeps"
    );
    accept(listener.as_raw_fd())?;
    check!(t, job.join_soon(t)? == Some(Ok(())), "a place is free, and its connect succeeds");
    Ok(())
}

/// A blocking connect to a TCP listener whose queue is full sleeps; it is not refused.
#[case(man = ["listen(2)"], kernel = ["tcp_conn_request"], needs = [Need::PrivateNet], strength = Implementation)]
fn full_tcp_queue_sleeps(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(0)?;
    let port = listener.local_addr()?.port();
    let _early = TcpStream::connect(("127.0.0.1", port))?;
    poll_wait(&listener, POLLIN)?;
    net::stay_on_this_cpu()?;
    let late = net::tcp_socket()?;
    let number = late.as_raw_fd();
    let job =
        t.spawn("connect", move || Ok(connect(number, &SockaddrIn::new(127, 0, 0, 1, port))?))?;
    check!(
        t,
        job.sleeps_in(t, Call::CONNECT)?,
        "one client fills a backlog of 0, and the second one sleeps"
    );
    for _ in 0..4 {
        net::barrier()?;
    }
    check!(
        t,
        job.sleeps_in(t, Call::CONNECT)?,
        "its request has long been handled: it got no answer, not even a refusal"
    );
    check!(t, net::tcp_info(&late)?.tcpi_state == 2, "the connection stays in state SYN_SENT (2)");
    Ok(())
}
