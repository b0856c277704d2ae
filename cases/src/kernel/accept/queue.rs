//! The accept queue. `connect` succeeds when the kernel has completed the handshake, not when the
//! server has accepted; until then the connection is in the queue of the listener, first come,
//! first served, as long as there is room for it and the listener lives.

use harness::prelude::*;
use harness::sys::process;
use nix::sys::socket::{Backlog, listen};

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

/// A child may call listen on a socket that its parent bound before the fork: both then accept
/// from one queue, in the order of the connections.
#[case(man = ["fork(2), DESCRIPTION", "listen(2)"], kernel = ["reqsk_queue_remove"], notes = ["S38"], since = "2.6.0", strength = Implementation)]
fn forked_before_listen(t: &mut Trial) -> Result {
    let socket = TcpListener::from(net::tcp_socket()?);
    socket.set_nonblocking(true)?;
    net::bind_to(&socket.try_clone()?.into(), 0)?;
    let accept = || socket.accept().map_or(0, |(_, peer)| peer.port());
    let (mut asker, mut child) = UnixStream::pair()?;
    process::fork_bound(|| {
        let listens = listen(&socket, Backlog::MAXCONN).is_ok();
        let _ = child.write_all(&[u8::from(listens)]);
        while child.read_exact(&mut [0]).is_ok() {
            let _ = child.write_all(&accept().to_be_bytes());
        }
        0
    })?;
    let (mut listens, mut port, mut accepted) = ([0], [0; 2], Vec::new());
    asker.read_exact(&mut listens)?;
    check!(t, listens == [1], "the child can make it a listener");
    net::stay_on_this_cpu()?;
    let connect = |_| net::connect(socket.local_addr()?);
    let clients = (0..6).map(connect).collect::<Result<Vec<_>>>()?;
    for _ in 0..3 {
        asker.write_all(b"?")?;
        asker.read_exact(&mut port)?;
        accepted.extend([u16::from_be_bytes(port), accept()]);
    }
    let connected = clients.iter().map(net::port_of).collect::<Result<Vec<_>>>()?;
    check!(t, accepted == connected, "clients that child and parent accept, in turn");
    Ok(())
}

/// A listener with a backlog of N completes N + 1 connections before one is accepted, and the next
/// client waits until there is room again.
#[case(man = ["listen(2), NOTES"], kernel = ["sk_acceptq_is_full"], needs = [Need::PrivateNet], strength = Implementation)]
fn backlog_admits_one_more(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    for backlog in [0, 1, 2, 5] {
        let listener = net::listener_with_backlog(backlog)?;
        let address = listener.local_addr()?;
        let mut clients = Vec::new();
        for number in 1..=backlog + 1 {
            let client = net::try_to_connect(address)?;
            let queued = t.eventually(|| {
                Ok(net::established(&client)? && net::queued(&listener)? == number.unsigned_abs())
            })?;
            check!(t, queued, "client {number} waits in a queue with a backlog of {backlog}");
            clients.push(client);
        }
        let late = net::try_to_connect(address)?;
        for _ in ["its request", "the answer", "the rest of the handshake"] {
            net::barrier()?;
        }
        check!(
            t,
            !net::established(&late)?,
            "client {} with a backlog of {backlog} is not connected",
            backlog + 2
        );
        check!(t, net::queued(&listener)? == backlog.unsigned_abs() + 1, "nor in the queue");
    }
    Ok(())
}

/// Closing a listener resets the connections that were not accepted yet.
#[case(kernel = ["inet_csk_listen_stop"], since = "2.6.0", strength = Implementation)]
fn reset_when_the_listener_closes(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let address = listener.local_addr()?;
    let clients = [net::connect(address)?, net::connect(address)?];
    drop(listener);
    for mut client in clients {
        client.set_nonblocking(true)?;
        let (mut seen, again) = (Ok(0), Err(ErrorKind::WouldBlock));
        t.eventually(|| {
            seen = client.read(&mut [0]).map_err(|error| error.kind());
            Ok(seen != again)
        })?;
        check!(
            t,
            seen == Err(ErrorKind::ConnectionReset),
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
    check!(t, server.write_all(b"x").is_ok(), "the accepted socket can still send");
    client.set_nonblocking(true)?;
    let received = t.eventually(|| Ok(client.read(&mut [0]).ok() == Some(1)))?;
    check!(t, received, "and its peer receives");
    Ok(())
}
