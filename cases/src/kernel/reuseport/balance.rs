//! Who gets what. The choice is a hash of the four numbers that name a connection, so it is even in
//! the long run, blind in the short run, and always the same for the same four numbers.

use std::collections::BTreeSet;

use harness::measure::uniform;
use harness::prelude::*;
use nix::libc;
use nix::sys::socket::{SockaddrIn, connect, setsockopt, sockopt};

use super::{group, received, sources, udp_member};

/// The members of a group of four that get `count` connections, in order.
fn receivers(t: &mut Trial, count: usize) -> Result<Vec<usize>> {
    let listeners = group(4)?;
    let address = listeners[0].local_addr()?;
    let receiver = || (0..4).find(|index| listeners[*index].accept().is_ok());
    let mut receivers = Vec::new();
    for connection in 1..=count {
        let _client = TcpStream::connect(address)?;
        let given = t.eventually(|| {
            receivers.extend(receiver());
            Ok(receivers.len() == connection)
        })?;
        check!(t, given, "every connection is given to a listener");
    }
    check!(t, receiver() == None, "and none to two");
    Ok(receivers)
}

/// Over many connections, every listener of a group has the same chance to get one.
#[case(man = ["socket(7), SO_REUSEPORT"], kernel = ["inet_ehashfn", "reuseport_select_sock"], notes = ["S33", "S36"], since = "3.9", strength = Implementation)]
fn even_in_the_long_run(t: &mut Trial) -> Result {
    let receivers = receivers(t, 400)?;
    let counts = [0, 1, 2, 3]
        .map(|index| receivers.iter().filter(|receiver| **receiver == index).count() as u64);
    let even = t.stands(uniform("connections per listener", &counts)?)?;
    check!(t, even, "the shares {counts:?} are those of a fair choice");
    Ok(())
}

/// The listeners of a group get connections in turn.
#[case(
    man = ["socket(7), SO_REUSEPORT"],
    kernel = ["reuseport_select_sock"],
    notes = ["S33", "S36"],
    strength = Folklore,
    changed = [("", "", deviates, "the listener is chosen by a hash of addresses and ports: a share is even only in the long run")],
)]
fn round_robin(t: &mut Trial) -> Result {
    let receivers = receivers(t, 40)?;
    let in_turn = receivers.windows(5).all(|five| five[0] == five[4] && five[0] != five[1]);
    check!(t, in_turn, "the listeners that got 40 connections: {receivers:?}");
    Ok(())
}

/// All datagrams from one address and port go to the same socket of a group, and those from
/// another one may go to another socket.
#[case(kernel = ["udp_ehashfn", "reuseport_select_sock"], notes = ["S33"], since = "3.9", strength = Implementation)]
fn a_flow_sticks(t: &mut Trial) -> Result {
    let mut group = Vec::new();
    for _ in 0..4 {
        let socket = udp_member(group.first())?;
        group.push(socket);
    }
    let sources = sources(40)?;
    for source in [&sources, &sources, &sources].into_iter().flatten() {
        source.send_to(b"x", group[0].local_addr()?)?;
    }
    let mut seen = Vec::new();
    let all = t.eventually(|| {
        for (index, socket) in group.iter().enumerate() {
            seen.extend(socket.recv_from(&mut [0]).map(|(_, source)| (source, index)));
        }
        Ok(seen.len() == 120)
    })?;
    check!(t, all, "three datagrams of each of 40 sources arrive");
    let flows: BTreeSet<_> = seen.iter().collect();
    check!(t, flows.len() == 40, "pairs of a source and a socket that got something from it");
    let used: BTreeSet<_> = seen.iter().map(|(_, index)| index).collect();
    check!(t, used.len() >= 2, "several sockets get something: {used:?}");
    Ok(())
}

/// The member of a group that gets a connection from `port`, which is reset at once, so that the
/// same four numbers can be used again.
fn receiver(t: &Trial, listeners: &[TcpListener], port: u16) -> Result<Option<usize>> {
    let client = net::tcp_socket()?;
    setsockopt(&client, sockopt::ReuseAddr, &true)?;
    setsockopt(&client, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
    net::bind_to(&client, port)?;
    let server = SockaddrIn::new(127, 0, 0, 1, net::port_of(&listeners[0])?);
    connect(client.as_raw_fd(), &server)?;
    let mut taken = None;
    t.eventually(|| {
        let accept = |index: usize| Some((index, listeners[index].accept().ok()?));
        taken = (0..listeners.len()).find_map(accept);
        Ok(taken.is_some())
    })?;
    drop(client);
    net::barrier()?;
    Ok(taken.map(|(index, _)| index))
}

/// A client that connects again from the same port gets the same listener of a group, and one from
/// another port may get another.
#[case(kernel = ["inet_ehashfn", "reuseport_select_sock"], notes = ["S33"], since = "3.9", strength = Implementation)]
fn a_four_tuple_sticks(t: &mut Trial) -> Result {
    let listeners = group(4)?;
    net::stay_on_this_cpu()?;
    let mut used = BTreeSet::new();
    for _ in 0..30 {
        let holder = net::tcp_socket()?;
        setsockopt(&holder, sockopt::ReuseAddr, &true)?;
        net::bind_to(&holder, 0)?;
        let port = net::port_of(&holder)?;
        let first = receiver(t, &listeners, port)?;
        check!(t, first.is_some(), "a listener gets the connection from port {port}");
        for _ in 0..3 {
            check!(t, receiver(t, &listeners, port)? == first, "the same one gets the next");
        }
        used.insert(first);
    }
    check!(t, used.len() >= 2, "over 30 ports, several listeners get connections: {used:?}");
    Ok(())
}

/// Over many sources, every socket of a UDP group has the same chance to get the datagrams of one.
#[case(man = ["socket(7), SO_REUSEPORT"], kernel = ["udp_ehashfn", "reuseport_select_sock"], since = "3.9", strength = Implementation)]
fn even_over_many_flows(t: &mut Trial) -> Result {
    let mut group = Vec::new();
    for _ in 0..4 {
        let socket = udp_member(group.first())?;
        group.push(socket);
    }
    net::stay_on_this_cpu()?;
    let sources = sources(400)?;
    for source in &sources {
        source.send_to(b"x", group[0].local_addr()?)?;
    }
    let counts: Vec<_> = received(&group)?.into_iter().map(|count| count as u64).collect();
    check!(t, counts.iter().sum::<u64>() == 400, "each of 400 datagrams arrived once: {counts:?}");
    let even = t.stands(uniform("flows per socket", &counts)?)?;
    check!(t, even, "the shares {counts:?} are those of a fair choice");
    Ok(())
}
