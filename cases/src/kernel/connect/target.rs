//! Whom a client reaches. Two addresses are special: the wildcard, and the client's own.

use std::net::{Ipv4Addr, SocketAddr};

use harness::prelude::*;
use nix::sys::socket::SockType;

/// A connect to the wildcard address reaches this machine.
#[case(kernel = ["ip_route_output_key_hash_rcu"], strength = Implementation)]
fn wildcard_is_this_machine(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, listener.local_addr()?.port()));
    let client = net::tcp_socket()?;
    check!(t, net::connect_to(&client, address) == Ok(()), "connect to {address}");
    let peer = TcpStream::from(client).peer_addr()?;
    check!(t, peer == listener.local_addr()?, "the peer is the listener on the loopback interface");
    Ok(())
}

/// A TCP socket that connects to its own address and port is connected with itself, without any
/// listener.
#[case(rfc = ["RFC 9293, 3.5"], kernel = ["tcp_rcv_synsent_state_process"], strength = Implementation)]
fn itself(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    net::bind_to(&socket, 0)?;
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, net::port_of(&socket)?));
    check!(t, net::connect_to(&socket, own) == Ok(()), "connect to {own}, which nobody listens on");
    let mut stream = TcpStream::from(socket);
    check!(t, stream.peer_addr()? == stream.local_addr()?, "it is its own peer");
    stream.write_all(b"echo")?;
    let (mut read, back) = ([0; 4], t.eventually(|| Ok(net::unread(&stream)? == 4))?);
    check!(t, back && stream.read(&mut read).ok() == Some(4), "as much as it sends comes back");
    check!(t, &read == b"echo", "it reads what it sent");
    Ok(())
}

/// A client that did not bind gets an address and a port with connect.
#[case(man = ["ip(7), Address format"], kernel = ["inet_hash_connect", "ip_route_connect"], strength = Documented)]
fn names_the_client(t: &mut Trial) -> Result {
    let (listener, peer) = (net::listener()?, UdpSocket::bind("127.0.0.1:0")?);
    for (kind, address) in
        [(SockType::Stream, listener.local_addr()?), (SockType::Datagram, peer.local_addr()?)]
    {
        let client = net::socket_for(kind, address)?;
        check!(t, net::port_of(&client)? == 0, "{kind:?}: no port before");
        net::connect_to(&client, address)?;
        let name =
            nix::sys::socket::getsockname::<nix::sys::socket::SockaddrIn>(client.as_raw_fd())?;
        check!(t, name.ip() == Ipv4Addr::LOCALHOST, "{kind:?}: the address");
        check!(t, name.port() != 0, "{kind:?}: there is a port, {}", name.port());
    }
    Ok(())
}
