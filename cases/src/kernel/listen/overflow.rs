//! A full accept queue. The kernel does not refuse: it drops the request, and the client's kernel
//! repeats it. A client can even be connected as far as it knows, and the server not, if the queue
//! filled up during its handshake.

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, send};

use super::{clients, defer, handled};

/// A request that finds the accept queue full is dropped, and counted in ListenOverflows and
/// ListenDrops.
#[case(kernel = ["tcp_conn_request", "Documentation/networking/snmp_counter.rst, TcpExtListenOverflows"], needs = [Need::PrivateNet], strength = Implementation)]
fn is_counted(t: &mut Trial) -> Result {
    let counters = || {
        Ok::<_, Stop>((
            net::counter("TcpExt", "ListenOverflows")?,
            net::counter("TcpExt", "ListenDrops")?,
        ))
    };
    let listener = net::listener_with_backlog(1)?;
    let (_early, established) = clients(2, &listener)?;
    check!(t, established == [true, true], "two clients fill a backlog of 1");
    check!(t, counters()? == (0, 0), "nothing was dropped so far");
    let (_late, established) = clients(1, &listener)?;
    check!(t, established == [false], "the third one is not connected");
    // It may have asked twice by now, or just be asking: the two are not counted in one step.
    let (mut overflows, mut drops) = (0, 0);
    let agree = t.eventually(|| {
        (overflows, drops) = counters()?;
        Ok(drops == overflows)
    })?;
    check!(t, overflows >= 1, "requests that found the queue full: {overflows}");
    check!(t, agree, "requests that were dropped, and no others: {drops}");
    Ok(())
}

/// A client of a listener whose accept queue is full gets ECONNREFUSED.
#[case(
    man = ["listen(2), DESCRIPTION"],
    kernel = ["tcp_conn_request"],
    needs = [Need::PrivateNet],
    strength = Folklore,
    changed = [("", "", deviates, "listen(2) says that it may; Linux drops the request over TCP, so that the client tries again")],
)]
fn refuses(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(0)?;
    let (clients, established) = clients(2, &listener)?;
    check!(t, established == [true, false], "one client fills a backlog of 0");
    check!(
        t,
        net::take_error(&clients[1])? == Some(Errno::ECONNREFUSED),
        "the error of the second one"
    );
    Ok(())
}

/// net.ipv4.tcp_abort_on_overflow does not turn the dropped request into a refusal.
#[case(man = ["tcp(7), tcp_abort_on_overflow"], kernel = ["tcp_conn_request"], needs = [Need::PrivateNet], strength = Implementation)]
fn abort_does_not_refuse(t: &mut Trial) -> Result {
    net::set_sysctl("ipv4/tcp_abort_on_overflow", 1)?;
    let listener = net::listener_with_backlog(0)?;
    let (clients, established) = clients(2, &listener)?;
    check!(t, established == [true, false], "one client fills a backlog of 0");
    check!(t, net::take_error(&clients[1])?.is_none(), "the second one has no error");
    check!(t, net::tcp_info(&clients[1])?.tcpi_state == 2, "it is still in state SYN_SENT (2)");
    Ok(())
}

/// A client that is connected as far as it knows, while the server's kernel waits for its data, and
/// a queue that three others have filled in the meantime.
fn too_late(t: &mut Trial) -> Result<(OwnedFd, TcpListener, Vec<OwnedFd>)> {
    let listener = net::listener_with_backlog(2)?;
    defer(&listener)?;
    let (mut slow, established) = clients(1, &listener)?;
    check!(t, established == [true], "the slow client is connected as far as it knows");
    let mut others = Vec::new();
    for _ in 0..3 {
        let (quick, _) = clients(1, &listener)?;
        send(quick[0].as_raw_fd(), b"x", MsgFlags::empty())?;
        handled()?;
        others.extend(quick);
    }
    check!(t, net::queued(&listener)? == 3, "quick ones that fill the queue, with a backlog of 2");
    let slow = slow.pop().ok_or_else(|| Stop::error("there is no client"))?;
    Ok((slow, listener, others))
}

/// A client whose handshake ends when the accept queue has become full is connected as far as it
/// knows, and can send; the server never sees it until there is room.
#[case(kernel = ["tcp_v4_syn_recv_sock", "tcp_check_req"], needs = [Need::PrivateNet], strength = Implementation)]
fn connected_for_the_client_alone(t: &mut Trial) -> Result {
    let (slow, listener, _others) = too_late(t)?;
    let sent = send(slow.as_raw_fd(), b"hello", MsgFlags::empty());
    handled()?;
    check!(t, sent == Ok(5), "its send succeeds");
    check!(t, net::established(&slow)?, "it is still connected");
    check!(t, net::unacked(&slow)? == 5, "bytes that nobody has acknowledged");
    check!(t, net::queued(&listener)? == 3, "connections in the queue: it is not among them");
    check!(t, net::counter("TcpExt", "ListenOverflows")? >= 1, "the overflow was counted");
    let peer = net::port_of(&slow)?;
    listener.set_nonblocking(true)?;
    let mut peers = Vec::new();
    let came = t.eventually(|| {
        peers.extend(listener.accept().map(|(_, peer)| peer.port()));
        Ok(peers.contains(&peer))
    })?;
    check!(
        t,
        came && peers.len() == 4 && peers.last() == Some(&peer),
        "there is room: its kernel sends again, and it is last"
    );
    Ok(())
}

/// With net.ipv4.tcp_abort_on_overflow a client whose handshake ends when the accept queue has
/// become full is reset.
#[case(man = ["tcp(7), tcp_abort_on_overflow"], kernel = ["tcp_check_req"], needs = [Need::PrivateNet], strength = Documented)]
fn abort_resets_what_is_too_late(t: &mut Trial) -> Result {
    net::set_sysctl("ipv4/tcp_abort_on_overflow", 1)?;
    let (slow, listener, _others) = too_late(t)?;
    check!(t, send(slow.as_raw_fd(), b"hello", MsgFlags::empty()) == Ok(5), "its send succeeds");
    handled()?;
    check!(t, net::take_error(&slow)? == Some(Errno::ECONNRESET), "and then it is reset");
    check!(t, net::queued(&listener)? == 3, "the others are still in the queue");
    Ok(())
}
