//! What can be made a listener, and what a listener cannot do any more.

use std::net::{Ipv4Addr, SocketAddr};

use harness::prelude::*;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, getsockopt, listen, recv, send, socket,
    sockopt,
};

/// listen on a TCP socket without an address binds it to a free port of all addresses.
#[case(man = ["ip(7), Address format"], kernel = ["inet_csk_listen_start"], strength = Documented)]
fn unbound_gets_a_port(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    listen(&socket, Backlog::MAXCONN)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    check!(t, address.ip() == Ipv4Addr::UNSPECIFIED, "the address");
    check!(t, address.port() != 0, "there is a port: {}", address.port());
    let client = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())));
    check!(t, client.is_ok(), "a client connects to it");
    Ok(())
}

/// listen fails with EINVAL on an `AF_UNIX` socket without an address, and on a TCP socket that is
/// connected or about to be.
#[case(man = ["listen(2), ERRORS"], kernel = ["__inet_listen_sk", "unix_listen"], posix = ["listen()"], needs = [Need::PrivateNet], strength = Implementation)]
fn not_when_connected(t: &mut Trial) -> Result {
    let (client, server) = net::tcp_pair()?;
    let full = net::listener_with_backlog(0)?;
    net::stay_on_this_cpu()?;
    let _early = net::connect(full.local_addr()?)?;
    let connecting = net::try_to_connect(full.local_addr()?)?;
    for (name, socket) in [
        ("an AF_UNIX socket without an address", net::unix_socket()?),
        ("one end of an AF_UNIX pair", UnixStream::pair()?.0.into()),
        ("a TCP client", client.into()),
        ("an accepted TCP socket", server.into()),
        ("a TCP client whose request is under way", connecting),
    ] {
        check!(t, listen(&socket, Backlog::MAXCONN) == Err(Errno::EINVAL), "listen on {name}");
    }
    Ok(())
}

/// listen fails with EOPNOTSUPP on a socket without connections, and with ENOTSOCK on what is no
/// socket.
#[case(man = ["listen(2), ERRORS"], posix = ["listen()"], strength = Documented)]
fn not_without_connections(t: &mut Trial) -> Result {
    let datagrams = |family| socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
    let (pipe, _writer) = std::io::pipe()?;
    for (name, fd, errno) in [
        ("a UDP socket", datagrams(AddressFamily::Inet)?, Errno::EOPNOTSUPP),
        ("AF_UNIX datagrams", datagrams(AddressFamily::Unix)?, Errno::EOPNOTSUPP),
        ("a pipe", pipe.into(), Errno::ENOTSOCK),
    ] {
        check!(t, listen(&fd, Backlog::MAXCONN) == Err(errno), "listen on {name}");
    }
    Ok(())
}

/// `SO_ACCEPTCONN` is set on a listener, and neither before listen nor on an accepted socket.
#[case(man = ["socket(7), SO_ACCEPTCONN"], posix = ["getsockopt()"], since = "2.4", strength = Documented)]
fn is_told_by_acceptconn(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    check!(t, !getsockopt(&socket, sockopt::AcceptConn)?, "a fresh socket does not listen");
    net::bind_to(&socket, 0)?;
    check!(t, !getsockopt(&socket, sockopt::AcceptConn)?, "a bound one does not either");
    listen(&socket, Backlog::MAXCONN)?;
    check!(t, getsockopt(&socket, sockopt::AcceptConn)?, "it does after listen");
    let listener = TcpListener::from(socket);
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    check!(t, !getsockopt(&accepted, sockopt::AcceptConn)?, "an accepted socket does not");
    Ok(())
}

/// A TCP listener can neither connect (EISCONN) nor receive (ENOTCONN) nor send (EPIPE).
#[case(kernel = ["__inet_stream_connect", "tcp_recvmsg_locked", "sk_stream_wait_connect"], strength = Implementation)]
fn is_no_connection(t: &mut Trial) -> Result {
    let (listener, other) = (net::listener()?, net::listener()?);
    let number = listener.as_raw_fd();
    let connected = net::connect_to(&listener, other.local_addr()?);
    check!(t, connected == Err(Errno::EISCONN), "connect");
    let received = recv(number, &mut [0], MsgFlags::MSG_DONTWAIT);
    check!(t, received == Err(Errno::ENOTCONN), "recv");
    let sent = send(number, b"x", MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
    check!(t, sent == Err(Errno::EPIPE), "send");
    Ok(())
}
