//! A queue for each listener. What was given to one member of a group waits for that member: nobody
//! else can take it, and it is lost with the member. A listener that is shared by fork has one
//! queue, with the option or without.

use harness::prelude::*;
use harness::sys::process;
use nix::sys::socket::{Backlog, listen};

use super::{clients, finish_handshakes, group, half_open, shares};

/// Connections that were given to a listener whose owner does nothing are not taken over by another
/// member that waits for work.
#[case(kernel = ["reuseport_select_sock"], notes = ["S36"], since = "3.9", strength = Implementation)]
fn share_is_not_stolen(t: &mut Trial) -> Result {
    let mut listeners = group(2)?;
    let _clients = clients(40, &listeners[0])?;
    let (stuck, working) = (listeners.swap_remove(0), listeners.remove(0));
    let all = t.eventually(|| Ok(net::queued(&stuck)? + net::queued(&working)? == 40))?;
    let (left, taken) = (net::queued(&stuck)?, net::queued(&working)?);
    check!(t, all, "the two queues come to hold 40 connections: {left} and {taken}");
    check!(t, left > 0, "and one of them belongs to a member that does nothing");

    let accepted = (0..40).take_while(|_| working.accept().is_ok()).count();
    check!(t, accepted == taken as usize, "what the other member can accept");
    working.set_nonblocking(false)?;
    let hungry = t.spawn("hungry", move || Ok(working.accept()?))?;
    check!(t, hungry.sleeps_in(t, Call::ACCEPT)?, "the member that works waits for more");
    check!(
        t,
        net::queued(&stuck)? == left,
        "while {left} clients wait for the member that does not"
    );
    Ok(())
}

/// Whether the client finds its connection reset, without waiting for it.
fn was_reset(client: &TcpStream) -> bool {
    let error = nix::sys::socket::recv(
        client.as_raw_fd(),
        &mut [0],
        nix::sys::socket::MsgFlags::MSG_DONTWAIT,
    );
    error == Err(Errno::ECONNRESET)
}

/// Closing one listener of a group resets the connections in its queue, although others listen.
#[case(
    kernel = ["inet_csk_listen_stop", "Documentation/networking/ip-sysctl.rst, tcp_migrate_req"],
    notes = ["S36"],
    since = "3.9",
    needs = [Need::PrivateNet],
    strength = Implementation,
)]
fn closing_resets_its_queue(t: &mut Trial) -> Result {
    let mut listeners = group(2)?;
    let mut clients = clients(40, &listeners[0])?;
    let closed = listeners.swap_remove(0);
    let all = t.eventually(|| Ok(net::queued(&closed)? + net::queued(&listeners[0])? == 40))?;
    let (lost, kept) = (net::queued(&closed)?, net::queued(&listeners[0])?);
    check!(t, all, "the two queues come to hold 40 connections: {lost} and {kept}");
    check!(t, lost > 0, "the queue of the one to be closed holds some");
    drop(closed);
    net::barrier()?;

    t.eventually(|| {
        clients.retain(|client| !was_reset(client));
        Ok(clients.len() <= kept as usize)
    })?;
    check!(t, clients.len() == kept as usize, "clients that are left, after {lost} were reset");
    check!(t, net::queued(&listeners[0])? == kept, "connections that the other listener has");
    Ok(())
}

/// A listener that joins later gets nothing of what waits for the others.
#[case(kernel = ["reuseport_add_sock"], since = "3.9", strength = Implementation)]
fn joining_moves_nothing(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let _clients = clients(20, &first)?;
    let queued = t.eventually(|| Ok(net::queued(&first)? == 20))?;
    check!(t, queued, "all connections wait for the only member");
    let late = net::reuseport_listener(net::port_of(&first)?)?;
    check!(
        t,
        (net::queued(&first)?, net::queued(&late)?) == (20, 0),
        "connections that wait for the old and the new member"
    );
    Ok(())
}

