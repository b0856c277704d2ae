//! The port that the kernel chooses: from net.ipv4.ip_local_port_range, by chance, and as one that
//! nobody uses. For a client, that is one that nobody uses to the same peer.

use harness::prelude::*;
use nix::libc;
use nix::sys::socket::{SockType, setsockopt, sockopt};
use nix::unistd::{Uid, seteuid};

use super::{KINDS, bound, loopback, try_bind};

/// Sets the range of ports of this network namespace.
fn set_range(first: u16, last: u16) -> Result {
    net::write_sysctl("ipv4/ip_local_port_range", &format!("{first} {last}"))
}

/// What the kernel binds a socket to if it may choose: the port, in order, of so many that bind,
/// and how the next bind fails.
fn exhaust(kind: SockType, most: usize) -> Result<(Vec<u16>, nix::Result<()>, Vec<OwnedFd>)> {
    let (mut ports, mut sockets) = (Vec::new(), Vec::new());
    let mut last = Ok(());
    for _ in 0..=most {
        let socket = net::socket_for(kind, loopback(1, 0))?;
        last = net::bind_at(&socket, loopback(1, 0));
        if last.is_err() {
            break;
        }
        ports.push(net::port_of(&socket)?);
        sockets.push(socket);
    }
    ports.sort_unstable();
    Ok((ports, last, sockets))
}

/// bind to port 0 takes each port of net.ipv4.ip_local_port_range once, and then fails with
/// EADDRINUSE.
#[case(man = ["ip(7), ip_local_port_range", "bind(2), ERRORS: EADDRINUSE"], kernel = ["inet_csk_find_open_port", "udp_lib_get_port"], needs = [Need::PrivateNet], strength = Documented)]
fn is_from_the_range(t: &mut Trial) -> Result {
    set_range(40_000, 40_003)?;
    for kind in KINDS {
        let (ports, last, _sockets) = exhaust(kind, 4)?;
        check!(t, ports == [40_000, 40_001, 40_002, 40_003], "{kind:?}: the ports");
        check!(t, last == Err(Errno::EADDRINUSE), "{kind:?}: one more");
    }
    Ok(())
}

/// Ports in net.ipv4.ip_local_reserved_ports are not chosen, and can be asked for.
#[case(kernel = ["Documentation/networking/ip-sysctl.rst, ip_local_reserved_ports"], since = "2.6.35", needs = [Need::PrivateNet], strength = Documented)]
fn is_not_a_reserved_one(t: &mut Trial) -> Result {
    set_range(40_000, 40_003)?;
    net::write_sysctl("ipv4/ip_local_reserved_ports", "40001-40002")?;
    for kind in KINDS {
        let (ports, last, _sockets) = exhaust(kind, 4)?;
        check!(t, ports == [40_000, 40_003], "{kind:?}: the ports that are chosen");
        check!(t, last == Err(Errno::EADDRINUSE), "{kind:?}: one more");
        let asked = try_bind(kind, loopback(1, 40_002))?;
        check!(t, asked == Ok(()), "{kind:?}: a reserved one that is asked for");
    }
    Ok(())
}

/// Clients of different servers can share a port; when every port is used to the same server,
/// connect fails with EADDRNOTAVAIL.
#[case(man = ["connect(2), ERRORS: EADDRNOTAVAIL"], kernel = ["__inet_hash_connect"], needs = [Need::PrivateNet], strength = Documented)]
fn is_shared_by_clients(t: &mut Trial) -> Result {
    let servers = [net::listener()?, net::listener()?];
    set_range(22_000, 22_001)?;
    let mut clients = Vec::new();
    for server in &servers {
        for number in 1..=3 {
            let client = net::tcp_socket()?;
            let connected = net::connect_to(&client, server.local_addr()?);
            let expected = if number < 3 { Ok(()) } else { Err(Errno::EADDRNOTAVAIL) };
            check!(
                t,
                connected == expected,
                "client {number} of a server, with a range of 2 ports"
            );
            clients.push(client);
        }
    }
    Ok(())
}

/// A port that a socket is bound to is not chosen for a client, whoever it connects to.
#[case(kernel = ["__inet_hash_connect"], needs = [Need::PrivateNet], strength = Implementation)]
fn of_a_client_is_not_a_bound_one(t: &mut Trial) -> Result {
    let server = net::listener()?;
    set_range(22_000, 22_001)?;
    let _bound = bound(SockType::Stream, loopback(1, 22_000))?;
    let (one, other) = (net::tcp_socket()?, net::tcp_socket()?);
    check!(t, net::connect_to(&one, server.local_addr()?) == Ok(()), "a client connects");
    check!(t, net::port_of(&one)? == 22_001, "from the port that is not bound");
    let second = net::connect_to(&other, server.local_addr()?);
    check!(t, second == Err(Errno::EADDRNOTAVAIL), "there is none for another one");
    Ok(())
}

