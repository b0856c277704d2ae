//! Who may join. A port is taken unless everybody agreed to share it, by setting the option before
//! bind, and everybody is the same user: otherwise anyone could join a server's group and take a
//! share of its clients.

use harness::prelude::*;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use nix::unistd::{Uid, seteuid};

use super::{clients, shares};

/// A socket with or without the option, not bound yet.
fn prepared(kind: SockType, shares: bool) -> Result<OwnedFd> {
    let socket = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReusePort, &shares)?;
    Ok(socket)
}

/// Binds to the port; how that went is for the case to judge.
fn bind(socket: &OwnedFd, port: u16) -> nix::Result<()> {
    nix::sys::socket::bind(
        socket.as_raw_fd(),
        &nix::sys::socket::SockaddrIn::new(127, 0, 0, 1, port),
    )
}

/// Two sockets may bind the same address and port if both set `SO_REUSEPORT`, and not if only one
/// of them did, be it the first or the second.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S30", "S31"], since = "3.9", strength = Documented)]
fn both_must_set_it(t: &mut Trial) -> Result {
    for kind in [SockType::Stream, SockType::Datagram] {
        for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
            let expected = if first && second { Ok(()) } else { Err(Errno::EADDRINUSE) };
            let earlier = prepared(kind, first)?;
            net::bind_to(&earlier, 0)?;
            let later = prepared(kind, second)?;
            let bound = bind(&later, net::port_of(&earlier)?);
            check!(
                t,
                bound == expected,
                "{kind:?}: set on the first: {first}, on the second: {second}"
            );
        }
    }
    Ok(())
}

/// Two sockets of a group may both listen.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S31"], since = "3.9", strength = Documented)]
fn both_may_listen(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let second = prepared(SockType::Stream, true)?;
    check!(t, bind(&second, net::port_of(&first)?) == Ok(()), "bind beside a listener");
    let backlog = nix::sys::socket::Backlog::MAXCONN;
    check!(t, nix::sys::socket::listen(&second, backlog) == Ok(()), "listen beside a listener");
    Ok(())
}

/// A socket of another effective user cannot join the group.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S34"], since = "3.9", needs = [Need::SecondUser], strength = Documented)]
fn same_effective_user(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let port = net::port_of(&first)?;
    let own = Uid::effective();

    seteuid(Uid::from_raw(1))?;
    let stranger = prepared(SockType::Stream, true).map(|socket| bind(&socket, port));
    seteuid(own)?;
    check!(t, stranger? == Err(Errno::EADDRINUSE), "bind as another user");
    check!(t, bind(&prepared(SockType::Stream, true)?, port) == Ok(()), "bind as the same user");
    Ok(())
}

/// A listener that sets `SO_REUSEPORT` only after bind and listen can be joined all the same, and
/// both get connections.
#[case(kernel = ["inet_csk_get_port", "inet_reuseport_add_sock"], since = "3.9", strength = Implementation)]
fn set_after_listen_is_enough(t: &mut Trial) -> Result {
    let first = net::listener()?;
    let port = net::port_of(&first)?;
    let early = bind(&prepared(SockType::Stream, true)?, port);
    check!(t, early == Err(Errno::EADDRINUSE), "bind before the first one has it");
    setsockopt(&first, sockopt::ReusePort, &true)?;
    let second = prepared(SockType::Stream, true)?;
    check!(t, bind(&second, port) == Ok(()), "bind after that");
    let backlog = nix::sys::socket::Backlog::MAXCONN;
    check!(t, nix::sys::socket::listen(&second, backlog) == Ok(()), "and listen");
    let listeners = [first, TcpListener::from(second)];
    let _clients = clients(40, &listeners[0])?;
    let shares = shares(&listeners)?;
    check!(t, shares.iter().sum::<usize>() == 40, "40 connections: {shares:?}");
    check!(t, shares.iter().all(|share| *share > 0), "both listeners get some: {shares:?}");
    Ok(())
}

/// `SO_REUSEADDR` does not let a socket join a group: bind fails with EADDRINUSE.
#[case(man = ["socket(7), SO_REUSEPORT"], kernel = ["inet_csk_bind_conflict"], since = "3.9", strength = Implementation)]
fn reuseaddr_is_not_enough(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let second = prepared(SockType::Stream, false)?;
    setsockopt(&second, sockopt::ReuseAddr, &true)?;
    let bound = bind(&second, net::port_of(&first)?);
    check!(t, bound == Err(Errno::EADDRINUSE), "bind with SO_REUSEADDR alone");
    Ok(())
}

/// A socket that has joined a port but does not listen gets no connections.
#[case(man = ["listen(2), DESCRIPTION"], kernel = ["inet_hash", "reuseport_add_sock"], since = "3.9", strength = Implementation)]
fn bound_is_not_listening(t: &mut Trial) -> Result {
    let listener = net::reuseport_listener(0)?;
    let silent = prepared(SockType::Stream, true)?;
    check!(t, bind(&silent, net::port_of(&listener)?) == Ok(()), "another socket is bound");
    let _clients = clients(20, &listener)?;
    check!(t, net::queued(&listener)? == 20, "connections that the one that listens has, of 20");
    Ok(())
}

/// `SO_REUSEPORT` is refused with EOPNOTSUPP on an `AF_UNIX` socket, where it would mean nothing.
#[case(
    commit = ["5b0af621c3f6"],
    kernel = ["sk_setsockopt"],
    strength = Implementation,
    changed = [("", "6.13", deviates, "until Linux 6.13 (commit 5b0af621c3f6, also in stable kernels) it could be set, without any effect")],
)]
fn not_for_unix(t: &mut Trial) -> Result {
    let refused = setsockopt(&net::unix_socket()?, sockopt::ReusePort, &true);
    check!(t, refused == Err(Errno::EOPNOTSUPP), "setsockopt");
    Ok(())
}
