//! A queue for each listener. What was given to one member of a group waits for that member: nobody
//! else can take it, and it is lost with the member. A listener that is shared by fork has one
//! queue, with the option or without.

use harness::prelude::*;
use harness::sys::process;

use super::{clients, group};

/// Connections that were given to a listener whose owner does nothing are not taken over by another
/// member that waits for work.
#[case(kernel = ["reuseport_select_sock"], notes = ["S36"], since = "3.9", strength = Implementation)]
fn share_is_not_stolen(t: &mut Trial) -> Result {
    let mut listeners = group(2)?;
    let _clients = clients(40, &listeners[0])?;
    let (stuck, working) = (listeners.swap_remove(0), listeners.remove(0));
    let (left, taken) = (net::queued(&stuck)?, net::queued(&working)?);
    check!(t, left + taken == 40, "the two queues hold {left} and {taken} connections");
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
    let clients = clients(40, &listeners[0])?;
    let closed = listeners.swap_remove(0);
    let (lost, kept) = (net::queued(&closed)?, net::queued(&listeners[0])?);
    check!(t, lost > 0, "the queue of the one to be closed holds connections: {lost} of 40");
    drop(closed);
    net::barrier()?;

    let mut resets = 0;
    for mut client in clients {
        client.set_nonblocking(true)?;
        resets += u32::from(
            client.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset),
        );
    }
    check!(t, resets == lost, "clients that were reset");
    check!(t, net::queued(&listeners[0])? == kept, "connections that the other listener has");
    Ok(())
}

/// A listener that joins later gets nothing of what waits for the others.
#[case(kernel = ["reuseport_add_sock"], since = "3.9", strength = Implementation)]
fn joining_moves_nothing(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let _clients = clients(20, &first)?;
    let late = net::reuseport_listener(net::port_of(&first)?)?;
    check!(
        t,
        (net::queued(&first)?, net::queued(&late)?) == (20, 0),
        "connections that wait for the old and the new member"
    );
    Ok(())
}

/// A child that shares a listener by fork, and never accepts, has no share of the connections: its
/// parent can accept all of them.
#[case(man = ["fork(2), DESCRIPTION"], notes = ["S38"], since = "3.9", strength = Documented)]
fn fork_is_no_group(t: &mut Trial) -> Result {
    let listener = net::reuseport_listener(0)?;
    listener.set_nonblocking(true)?;
    let (mut never, _writer) = std::io::pipe()?;
    let child = process::fork(|| {
        let _ = process::die_with_parent();
        i32::from(never.read(&mut [0]).is_err())
    })?;
    let _clients = clients(20, &listener)?;
    let accepted = (0..21).take_while(|_| listener.accept().is_ok()).count();
    check!(
        t,
        accepted == 20,
        "connections that the parent can accept, beside process {child} with the same listener"
    );
    Ok(())
}
