//! Who gets what. The choice is a hash of the four numbers that name a connection, so it is even in
//! the long run, blind in the short run, and always the same for the same four numbers.

use harness::measure::uniform;
use harness::prelude::*;

use super::{group, udp_member};

/// The members of a group of four that get `count` connections, in order.
fn receivers(count: usize) -> Result<Vec<usize>> {
    let listeners = group(4)?;
    let address = listeners[0].local_addr()?;
    net::stay_on_this_cpu()?;
    let mut receivers = Vec::new();
    for _ in 0..count {
        let _client = net::connect(address)?;
        receivers.extend((0..4).filter(|index| listeners[*index].accept().is_ok()));
    }
    Ok(receivers)
}

/// Over many connections, every listener of a group has the same chance to get one.
#[case(man = ["socket(7), SO_REUSEPORT"], kernel = ["inet_ehashfn", "reuseport_select_sock"], notes = ["S33", "S36"], since = "3.9", strength = Implementation)]
fn even_in_the_long_run(t: &mut Trial) -> Result {
    let receivers = receivers(400)?;
    check!(t, receivers.len() == 400, "each of 400 connections was given to one listener");
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
    let receivers = receivers(40)?;
    let in_turn = receivers.windows(5).all(|five| five[0] == five[4] && five[0] != five[1]);
    check!(t, in_turn, "the listeners that got 40 connections: {receivers:?}");
    Ok(())
}

/// All datagrams from one address and port go to the same socket of a group.
#[case(kernel = ["udp_ehashfn", "reuseport_select_sock"], notes = ["S33"], since = "3.9", strength = Implementation)]
fn a_flow_sticks(t: &mut Trial) -> Result {
    let mut group = Vec::new();
    for _ in 0..4 {
        let socket = udp_member(group.first())?;
        group.push(socket);
    }
    net::stay_on_this_cpu()?;
    let client = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    for _ in 0..20 {
        client.send_to(b"x", group[0].local_addr()?)?;
    }
    net::barrier()?;
    let mut counts = group
        .iter()
        .map(|socket| (0..20).take_while(|_| socket.recv(&mut [0]).is_ok()).count())
        .collect::<Vec<_>>();
    counts.sort_unstable();
    check!(t, counts == [0, 0, 0, 20], "datagrams per socket, in ascending order");
    Ok(())
}
