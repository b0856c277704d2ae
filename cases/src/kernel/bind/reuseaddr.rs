//! `SO_REUSEADDR`. It lets a server start again while connections of its predecessor linger. It
//! does not let two of them listen: the port belongs to one listener.

use std::net::{Ipv4Addr, SocketAddr};

use harness::prelude::*;
use nix::sys::socket::{Backlog, SockType, listen, setsockopt, sockopt};

use super::loopback;

/// A socket with or without the option, not bound yet.
fn prepared(kind: SockType, reuses: bool) -> Result<OwnedFd> {
    let socket = net::socket_for(kind, loopback(1, 0))?;
    setsockopt(&socket, sockopt::ReuseAddr, &reuses)?;
    Ok(socket)
}

/// Two TCP sockets with `SO_REUSEADDR` may be bound to one port, but only the first one to call
/// listen can listen there: the other gets EADDRINUSE.
#[case(man = ["ip(7)", "listen(2), ERRORS: EADDRINUSE"], kernel = ["inet_csk_get_port", "inet_csk_bind_conflict"], strength = Documented)]
fn two_bind_and_one_listens(t: &mut Trial) -> Result {
    let (one, other) = (prepared(SockType::Stream, true)?, prepared(SockType::Stream, true)?);
    net::bind_to(&one, 0)?;
    let bound = net::bind_at(&other, loopback(1, net::port_of(&one)?));
    check!(t, bound == Ok(()), "both are bound");
    check!(t, listen(&other, Backlog::MAXCONN) == Ok(()), "the second listens");
    let refused = listen(&one, Backlog::MAXCONN);
    check!(t, refused == Err(Errno::EADDRINUSE), "and then the first cannot");
    Ok(())
}

/// With `SO_REUSEADDR` two servers can listen on the same port.
#[case(
    man = ["socket(7), SO_REUSEADDR"],
    strength = Folklore,
    changed = [("", "", deviates, "beside a listener not even bind succeeds; it is SO_REUSEPORT that lets several listen, and on BSD SO_REUSEADDR does for some addresses")],
)]
fn two_listen(t: &mut Trial) -> Result {
    let first = prepared(SockType::Stream, true)?;
    net::bind_to(&first, 0)?;
    listen(&first, Backlog::MAXCONN)?;
    let second = prepared(SockType::Stream, true)?;
    let bound = net::bind_at(&second, loopback(1, net::port_of(&first)?));
    check!(t, bound == Ok(()), "bind beside a listener, both with the option");
    Ok(())
}

/// With `SO_REUSEADDR` a listener on an address and one on the wildcard still exclude each other.
#[case(man = ["socket(7), SO_REUSEADDR", "ip(7)"], kernel = ["inet_csk_bind_conflict"], strength = Documented)]
fn wildcard_beside_a_listener(t: &mut Trial) -> Result {
    let addresses = [Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST];
    for (first, second) in [(addresses[0], addresses[1]), (addresses[1], addresses[0])] {
        let early = prepared(SockType::Stream, true)?;
        net::bind_at(&early, SocketAddr::from((first, 0)))?;
        listen(&early, Backlog::MAXCONN)?;
        let address = SocketAddr::from((second, net::port_of(&early)?));
        let late = net::bind_at(prepared(SockType::Stream, true)?, address);
        check!(t, late == Err(Errno::EADDRINUSE), "{address} beside a listener on {first}");
    }
    Ok(())
}

/// How a new server's bind goes while a connection of the old one is left, in the state that `wane`
/// leaves it in. The old server and the new one have the option or not.
fn beside_a_connection(
    t: &mut Trial,
    name: &str,
    state: u8,
    wane: impl Fn(TcpStream, TcpStream) -> Result<Vec<TcpStream>>,
) -> Result {
    net::stay_on_this_cpu()?;
    for (old, new) in [(false, false), (false, true), (true, false), (true, true)] {
        let listener = prepared(SockType::Stream, old)?;
        net::bind_to(&listener, 0)?;
        listen(&listener, Backlog::MAXCONN)?;
        let listener = TcpListener::from(listener);
        let address = listener.local_addr()?;
        let client = net::connect(address)?;
        let (server, _) = listener.accept()?;
        drop(listener);
        let _rest = wane(client, server)?;
        let left =
            t.eventually(|| Ok(net::listed(address.port())?.iter().any(|row| row.state == state)))?;
        if !left {
            return Err(Stop::Unobservable(format!(
                "no connection shows in state {name} ({state})"
            )));
        }
        let expected = if old && new { Ok(()) } else { Err(Errno::EADDRINUSE) };
        let bound = net::bind_at(prepared(SockType::Stream, new)?, address);
        check!(t, bound == expected, "bind; the old server has the option: {old}, the new: {new}");
    }
    Ok(())
}

/// While a connection of an earlier server is established, a new server can bind to the port only
/// if both have set `SO_REUSEADDR`.
#[case(man = ["socket(7), SO_REUSEADDR", "ip(7)"], kernel = ["inet_csk_bind_conflict"], strength = Documented)]
fn beside_an_established_connection(t: &mut Trial) -> Result {
    beside_a_connection(t, "ESTABLISHED", 1, |client, server| Ok(vec![client, server]))
}

/// While a connection of an earlier server is in TIME_WAIT, a new server can bind to the port only
/// if both have set `SO_REUSEADDR`.
#[case(
    man = ["socket(7), SO_REUSEADDR", "ip(7)"],
    kernel = ["inet_csk_bind_conflict"],
    strength = Documented,
    changed = [("6.1", "6.1.6", deviates, "since commit 28044fc1d495 bind did not find connections in TIME_WAIT, until commit 936a192f9740")],
)]
fn beside_time_wait(t: &mut Trial) -> Result {
    beside_a_connection(t, "TIME_WAIT", 6, |mut client, server| {
        drop(server);
        let _end = client.read(&mut [0]);
        drop(client);
        Ok(Vec::new())
    })
}

/// Of several UDP sockets with `SO_REUSEADDR` on one address and port the one that was bound last
/// gets the datagrams.
#[case(kernel = ["udp4_lib_lookup2"], strength = Implementation)]
fn udp_goes_to_the_last(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    let first = prepared(SockType::Datagram, true)?;
    net::bind_to(&first, 0)?;
    let mut sockets = vec![first];
    for _ in 0..2 {
        let next = prepared(SockType::Datagram, true)?;
        net::bind_at(&next, loopback(1, net::port_of(&sockets[0])?))?;
        sockets.push(next);
    }
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    let address = loopback(1, net::port_of(&sockets[0])?);
    while let Some(last) = sockets.pop() {
        sender.send_to(b"x", address)?;
        net::barrier()?;
        check!(t, net::unread(&last)? == 1, "the last of {} has it", sockets.len() + 1);
        let others = sockets.iter().map(net::unread).collect::<Result<Vec<_>>>()?;
        check!(t, others.iter().all(|unread| *unread == 0), "the others do not");
    }
    Ok(())
}
