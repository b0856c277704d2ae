//! The queue of half-open connections: requests that the kernel has answered, and whose handshake
//! is not complete. The listeners here wait for a client's data (`TCP_DEFER_ACCEPT`), so that their
//! clients stay half-open for as long as a case likes.

use harness::prelude::*;

use super::{clients, defer, handled};

/// A listener with this backlog, whose connections stay half-open until the client has sent
/// something.
fn deferring(backlog: i32) -> Result<TcpListener> {
    let listener = net::listener_with_backlog(backlog)?;
    defer(&listener)?;
    Ok(listener)
}

/// A half-open connection is in state SYN_RECV, as `/proc/net/tcp` shows it, and in no queue for
/// accept.
#[case(kernel = ["get_openreq4", "tcp_check_req"], strength = Implementation)]
fn is_shown_as_syn_recv(t: &mut Trial) -> Result {
    let listener = deferring(8)?;
    let (mut clients, established) = clients(1, &listener)?;
    check!(t, established == [true], "the client is connected as far as it knows");
    let mut client = TcpStream::from(clients.remove(0));
    let (port, peer) = (net::port_of(&listener)?, net::port_of(&client)?);
    let state = || -> Result<Option<u8>> {
        let row = net::listed(port)?.into_iter().find(|row| row.peer.port() == peer);
        Ok(row.map(|row| row.state))
    };
    check!(t, state()? == Some(3), "the state of the server's end: SYN_RECV is 3");
    check!(t, net::queued(&listener)? == 0, "connections that wait to be accepted");
    client.write_all(b"x")?;
    handled()?;
    check!(t, state()? == Some(1), "with the client's data: ESTABLISHED is 1");
    check!(t, net::queued(&listener)? == 1, "connections that wait to be accepted then");
    Ok(())
}

/// Without SYN cookies a listener keeps one half-open connection more than its backlog, and drops
/// further requests.
#[case(
    kernel = ["inet_csk_reqsk_queue_is_full", "tcp_conn_request"],
    needs = [Need::PrivateNet],
    strength = Implementation,
    changed = [("4.4", "6.13", deviates, "it kept as many as the backlog, and none with a backlog of 0, until commit 3479c7549fb1")],
)]
fn is_as_long_as_the_backlog(t: &mut Trial) -> Result {
    net::set_sysctl("ipv4/tcp_syncookies", 0)?;
    let listener = deferring(3)?;
    let (_clients, established) = clients(6, &listener)?;
    check!(
        t,
        established == [true, true, true, true, false, false],
        "clients that get an answer, with a backlog of 3"
    );
    let dropped = net::counter("TcpExt", "TCPReqQFullDrop")?;
    check!(t, dropped >= 2, "requests that were dropped: {dropped}");
    Ok(())
}

/// With SYN cookies the request that finds the queue of half-open connections full is answered with
/// a cookie, and the client's next packet completes its connection.
#[case(man = ["tcp(7), tcp_syncookies"], kernel = ["cookie_v4_check"], needs = [Need::PrivateNet], strength = Documented)]
fn cookies_take_its_place(t: &mut Trial) -> Result {
    net::set_sysctl("ipv4/tcp_syncookies", 1)?;
    let listener = deferring(2)?;
    let (_clients, established) = clients(5, &listener)?;
    check!(t, established == [true; 5], "more clients than the backlog of 2 are connected");
    let (sent, returned) =
        (net::counter("TcpExt", "SyncookiesSent")?, net::counter("TcpExt", "SyncookiesRecv")?);
    check!(t, sent >= 2, "cookies that were sent: {sent}");
    check!(t, returned >= 2, "cookies that came back: {returned}");
    check!(
        t,
        u64::from(net::queued(&listener)?) == returned,
        "complete connections: what comes with a cookie cannot be deferred"
    );
    Ok(())
}

/// Without SYN cookies the last quarter of net.ipv4.tcp_max_syn_backlog is kept for peers that have
/// been connected before.
#[case(kernel = ["tcp_conn_request", "tcp_peer_is_proven"], needs = [Need::PrivateNet], strength = Implementation)]
fn last_quarter_is_for_known_peers(t: &mut Trial) -> Result {
    net::set_sysctl("ipv4/tcp_syncookies", 0)?;
    net::set_sysctl("ipv4/tcp_max_syn_backlog", 8)?;
    let listener = deferring(100)?;
    let (_clients, established) = clients(8, &listener)?;
    let mut expected = [true; 8];
    expected[7] = false;
    check!(t, established == expected, "of 8 strangers, 7 get an answer");

    let (client, server) = net::tcp_pair()?;
    drop(client);
    handled()?;
    drop(server);
    handled()?;
    let listener = deferring(100)?;
    let (_clients, established) = clients(8, &listener)?;
    check!(t, established == [true; 8], "of 8 clients at an address that was connected, all do");
    Ok(())
}
