//! A program of one's own for the choice (`SO_ATTACH_REUSEPORT_CBPF`). It returns the index of a
//! member, and members are counted in the order in which they came: a server can decide which of
//! its workers gets what.

use harness::prelude::*;
use harness::sys::steer;
use nix::sys::socket::{SockType, setsockopt, sockopt};

use super::{clients, group, received, set_program, shares, sources, udp_member};

/// All connections go to the listener whose index the program returns, counted in the order in
/// which they began to listen.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], since = "4.6", strength = Documented)]
fn program_names_the_listener(t: &mut Trial) -> Result {
    for index in 0..3 {
        let listeners = group(3)?;
        set_program(&listeners[0], &steer::always(index))?;
        let _clients = clients(10, &listeners[0])?;
        let mut expected = [0; 3];
        expected[index as usize] = 10;
        check!(t, shares(&listeners)? == expected, "connections of each if it returns {index}");
    }
    Ok(())
}

/// The program sees a datagram from its payload on: its first byte can name the socket of the
/// group.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], kernel = ["run_bpf_filter"], since = "4.5", strength = Documented)]
fn payload_names_the_socket(t: &mut Trial) -> Result {
    let mut group = vec![udp_member(None)?];
    set_program(&group[0], &steer::by_first_byte())?;
    for _ in 0..3 {
        group.push(udp_member(group.first())?);
    }
    net::stay_on_this_cpu()?;
    let (source, address) = (UdpSocket::bind("127.0.0.1:0")?, group[0].local_addr()?);
    for index in [0, 1, 2, 3, 2] {
        source.send_to(&[index], address)?;
        let mut expected = [0; 4];
        expected[usize::from(index)] = 1;
        check!(t, received(&group)? == expected, "datagrams of each, if the byte is {index}");
    }
    Ok(())
}

/// If the program returns a number that no member has, the choice is that of a group without a
/// program.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], kernel = ["reuseport_select_sock"], since = "4.5", strength = Documented)]
fn a_number_too_large_is_no_choice(t: &mut Trial) -> Result {
    let listeners = group(2)?;
    set_program(&listeners[0], &steer::always(2))?;
    let _clients = clients(40, &listeners[0])?;
    let shares = shares(&listeners)?;
    check!(t, shares.iter().sum::<usize>() == 40, "40 connections: {shares:?}");
    check!(t, shares.iter().all(|share| *share > 0), "both get some: {shares:?}");
    Ok(())
}

/// A program belongs to the group: it holds for members that join later, and any member can set
/// another one in its place.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], since = "4.6", strength = Documented)]
fn program_is_the_groups(t: &mut Trial) -> Result {
    let mut listeners = group(1)?;
    set_program(&listeners[0], &steer::always(1))?;
    listeners.push(net::reuseport_listener(net::port_of(&listeners[0])?)?);
    let _clients = clients(10, &listeners[0])?;
    check!(t, shares(&listeners)? == [0, 10], "connections of each; it joined after the program");
    set_program(&listeners[1], &steer::always(0))?;
    let _more = clients(10, &listeners[0])?;
    check!(t, shares(&listeners)? == [10, 10], "with another program, set by the second member");
    Ok(())
}

/// A program can be attached to a socket with `SO_REUSEPORT` before it is bound, and not to one
/// without the option.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], kernel = ["reuseport_attach_prog"], since = "4.6", strength = Documented)]
fn only_with_the_option(t: &mut Trial) -> Result {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    set_program(&group(1)?[0], &steer::always(0))?;
    for kind in [SockType::Stream, SockType::Datagram] {
        let socket = net::socket_for(kind, address)?;
        let refused = steer::attach(&socket, &steer::always(0));
        check!(t, refused == Err(Errno::EINVAL), "{kind:?}: without the option");
        setsockopt(&socket, sockopt::ReusePort, &true)?;
        check!(t, steer::attach(&socket, &steer::always(0)) == Ok(()), "{kind:?}: with it");
    }
    let alone = net::listener()?;
    let refused = steer::attach(&alone, &steer::always(0));
    check!(t, refused == Err(Errno::EINVAL), "a listener that was bound without the option");
    Ok(())
}

/// A program can be taken away again, once (`SO_DETACH_REUSEPORT_BPF`): then the choice is by hash.
#[case(man = ["socket(7), SO_DETACH_REUSEPORT_BPF"], commit = ["99f3a064bc2e"], since = "5.3", strength = Implementation)]
fn can_be_taken_away(t: &mut Trial) -> Result {
    let listeners = group(2)?;
    set_program(&listeners[0], &steer::always(1))?;
    check!(t, steer::detach(&listeners[1]) == Ok(()), "a member takes it away");
    let _clients = clients(40, &listeners[0])?;
    let shares = shares(&listeners)?;
    check!(t, shares.iter().all(|share| *share > 0), "both get some of 40: {shares:?}");
    check!(t, steer::detach(&listeners[0]) == Err(Errno::ENOENT), "there is none to take away");
    Ok(())
}

/// When a member leaves, the last one takes over its index.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], kernel = ["__reuseport_detach_sock"], since = "4.6", strength = Documented)]
fn the_last_takes_the_index_of_one_that_leaves(t: &mut Trial) -> Result {
    let mut listeners = group(4)?;
    set_program(&listeners[0], &steer::always(1))?;
    drop(listeners.remove(1));
    let _clients = clients(10, &listeners[0])?;
    check!(t, shares(&listeners)? == [0, 0, 10], "connections of members 0, 2 and 3, without 1");
    Ok(())
}

/// A program does not move flows when a member joins: the kernel's own choice would.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], since = "4.5", strength = Implementation)]
fn joining_moves_no_flow_of_a_program(t: &mut Trial) -> Result {
    let mut group = vec![udp_member(None)?];
    set_program(&group[0], &steer::by_first_byte())?;
    net::stay_on_this_cpu()?;
    let (sources, address) = (sources(20)?, group[0].local_addr()?);
    for members in 1..=4 {
        for source in &sources {
            source.send_to(&[0], address)?;
        }
        check!(t, received(&group)?[0] == 20, "what the first of {members} gets of 20 flows");
        group.push(udp_member(group.first())?);
    }
    Ok(())
}
