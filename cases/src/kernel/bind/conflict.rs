//! Who is in whose way. A port is taken for an address; the wildcard stands for all addresses, and
//! the wildcard of IPv6 for those of IPv4 as well, unless it was told otherwise.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use harness::prelude::*;
use nix::sys::socket::{SockType, setsockopt, sockopt};

use super::{KINDS, bound, loopback, try_bind};

/// The same port of two addresses is two ports.
#[case(man = ["ip(7), Address format"], kernel = ["inet_csk_bind_conflict", "inet_rcv_saddr_equal"], strength = Documented)]
fn other_addresses_are_free(t: &mut Trial) -> Result {
    for kind in KINDS {
        let first = bound(kind, loopback(1, 0))?;
        let port = net::port_of(&first)?;
        let own = try_bind(kind, loopback(1, port))?;
        check!(t, own == Err(Errno::EADDRINUSE), "{kind:?}: the same address");
        check!(t, try_bind(kind, loopback(2, port))? == Ok(()), "{kind:?}: another address");
    }
    Ok(())
}

/// The wildcard address is in the way of every address, whichever was bound first.
#[case(man = ["ip(7), Address format"], kernel = ["inet_csk_bind_conflict", "inet_rcv_saddr_equal"], strength = Documented)]
fn wildcard_is_every_address(t: &mut Trial) -> Result {
    let wildcard = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    for kind in KINDS {
        let specific = bound(kind, loopback(1, 0))?;
        let late = try_bind(kind, wildcard(net::port_of(&specific)?))?;
        check!(t, late == Err(Errno::EADDRINUSE), "{kind:?}: the wildcard, after an address");
        let all = bound(kind, wildcard(0))?;
        let late = try_bind(kind, loopback(1, net::port_of(&all)?))?;
        check!(t, late == Err(Errno::EADDRINUSE), "{kind:?}: an address, after the wildcard");
    }
    Ok(())
}

/// The ports of TCP and those of UDP are not the same ports.
#[case(man = ["ip(7), Address format"], needs = [Need::PrivateNet], strength = Documented)]
fn tcp_and_udp_do_not_meet(t: &mut Trial) -> Result {
    let tcp = bound(SockType::Stream, loopback(1, 0))?;
    let udp = try_bind(SockType::Datagram, loopback(1, net::port_of(&tcp)?))?;
    let control = try_bind(SockType::Stream, loopback(1, net::port_of(&tcp)?))?;
    check!(t, control == Err(Errno::EADDRINUSE), "the same port of TCP");
    check!(t, udp == Ok(()), "the same port of UDP");
    Ok(())
}

/// A socket of IPv6 that is or is not restricted to it, not bound yet.
fn v6(kind: SockType, only: bool) -> Result<OwnedFd> {
    let socket = net::socket_for(kind, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))?;
    setsockopt(&socket, sockopt::Ipv6V6Only, &only)?;
    Ok(socket)
}

/// The wildcard of IPv6 takes the port for IPv4 as well, whichever was bound first; with
/// `IPV6_V6ONLY` it does not.
#[case(man = ["ipv6(7), IPV6_V6ONLY"], kernel = ["ipv6_rcv_saddr_equal"], needs = [Need::Ipv6, Need::PrivateNet], strength = Documented)]
fn v6_takes_v4_unless_told(t: &mut Trial) -> Result {
    for kind in KINDS {
        for (only, expected) in [(false, Err(Errno::EADDRINUSE)), (true, Ok(()))] {
            let early = v6(kind, only)?;
            net::bind_at(&early, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))?;
            let port = net::port_of(&early)?;
            let v4 = try_bind(kind, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
            check!(t, v4 == expected, "{kind:?}: IPv4 after IPv6, IPV6_V6ONLY is {only}");
            // IPv4 might be given the same port again.
            drop(early);

            let early = bound(kind, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
            let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, net::port_of(&early)?));
            let late = net::bind_at(v6(kind, only)?, address);
            check!(t, late == expected, "{kind:?}: IPv6 after IPv4, IPV6_V6ONLY is {only}");
        }
    }
    Ok(())
}

/// A socket can be bound once: a second bind fails with EINVAL.
#[case(man = ["bind(2), ERRORS: EINVAL"], posix = ["bind()"], strength = Documented)]
fn twice(t: &mut Trial) -> Result {
    for kind in KINDS {
        let socket = bound(kind, loopback(1, 0))?;
        for address in [loopback(1, net::port_of(&socket)?), loopback(1, 0)] {
            check!(t, net::bind_at(&socket, address) == Err(Errno::EINVAL), "{kind:?}: bind again");
        }
    }
    Ok(())
}

/// An address that the machine does not have is refused with EADDRNOTAVAIL, unless `IP_FREEBIND` is
/// set.
#[case(man = ["bind(2), ERRORS: EADDRNOTAVAIL", "ip(7), IP_FREEBIND"], since = "2.4", needs = [Need::PrivateNet], strength = Documented)]
fn foreign_address(t: &mut Trial) -> Result {
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    for kind in KINDS {
        let socket = net::socket_for(kind, foreign)?;
        let refused = net::bind_at(&socket, foreign);
        check!(t, refused == Err(Errno::EADDRNOTAVAIL), "{kind:?}: without the option");
        setsockopt(&socket, sockopt::IpFreebind, &true)?;
        check!(t, net::bind_at(&socket, foreign) == Ok(()), "{kind:?}: with it");
    }
    Ok(())
}
