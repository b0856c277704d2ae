//! A socket and a second connect. After a refusal it may try again; from an association it is freed
//! by a connect to `AF_UNSPEC`, to nobody.

use harness::prelude::*;
use harness::sys::inet;

/// A TCP socket whose connect was refused may connect again, and succeed.
#[case(man = ["connect(2), NOTES"], kernel = ["tcp_disconnect", "__inet_stream_connect"], strength = Implementation)]
fn after_a_refusal(t: &mut Trial) -> Result {
    let deaf = net::tcp_socket()?;
    net::bind_to(&deaf, 0)?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], net::port_of(&deaf)?));
    let client = net::tcp_socket()?;
    for attempt in ["first", "second"] {
        let refused = net::connect_to(&client, address);
        check!(t, refused == Err(Errno::ECONNREFUSED), "the {attempt} connect, without a listener");
    }
    let listener = net::listener()?;
    let connected = net::connect_to(&client, listener.local_addr()?);
    check!(t, connected == Ok(()), "the third connect, with one");
    Ok(())
}

/// A connected TCP socket cannot be connected elsewhere: connect fails with EISCONN.
#[case(man = ["connect(2), ERRORS: EISCONN"], posix = ["connect()"], strength = Documented)]
fn elsewhere_while_connected(t: &mut Trial) -> Result {
    let (client, server) = net::tcp_pair()?;
    let other = net::listener()?.local_addr()?;
    check!(t, net::connect_to(&client, other) == Err(Errno::EISCONN), "the end that connected");
    check!(t, net::connect_to(&server, other) == Err(Errno::EISCONN), "the end that was accepted");
    Ok(())
}

/// Connecting a TCP socket to `AF_UNSPEC` dissolves its connection: the peer is reset, and the
/// socket can connect to somebody else.
#[case(man = ["connect(2), DESCRIPTION"], kernel = ["tcp_disconnect"], strength = Documented)]
fn unspec_dissolves_tcp(t: &mut Trial) -> Result {
    let (client, mut server) = net::tcp_pair()?;
    check!(t, inet::dissolve(&client) == Ok(()), "connect to AF_UNSPEC");
    let peer = client.peer_addr().map_err(|error| error.kind());
    check!(t, peer == Err(ErrorKind::NotConnected), "the socket has no peer");
    let reading = move || Ok(server.read(&mut [0]).map_err(|error| error.kind()));
    let read = t.spawn("peer", reading)?.join_soon(t)?;
    check!(t, read == Some(Err(ErrorKind::ConnectionReset)), "what its peer reads");
    let other = net::listener()?;
    check!(t, net::connect_to(&client, other.local_addr()?) == Ok(()), "it connects elsewhere");
    check!(t, client.peer_addr()? == other.local_addr()?, "and has its new peer");
    Ok(())
}

/// Connecting a UDP socket to `AF_UNSPEC` dissolves its association: it has no peer, and hears
/// everybody.
#[case(man = ["connect(2), DESCRIPTION"], kernel = ["__udp_disconnect"], posix = ["connect()"], strength = Documented)]
fn unspec_dissolves_udp(t: &mut Trial) -> Result {
    let bind = || UdpSocket::bind("127.0.0.1:0");
    let (socket, friend, stranger) = (bind()?, bind()?, bind()?);
    net::stay_on_this_cpu()?;
    socket.set_nonblocking(true)?;
    socket.connect(friend.local_addr()?)?;
    stranger.send_to(b"x", socket.local_addr()?)?;
    net::barrier()?;
    let heard = socket.recv(&mut [0]).map_err(|error| error.kind());
    check!(t, heard == Err(ErrorKind::WouldBlock), "connected: a stranger is not heard");
    check!(t, inet::dissolve(&socket) == Ok(()), "connect to AF_UNSPEC");
    let sent = socket.send(b"x").map_err(|error| error.raw_os_error());
    check!(t, sent == Err(Some(Errno::EDESTADDRREQ as i32)), "send without an address");
    stranger.send_to(b"x", socket.local_addr()?)?;
    let heard = t.eventually(|| Ok(socket.recv(&mut [0]).is_ok()))?;
    check!(t, heard, "and the stranger is heard");
    Ok(())
}

/// A UDP socket that is connected may be connected elsewhere at once.
#[case(man = ["connect(2), DESCRIPTION"], posix = ["connect()"], strength = Documented)]
fn udp_changes_its_peer(t: &mut Trial) -> Result {
    let bind = || UdpSocket::bind("127.0.0.1:0");
    let (socket, one, other) = (bind()?, bind()?, bind()?);
    for peer in [&one, &other, &one] {
        let connected = net::connect_to(&socket, peer.local_addr()?);
        check!(t, connected == Ok(()), "connect");
        check!(t, socket.peer_addr()? == peer.local_addr()?, "the peer is the one that was named");
    }
    Ok(())
}
