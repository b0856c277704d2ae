//! Listeners of `AF_UNIX`. There is no handshake: connect makes the connection and puts it into the
//! listener's queue itself. So it knows whether there is room, and waits for it.

use harness::prelude::*;
use nix::sys::socket::{Backlog, Shutdown, UnixAddr, connect, listen, shutdown};

/// How many nonblocking clients connect before one fails, and how it fails; 9 are enough.
fn until_full(address: &UnixAddr) -> Result<(Vec<OwnedFd>, nix::Result<()>)> {
    let mut clients = Vec::new();
    for _ in 0..9 {
        let client = net::unix_socket()?;
        net::set_nonblocking(&client, true)?;
        match connect(client.as_raw_fd(), address) {
            Ok(()) => clients.push(client),
            failed => return Ok((clients, failed)),
        }
    }
    Ok((clients, Ok(())))
}

/// An `AF_UNIX` listener with a backlog of N lets N + 1 clients connect before one is accepted.
#[case(kernel = ["unix_recvq_full"], strength = Implementation)]
fn backlog_admits_one_more(t: &mut Trial) -> Result {
    for backlog in [0, 1, 5] {
        let (_listener, address) = net::unix_listener(backlog)?;
        let (clients, failed) = until_full(&address)?;
        let fit = usize::try_from(backlog)? + 1;
        check!(t, clients.len() == fit, "clients that connect with a backlog of {backlog}");
        check!(t, failed == Err(Errno::EAGAIN), "the next one");
    }
    Ok(())
}

/// net.core.somaxconn cuts the backlog of `AF_UNIX` listeners, too.
#[case(man = ["listen(2), NOTES"], kernel = ["__sys_listen"], needs = [Need::PrivateNet], strength = Documented)]
fn cut_to_somaxconn(t: &mut Trial) -> Result {
    net::set_sysctl("core/somaxconn", 2)?;
    let (_listener, address) = net::unix_listener(1000)?;
    let (clients, failed) = until_full(&address)?;
    check!(t, (clients.len(), failed) == (3, Err(Errno::EAGAIN)), "clients that connect");
    Ok(())
}

/// A client that fills a backlog of 0, and another one that sleeps in connect for lack of room.
fn one_sleeps(t: &mut Trial, address: UnixAddr) -> Result<(OwnedFd, Job<nix::Result<()>>)> {
    let early = net::unix_socket()?;
    connect(early.as_raw_fd(), &address)?;
    let job = t.spawn("connect", move || {
        let late = net::unix_socket()?;
        Ok(connect(late.as_raw_fd(), &address))
    })?;
    check!(t, job.sleeps_in(t, Call::CONNECT)?, "one client fills a backlog of 0, the next sleeps");
    Ok((early, job))
}

/// A larger backlog wakes a client that sleeps in connect for lack of room.
#[case(kernel = ["unix_listen", "unix_wait_for_peer"], strength = Implementation)]
fn a_larger_backlog_wakes_connect(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(0)?;
    let (_early, job) = one_sleeps(t, address)?;
    listen(&listener, Backlog::new(1)?)?;
    check!(t, job.join_soon(t)? == Some(Ok(())), "with a backlog of 1 its connect succeeds");
    Ok(())
}

/// A client that sleeps in connect for lack of room gets ECONNREFUSED when the listener is closed.
#[case(man = ["connect(2), ERRORS: ECONNREFUSED"], kernel = ["unix_release_sock", "unix_wait_for_peer"], strength = Implementation)]
fn close_refuses_who_sleeps(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(0)?;
    let (_early, job) = one_sleeps(t, address)?;
    drop(listener);
    check!(t, job.join_soon(t)? == Some(Err(Errno::ECONNREFUSED)), "its connect");
    Ok(())
}

/// `shutdown(SHUT_RD)` ends an `AF_UNIX` listener: clients are refused, and accept fails with
/// EINVAL.
#[case(kernel = ["unix_stream_connect", "unix_accept"], strength = Implementation)]
fn shutdown_ends_it(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(8)?;
    check!(t, shutdown(listener.as_raw_fd(), Shutdown::Read) == Ok(()), "shutdown");
    let client = net::unix_socket()?;
    let refused = connect(client.as_raw_fd(), &address);
    check!(t, refused == Err(Errno::ECONNREFUSED), "a client's connect");
    let accepted = nix::sys::socket::accept(listener.as_raw_fd());
    check!(t, accepted == Err(Errno::EINVAL), "accept");
    Ok(())
}

/// Closing an `AF_UNIX` listener resets the connections that wait to be accepted.
#[case(kernel = ["unix_release_sock"], strength = Implementation)]
fn close_resets_its_queue(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(8)?;
    let client = net::unix_socket()?;
    connect(client.as_raw_fd(), &address)?;
    drop(listener);
    let read = UnixStream::from(client).read(&mut [0]).map_err(|error| error.kind());
    check!(t, read == Err(ErrorKind::ConnectionReset), "what a client reads that was in the queue");
    Ok(())
}
