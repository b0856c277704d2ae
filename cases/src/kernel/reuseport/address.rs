//! Groups and addresses. A group belongs to one address; the kernel looks for the address that the
//! client asked for before it looks for a wildcard, and for IPv4 before an IPv6 that would do.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use harness::prelude::*;
use nix::sys::socket::SockType;

use super::{clients, member, received, shares, sources};

/// `count` listeners on one address.
fn listeners(count: usize, address: SocketAddr) -> Result<Vec<TcpListener>> {
    (0..count).map(|_| Ok(TcpListener::from(member(SockType::Stream, address)?))).collect()
}

/// Beside a group on the wildcard address, a group on the address that clients ask for gets all of
/// their connections, and the wildcard those to other addresses.
#[case(kernel = ["__inet_lookup_listener"], since = "3.9", strength = Implementation)]
fn specific_before_wildcard(t: &mut Trial) -> Result {
    let specific = listeners(1, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = net::port_of(&specific[0])?;
    let wildcard = listeners(2, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    let _clients = clients(20, &specific[0])?;
    check!(t, shares(&specific)? == [20], "connections to 127.0.0.1 that its listener gets");
    check!(t, shares(&wildcard)? == [0, 0], "and the wildcard");
    let other = SocketAddr::from(([127, 0, 0, 2], port));
    let _others = (0..20).map(|_| net::connect(other)).collect::<Result<Vec<_>>>()?;
    check!(t, shares(&wildcard)?.iter().sum::<usize>() == 20, "connections to 127.0.0.2, of 20");
    check!(t, shares(&specific)? == [20], "those of 127.0.0.1 are no more than before");
    Ok(())
}

/// Beside a group on the wildcard address, a UDP socket on the address that was sent to gets all of
/// its datagrams.
#[case(kernel = ["__udp4_lib_lookup"], since = "3.9", strength = Implementation)]
fn specific_before_wildcard_for_udp(t: &mut Trial) -> Result {
    let udp = |ip, port| -> Result<_> {
        Ok(UdpSocket::from(member(SockType::Datagram, SocketAddr::from((ip, port)))?))
    };
    let specific = udp(Ipv4Addr::LOCALHOST, 0)?;
    let address = specific.local_addr()?;
    let wildcard = || udp(Ipv4Addr::UNSPECIFIED, address.port());
    let members = [specific, wildcard()?, wildcard()?];
    net::stay_on_this_cpu()?;
    let sources = sources(20)?;
    for source in &sources {
        source.send_to(b"x", address)?;
    }
    check!(t, received(&members)? == [20, 0, 0], "datagrams to 127.0.0.1: specific, wildcards");
    for source in &sources {
        source.send_to(b"x", (Ipv4Addr::new(127, 0, 0, 2), address.port()))?;
    }
    let counts = received(&members)?;
    check!(t, counts[0] == 0 && counts[1] + counts[2] == 20, "to 127.0.0.2: {counts:?}");
    Ok(())
}

/// Listeners of a group on an address of IPv6 share its connections.
#[case(man = ["socket(7), SO_REUSEPORT"], kernel = ["inet6_lookup_listener"], since = "3.9", needs = [Need::Ipv6], strength = Documented)]
fn v6_is_shared(t: &mut Trial) -> Result {
    let mut group = listeners(1, SocketAddr::from((Ipv6Addr::LOCALHOST, 0)))?;
    group.extend(listeners(1, group[0].local_addr()?)?);
    let _clients = clients(40, &group[0])?;
    let shares = shares(&group)?;
    check!(t, shares.iter().sum::<usize>() == 40, "40 connections: {shares:?}");
    check!(t, shares.iter().all(|share| *share > 0), "both get some: {shares:?}");
    Ok(())
}

/// Where listeners of IPv6 that take IPv4 as well share a port with one of IPv4, the latter gets
/// all connections of IPv4.
#[case(kernel = ["__inet_lookup_listener", "compute_score"], since = "3.9", needs = [Need::Ipv6], strength = Implementation)]
fn v4_before_dual_stack(t: &mut Trial) -> Result {
    let mut dual = listeners(1, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))?;
    let port = net::port_of(&dual[0])?;
    dual.extend(listeners(2, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))?);
    let v4 = listeners(1, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    net::stay_on_this_cpu()?;
    let connect = |ip: &str| -> Result<Vec<TcpStream>> {
        let address = SocketAddr::new(ip.parse()?, port);
        (0..20).map(|_| net::connect(address)).collect()
    };
    let _v4_clients = connect("127.0.0.1")?;
    check!(t, shares(&v4)? == [20], "connections of IPv4 that the listener of IPv4 gets");
    let _v6_clients = connect("::1")?;
    check!(t, shares(&v4)? == [20], "connections that it has after 20 of IPv6");
    check!(t, shares(&dual)?.iter().sum::<usize>() == 20, "the others have these");
    Ok(())
}
