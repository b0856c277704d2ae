//! TCP Fast Open (RFC 7413): a client that has been here before sends data with its request, and
//! saves a round trip. What proves that it was here is a cookie, which the server's kernel gave to
//! it with the first connection and the client's kernel remembers.

use harness::prelude::*;
use nix::libc;
use nix::sys::socket::{MsgFlags, SockaddrIn, sendto, setsockopt, sockopt};

use super::handled;

/// A listener that gives out cookies and takes data with a request.
fn fast_listener() -> Result<TcpListener> {
    net::stay_on_this_cpu()?;
    net::set_sysctl("ipv4/tcp_fastopen", 3)?;
    let listener = net::listener()?;
    net::set_option(&listener, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, 5)?;
    Ok(listener)
}

/// Connects and sends in one call (`MSG_FASTOPEN`). Returns the client, and whether its request
/// carried the data and was acknowledged with it (`TCPI_OPT_SYN_DATA`).
fn fast_open(listener: &TcpListener) -> Result<(OwnedFd, bool)> {
    const TCPI_OPT_SYN_DATA: u8 = 32;
    let client = net::tcp_socket()?;
    let address = SockaddrIn::new(127, 0, 0, 1, net::port_of(listener)?);
    let flags = MsgFlags::from_bits_retain(libc::MSG_FASTOPEN);
    sendto(client.as_raw_fd(), b"hello", &address, flags)?;
    handled()?;
    let carried = net::tcp_info(&client)?.tcpi_options & TCPI_OPT_SYN_DATA != 0;
    Ok((client, carried))
}

/// With `MSG_FASTOPEN` the first connection to a server fetches a cookie and sends its data after
/// the handshake, and the next one sends the data with its request.
#[case(man = ["tcp(7), TCP_FASTOPEN", "sendmsg(2)"], rfc = ["RFC 7413, 3"], since = "3.7", needs = [Need::PrivateNet], strength = Documented)]
fn second_request_carries_data(t: &mut Trial) -> Result {
    let listener = fast_listener()?;
    for (name, expected) in [("first", false), ("second", true), ("third", true)] {
        let (_client, carried) = fast_open(&listener)?;
        check!(t, carried == expected, "whether the {name} request carries data");
        let (mut accepted, _) = listener.accept()?;
        check!(t, accepted.read(&mut [0; 10]).ok() == Some(5), "the data of the {name} arrives");
    }
    check!(
        t,
        net::counter("TcpExt", "TCPFastOpenPassive")? == 2,
        "requests with data that were counted"
    );
    Ok(())
}

/// A listener without `TCP_FASTOPEN` gives out no cookie: no request to it carries data.
#[case(man = ["tcp(7), TCP_FASTOPEN"], rfc = ["RFC 7413, 4.1"], since = "3.7", needs = [Need::PrivateNet], strength = Documented)]
fn not_without_the_option(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    net::set_sysctl("ipv4/tcp_fastopen", 3)?;
    let listener = net::listener()?;
    for name in ["first", "second"] {
        let (_client, carried) = fast_open(&listener)?;
        check!(t, !carried, "the {name} request carries no data");
        let (mut accepted, _) = listener.accept()?;
        check!(t, accepted.read(&mut [0; 10]).ok() == Some(5), "the data of the {name} arrives");
    }
    Ok(())
}

/// With `TCP_FASTOPEN_CONNECT` and a cookie, connect returns success before anything was sent, and
/// the first write makes the connection.
#[case(commit = ["19f6d3f3c842"], kernel = ["tcp_fastopen_defer_connect"], since = "4.11", needs = [Need::PrivateNet], strength = Implementation)]
fn connect_waits_for_the_first_write(t: &mut Trial) -> Result {
    let listener = fast_listener()?;
    let (_first, _) = fast_open(&listener)?;
    let (_accepted, _) = listener.accept()?;
    let client = net::tcp_socket()?;
    setsockopt(&client, sockopt::TcpFastOpenConnect, &true)?;
    let address = listener.local_addr()?;
    check!(t, net::connect_to(&client, address) == Ok(()), "connect returns success");
    handled()?;
    check!(t, !net::established(&client)?, "there is no connection yet");
    check!(t, net::queued(&listener)? == 0, "and none at the listener");
    TcpStream::from(client).write_all(b"hello")?;
    handled()?;
    check!(t, net::queued(&listener)? == 1, "after the first write there is one");
    Ok(())
}
