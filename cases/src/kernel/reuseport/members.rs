//! Members come and go. The choice is the hash of a flow, scaled to the number of members: when
//! that number changes, flows change their socket. A member is in the group as long as its socket
//! is open, whether anybody looks after it or not.

use harness::prelude::*;
use nix::sys::socket::{Shutdown, shutdown};

use super::{clients, group, received, shares, sources, udp_member};

/// Sends a datagram from each source to the group.
fn send_from(sources: &[UdpSocket], group: &[UdpSocket]) -> Result {
    let address = group[0].local_addr()?;
    sources.iter().try_for_each(|source| Ok(source.send_to(b"x", address).map(drop)?))
}

/// A UDP socket that joins a group takes over a share of the flows that others had.
#[case(kernel = ["reuseport_add_sock", "reciprocal_scale"], since = "4.5", strength = Implementation)]
fn joining_takes_a_share(t: &mut Trial) -> Result {
    let mut group = vec![udp_member(None)?];
    net::stay_on_this_cpu()?;
    let sources = sources(40)?;
    send_from(&sources, &group)?;
    check!(t, received(&group)? == [40], "the only member gets what 40 sources send");
    group.push(udp_member(group.first())?);
    send_from(&sources, &group)?;
    let counts = received(&group)?;
    check!(t, counts[0] + counts[1] == 40, "with a second member they send as many: {counts:?}");
    check!(t, counts[1] > 0, "and it gets some of them: {counts:?}");
    Ok(())
}

/// The flows of a UDP socket that leaves a group go to those that stay.
#[case(kernel = ["reuseport_detach_sock"], since = "3.9", strength = Implementation)]
fn flows_of_one_that_leaves_move(t: &mut Trial) -> Result {
    let mut group = vec![udp_member(None)?];
    group.push(udp_member(group.first())?);
    net::stay_on_this_cpu()?;
    let sources = sources(40)?;
    send_from(&sources, &group)?;
    let counts = received(&group)?;
    check!(t, counts[0] + counts[1] == 40, "what the two get from 40 sources: {counts:?}");
    group.remove(0);
    send_from(&sources, &group)?;
    check!(t, received(&group)? == [40], "what the second gets when the first is closed");
    Ok(())
}

/// Datagrams that wait at a UDP socket when it leaves its group are lost.
#[case(kernel = ["udp_destroy_sock"], since = "3.9", strength = Implementation)]
fn datagrams_of_one_that_leaves_are_lost(t: &mut Trial) -> Result {
    let mut group = vec![udp_member(None)?];
    group.push(udp_member(group.first())?);
    net::stay_on_this_cpu()?;
    send_from(&sources(40)?, &group)?;
    net::barrier()?;
    let waiting = |member: &UdpSocket| net::unread(member);
    check!(t, waiting(&group[0])? > 0, "some wait at the first member");
    group.remove(0);
    let kept = received(&group)?;
    check!(t, kept[0] < 40, "the other has what was its own, {} of 40", kept[0]);
    Ok(())
}

/// A UDP socket of a group that is connected gets the datagrams of its peer and no others.
#[case(kernel = ["udp4_lib_lookup2", "compute_score"], commit = ["acdcecc61285"], since = "3.9", strength = Implementation, changed = [("4.5", "5.4", deviates, "between commits e32ea7e74727 and acdcecc61285 a group with a connected member gave it the others' datagrams too")])]
fn a_connected_one_has_its_peer(t: &mut Trial) -> Result {
    let mut group = vec![udp_member(None)?];
    for _ in 0..3 {
        group.push(udp_member(group.first())?);
    }
    net::stay_on_this_cpu()?;
    let sources = sources(20)?;
    let address = group[0].local_addr()?;
    for (member, source) in group.iter().zip(&sources).take(2) {
        member.connect(source.local_addr()?)?;
    }
    for _ in 0..5 {
        sources[0].send_to(b"x", address)?;
    }
    check!(t, received(&group)? == [5, 0, 0, 0], "datagrams of the peer of the first member");
    for source in &sources[2..] {
        source.send_to(b"x", address)?;
    }
    let counts = received(&group)?;
    check!(t, counts[..2] == [0, 0], "what the connected ones get of strangers: {counts:?}");
    check!(t, counts[2] + counts[3] == 18, "the others get it all: {counts:?}");
    Ok(())
}

/// A listener that was shut down has left its group: new connections go to the others.
#[case(kernel = ["inet_csk_listen_stop", "reuseport_stop_listen_sock"], since = "3.9", strength = Implementation)]
fn shutdown_leaves(t: &mut Trial) -> Result {
    let listeners = group(3)?;
    shutdown(listeners[0].as_raw_fd(), Shutdown::Read)?;
    let address = listeners[1].local_addr()?;
    net::stay_on_this_cpu()?;
    let clients = (0..20).map(|_| net::tcp_socket()).collect::<Result<Vec<_>>>()?;
    let connected = clients.iter().all(|client| net::connect_to(client, address) == Ok(()));
    check!(t, connected, "20 clients connect");
    net::barrier()?;
    let shares = shares(&listeners[1..])?;
    check!(t, shares.iter().sum::<usize>() == 20, "connections of the others, of 20: {shares:?}");
    Ok(())
}

/// A listener is still a member if another process has it open, although nobody accepts there: it
/// gets its share of the connections.
#[case(man = ["close(2), DESCRIPTION"], kernel = ["inet_csk_listen_stop"], notes = ["S36"], since = "3.9", strength = Implementation)]
fn a_forgotten_copy_keeps_its_place(t: &mut Trial) -> Result {
    let mut listeners = group(2)?;
    let closed = listeners.remove(0);
    let forgotten = closed.try_clone()?;
    drop(closed);
    let _clients = clients(40, &listeners[0])?;
    let (stranded, served) = (net::queued(&forgotten)?, net::queued(&listeners[0])?);
    check!(t, stranded + served == 40, "40 connections: {stranded} and {served}");
    check!(t, stranded > 0, "connections that wait where nobody accepts");
    Ok(())
}