/// A parent and a child that share a listener by fork are not two members: they accept from one
/// queue, in the order of the connections, whoever calls.
#[case(man = ["fork(2), DESCRIPTION"], kernel = ["reqsk_queue_remove"], notes = ["S38"], since = "3.9", strength = Implementation)]
fn fork_is_no_group(t: &mut Trial) -> Result {
    let listener = net::reuseport_listener(0)?;
    listener.set_nonblocking(true)?;
    let accept = || listener.accept().map_or(0, |(_, peer)| peer.port());
    let (mut asker, mut child) = UnixStream::pair()?;
    process::fork_bound(|| {
        while child.read_exact(&mut [0]).is_ok() {
            let _ = child.write_all(&accept().to_be_bytes());
        }
        0
    })?;
    let clients = clients(20, &listener)?;
    let mut accepted = Vec::new();
    for _ in 0..10 {
        let mut port = [0; 2];
        asker.write_all(b"?")?;
        asker.read_exact(&mut port)?;
        accepted.extend([u16::from_be_bytes(port), accept()]);
    }
    let connected = clients.iter().map(net::port_of).collect::<Result<Vec<_>>>()?;
    check!(t, accepted == connected, "clients that child and parent accept, in turn");
    Ok(())
}

/// A listener whose queue is full keeps its share: connections that fall to it are dropped although
/// another member has room.
#[case(kernel = ["tcp_conn_request", "reuseport_select_sock"], notes = ["S36"], since = "3.9", strength = Implementation)]
fn a_full_one_is_not_spared(t: &mut Trial) -> Result {
    let listeners = group(2)?;
    let (full, roomy) = (&listeners[0], &listeners[1]);
    listen(full, Backlog::new(0)?)?;
    check!(t, net::queued(full)? == 0, "its queue is empty");
    net::stay_on_this_cpu()?;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(net::try_to_connect(full.local_addr()?)?);
        (0..3).try_for_each(|_| net::barrier())?;
    }
    check!(t, net::queued(full)? == 1, "connections of the one with a backlog of 0");
    let established = clients.iter().map(net::established).collect::<Result<Vec<_>>>()?.into_iter();
    let connected = established.filter(|established| *established).count();
    check!(t, connected < 40, "of 40 clients some are not connected: {connected} are");
    check!(t, net::queued(roomy)? as usize + 1 == connected, "the other has all but one of these");
    Ok(())
}

/// Closing one listener of a group breaks the handshakes that it has under way, although others
/// listen: their clients are reset.
#[case(
    kernel = ["tcp_v4_rcv", "Documentation/networking/ip-sysctl.rst, tcp_migrate_req"],
    since = "4.4",
    needs = [Need::PrivateNet],
    strength = Implementation,
)]
fn closing_breaks_its_handshakes(t: &mut Trial) -> Result {
    let (mut listeners, mut clients) = half_open()?;
    check!(t, shares(&listeners)? == [0, 0], "no connection is complete");
    drop(listeners.remove(0));
    finish_handshakes(&mut clients)?;
    let reset = clients.iter().filter(|client| was_reset(client)).count();
    check!(t, reset > 0, "clients that are reset, of 40: {reset}");
    check!(t, shares(&listeners)? == [40 - reset], "connections that the other listener has");
    Ok(())
}

/// A listener that joins breaks no handshake that is under way: it ends where it began.
#[case(kernel = ["tcp_v4_rcv", "reqsk_queue_hash_req"], commit = ["079096f103fa"], since = "4.4", strength = Implementation)]
fn joining_breaks_no_handshake(t: &mut Trial) -> Result {
    let (mut listeners, mut clients) = half_open()?;
    let port = net::port_of(&listeners[0])?;
    for _ in 0..3 {
        listeners.push(net::reuseport_listener(port)?);
    }
    finish_handshakes(&mut clients)?;
    let shares = shares(&listeners)?;
    check!(t, shares[0] + shares[1] == 40, "connections of the two old ones, of 40: {shares:?}");
    check!(t, shares[2..] == [0, 0, 0], "those of the three new ones");
    Ok(())
}