/// While there are enough, connect takes ports at an even distance from the start of the range, and
/// bind at an odd one: they stay out of each other's way.
#[case(commit = ["07f4c90062f8", "ea8add2b1903", "1580ab63fc9a"], kernel = ["__inet_hash_connect", "inet_csk_find_open_port"], since = "4.6", needs = [Need::PrivateNet], strength = Implementation)]
fn is_even_for_connect_and_odd_for_bind(t: &mut Trial) -> Result {
    set_range(40_000, 49_999)?;
    let server = net::listener()?;
    let (mut connected, mut bound_to, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..32 {
        let client = net::tcp_socket()?;
        net::connect_to(&client, server.local_addr()?)?;
        connected.push(net::port_of(&client)?);
        let socket = bound(SockType::Stream, loopback(1, 0))?;
        bound_to.push(net::port_of(&socket)?);
        sockets.extend([client, socket]);
    }
    check!(t, connected.iter().all(|port| port % 2 == 0), "ports of connect: {connected:?}");
    check!(t, bound_to.iter().all(|port| port % 2 == 1), "ports of bind: {bound_to:?}");
    Ok(())
}

/// With `IP_BIND_ADDRESS_NO_PORT` bind sets the address alone, and connect chooses the port.
#[case(man = ["ip(7), IP_BIND_ADDRESS_NO_PORT"], since = "4.2", strength = Documented)]
fn can_be_left_to_connect(t: &mut Trial) -> Result {
    let server = net::listener()?;
    let client = net::tcp_socket()?;
    setsockopt(&client, sockopt::IpBindAddressNoPort, &true)?;
    net::bind_at(&client, loopback(2, 0))?;
    check!(t, net::port_of(&client)? == 0, "the port after bind");
    net::connect_to(&client, server.local_addr()?)?;
    let name = TcpStream::from(client).local_addr()?;
    check!(t, name.ip() == loopback(2, 0).ip() && name.port() != 0, "after connect: {name}");
    Ok(())
}

/// `IP_LOCAL_PORT_RANGE` gives a socket a range of its own, within that of the system.
#[case(man = ["ip(7), IP_LOCAL_PORT_RANGE"], commit = ["91d0b78c5177"], since = "6.3", needs = [Need::PrivateNet], strength = Documented)]
fn is_from_the_sockets_own_range(t: &mut Trial) -> Result {
    const IP_LOCAL_PORT_RANGE: i32 = 51;
    set_range(40_000, 49_999)?;
    let range = ((45_003_u32 << 16) + 45_000).cast_signed();
    let narrow = |socket: &OwnedFd| -> Result {
        net::set_option(socket, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, range).map_err(|error| {
            Stop::unsupported_if(error, &[Errno::ENOPROTOOPT], "IP_LOCAL_PORT_RANGE")
        })
    };
    let server = net::listener()?;
    let (mut ports, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let socket = net::tcp_socket()?;
        narrow(&socket)?;
        net::bind_at(&socket, loopback(1, 0))?;
        ports.push(net::port_of(&socket)?);
        sockets.push(socket);
    }
    ports.sort_unstable();
    check!(t, ports == [45_000, 45_001, 45_002, 45_003], "the ports of four sockets");
    let client = net::tcp_socket()?;
    narrow(&client)?;
    let none = net::connect_to(&client, server.local_addr()?);
    check!(t, none == Err(Errno::EADDRNOTAVAIL), "a client finds none left in that range");
    sockets.remove(0);
    check!(t, net::connect_to(&client, server.local_addr()?) == Ok(()), "until one is closed");
    let port = TcpStream::from(client).local_addr()?.port();
    check!(t, (45_000..=45_003).contains(&port), "which it gets: {port}");
    Ok(())
}

/// How binds to these ports go for a user without privileges.
fn as_another_user(ports: &[u16]) -> Result<Vec<nix::Result<()>>> {
    let own = Uid::effective();
    seteuid(Uid::from_raw(1))?;
    let bound = ports.iter().map(|port| try_bind(SockType::Stream, loopback(1, *port))).collect();
    seteuid(own)?;
    bound
}

/// The ports below 1024 are for the privileged: bind fails with EACCES for others.
#[case(man = ["ip(7), Address format", "bind(2), ERRORS: EACCES"], needs = [Need::PrivateNet, Need::SecondUser], strength = Documented)]
fn below_1024_is_for_the_privileged(t: &mut Trial) -> Result {
    let bound = as_another_user(&[1, 80, 1023, 1024])?;
    let refused = Err(Errno::EACCES);
    check!(t, bound == [refused, refused, refused, Ok(())], "ports 1, 80, 1023 and 1024");
    check!(t, try_bind(SockType::Stream, loopback(1, 80))? == Ok(()), "port 80 for root");
    Ok(())
}

/// net.ipv4.ip_unprivileged_port_start says which ports are for everybody.
#[case(kernel = ["Documentation/networking/ip-sysctl.rst, ip_unprivileged_port_start"], since = "4.11", needs = [Need::PrivateNet, Need::SecondUser], strength = Documented)]
fn unprivileged_ones_begin_where_it_is_said(t: &mut Trial) -> Result {
    net::set_sysctl("ipv4/ip_unprivileged_port_start", 80)?;
    let bound = as_another_user(&[79, 80])?;
    check!(t, bound == [Err(Errno::EACCES), Ok(())], "ports 79 and 80, if they begin at 80");
    Ok(())
}
