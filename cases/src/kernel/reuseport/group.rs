//! Who may join. A port is taken unless everybody agreed to share it, by setting the option before
//! bind, and everybody is the same user: otherwise anyone could join a server's group and take a
//! share of its clients.

use harness::prelude::*;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use nix::unistd::{Uid, seteuid};

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
