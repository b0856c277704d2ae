//! The accept queue. `connect` succeeds when the kernel has completed the handshake, not when the
//! server has accepted; until then the connection is in the queue of the listener, first come,
//! first served, as long as there is room for it and the listener lives.

use harness::prelude::*;
use nix::sys::socket::{SockaddrIn, connect};

/// Connections are accepted in the order in which they were completed.
#[case(kernel = ["inet_csk_accept", "reqsk_queue_remove"], since = "2.6.0", strength = Implementation)]
fn first_in_first_out(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let (mut clients, mut connected, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let client = net::connect(listener.local_addr()?)?;
        connected.push(client.local_addr()?);
        clients.push(client);
    }
    for _ in 0..5 {
        accepted.push(listener.accept()?.1);
    }
    check!(t, accepted == connected, "the clients in the order in which accept returned them");
    Ok(())
}

/// A nonblocking client of 127.0.0.1:`port`, whose connection may or may not be completed.
fn try_to_connect(port: u16) -> Result<OwnedFd> {
    let socket = net::tcp_socket()?;
    nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    match connect(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Whether the client's handshake is completed.
fn established(client: &OwnedFd) -> Result<bool> {
    const TCP_ESTABLISHED: u8 = 1;
    Ok(net::tcp_info(client)?.tcpi_state == TCP_ESTABLISHED)
}

/// A listener with a backlog of N completes N + 1 connections before one is accepted, and the next
/// client waits until there is room again.
#[case(man = ["listen(2), NOTES"], kernel = ["sk_acceptq_is_full"], since = "2.6.21", strength = Implementation)]
fn backlog_admits_one_more(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    for backlog in [1, 2, 5] {
        let listener = net::listener_with_backlog(backlog)?;
        let port = net::port_of(&listener)?;
        let mut clients = Vec::new();
        for number in 1..=backlog + 1 {
            let client = try_to_connect(port)?;
            check!(
                t,
                t.eventually(|| established(&client))?,
                "client {number} with a backlog of {backlog}"
            );
            net::barrier()?;
            clients.push(client);
        }
        let late = try_to_connect(port)?;
        for _ in ["its request", "the answer", "the rest of the handshake"] {
            net::barrier()?;
        }
        check!(
            t,
            !established(&late)?,
            "client {} with a backlog of {backlog} is not connected",
            backlog + 2
        );
    }
    Ok(())
}

/// Closing a listener resets the connections that were not accepted yet.
#[case(kernel = ["inet_csk_listen_stop"], since = "2.6.0", strength = Implementation)]
fn reset_when_the_listener_closes(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let mut queued = net::connect(listener.local_addr()?)?;
    let mut other = net::connect(listener.local_addr()?)?;
    drop(listener);
    net::barrier()?;
    for client in [&mut queued, &mut other] {
        client.set_nonblocking(true)?;
        let error = client.read(&mut [0]).map_err(|error| error.kind());
        check!(
            t,
            error == Err(ErrorKind::ConnectionReset),
            "a client that was waiting to be accepted"
        );
    }
    Ok(())
}

/// A connection that was accepted outlives the listener.
#[case(man = ["accept(2), DESCRIPTION"], since = "2.6.0", strength = Documented)]
fn accepted_outlives_the_listener(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    drop(listener);
    let (mut byte, sent) = ([0], server.write_all(b"x").is_ok());
    check!(t, sent, "the accepted socket can still send");
    check!(t, client.read_exact(&mut byte).is_ok(), "and its peer receives");
    Ok(())
}
