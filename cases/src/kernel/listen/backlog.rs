//! The backlog: how many completed connections may wait to be accepted. The kernel keeps the number
//! that listen was given, cut to net.core.somaxconn, and admits one connection more than that.

use harness::prelude::*;
use harness::sys::inet;
use nix::sys::socket::{Backlog, listen};

use super::{clients, limit};

/// The limit of a listener that asks for `backlog`.
fn limit_for(backlog: i32) -> Result<i32> {
    let socket = net::tcp_socket()?;
    inet::listen(&socket, backlog)?;
    Ok(i32::try_from(limit(socket)?)?)
}

/// There is a largest backlog: one above it is silently cut to it, and a smaller one is not.
#[case(man = ["listen(2), NOTES"], kernel = ["__sys_listen"], since = "2.4.25", strength = Documented)]
fn too_much_is_cut(t: &mut Trial) -> Result {
    let most = limit_for(i32::MAX)?;
    check!(t, most < i32::MAX, "there is a largest backlog: {most}");
    for (asked, given) in [(most - 1, most - 1), (most, most), (most + 1, most)] {
        check!(t, limit_for(asked)? == given, "the limit of a listener that asked for {asked}");
    }
    Ok(())
}

/// The largest backlog is net.core.somaxconn of the network namespace.
#[case(man = ["listen(2), NOTES"], kernel = ["__sys_listen"], since = "2.4.25", needs = [Need::PrivateNet], strength = Documented)]
fn most_is_somaxconn(t: &mut Trial) -> Result {
    net::set_sysctl("core/somaxconn", 3)?;
    for (asked, given) in [(2, 2), (3, 3), (4, 3), (1000, 3)] {
        check!(t, limit_for(asked)? == given, "the limit of a listener that asked for {asked}");
    }
    Ok(())
}

/// A negative backlog asks for the largest there is.
#[case(kernel = ["__sys_listen"], strength = Implementation)]
fn negative_is_the_most(t: &mut Trial) -> Result {
    let most = limit_for(i32::MAX)?;
    for asked in [-1, -2, i32::MIN] {
        check!(t, limit_for(asked)? == most, "the limit of a listener that asked for {asked}");
    }
    Ok(())
}

/// Unless it is set, net.core.somaxconn is 4096: that is the largest backlog.
#[case(man = ["listen(2), NOTES"], commit = ["19f92a030ca6"], since = "5.4", needs = [Need::PrivateNet], strength = Documented)]
fn most_is_4096(t: &mut Trial) -> Result {
    check!(t, limit_for(-1)? == 4096, "the limit of a listener that asks for all there is");
    Ok(())
}

/// Whatever a program asks for, a listener has a backlog of 128 at most.
#[case(
    man = ["listen(2), NOTES"],
    commit = ["19f92a030ca6"],
    needs = [Need::PrivateNet],
    strength = Folklore,
    changed = [("5.4", "", deviates, "net.core.somaxconn was 128 until Linux 5.4, which made it 4096")],
)]
fn most_is_128(t: &mut Trial) -> Result {
    check!(t, limit_for(-1)? == 128, "the limit of a listener that asks for all there is");
    Ok(())
}

/// A second listen on a listener changes its backlog.
#[case(man = ["listen(2)"], kernel = ["__inet_listen_sk"], strength = Implementation)]
fn again_changes_it(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(3)?;
    check!(t, limit(&listener)? == 3, "the limit at first");
    for backlog in [2_i32, 5, 0] {
        check!(t, listen(&listener, Backlog::new(backlog)?) == Ok(()), "listen({backlog})");
        check!(t, limit(&listener)? == backlog.unsigned_abs(), "the limit after listen({backlog})");
    }
    Ok(())
}

/// Connections that wait already outlive a smaller backlog; it keeps out the next one.
#[case(kernel = ["__inet_listen_sk", "sk_acceptq_is_full"], strength = Implementation)]
fn a_smaller_one_loses_nothing(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(5)?;
    let (_clients, established) = clients(4, &listener)?;
    check!(t, established == [true; 4], "four clients are connected");
    check!(t, listen(&listener, Backlog::new(1)?) == Ok(()), "listen again, with a backlog of 1");
    let (_late, established) = clients(1, &listener)?;
    check!(t, established == [false], "a fifth one is not");
    listener.set_nonblocking(true)?;
    let accepted = std::iter::from_fn(|| listener.accept().ok()).count();
    check!(t, accepted == 4, "connections that can be accepted");
    Ok(())
}

/// A larger backlog holds for the next client at once.
#[case(kernel = ["__inet_listen_sk", "sk_acceptq_is_full"], needs = [Need::PrivateNet], strength = Implementation)]
fn a_larger_one_makes_room(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(0)?;
    let (mut early, established) = clients(3, &listener)?;
    check!(t, established == [true, false, false], "clients of a listener with a backlog of 0");
    early.truncate(1);
    check!(t, listen(&listener, Backlog::new(2)?) == Ok(()), "listen again, with a backlog of 2");
    let (_more, established) = clients(2, &listener)?;
    check!(t, established == [true, true], "further ones are");
    Ok(())
}

/// An accepted connection makes room for the next client.
#[case(man = ["listen(2), DESCRIPTION"], kernel = ["sk_acceptq_removed"], strength = Implementation)]
fn accept_makes_room(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(1)?;
    let (mut early, established) = clients(3, &listener)?;
    check!(t, established == [true, true, false], "clients of a listener with a backlog of 1");
    early.truncate(2);
    let (_accepted, _) = listener.accept()?;
    let (_more, established) = clients(2, &listener)?;
    check!(t, established == [true, false], "one was accepted, and the next two clients come");
    Ok(())
}

/// A listener with a backlog of N holds N connections.
#[case(
    man = ["listen(2), DESCRIPTION"],
    kernel = ["sk_acceptq_is_full"],
    strength = Folklore,
    changed = [("", "", deviates, "the queue is full when it holds more than the backlog: N + 1 fit")],
)]
fn n_are_n(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(2)?;
    let (_clients, established) = clients(3, &listener)?;
    check!(t, established == [true, true, false], "clients that connect with a backlog of 2");
    Ok(())
}

/// `TCP_INFO` and `/proc/net/tcp` tell how many connections wait at a listener to be accepted.
#[case(kernel = ["Documentation/networking/proc_net_tcp.rst", "tcp_get_info", "get_tcp4_sock"], strength = Implementation)]
fn the_queue_is_told(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let port = net::port_of(&listener)?;
    let told = || -> Result<_> {
        let row = net::listed(port)?.into_iter().find(|row| row.peer.port() == 0);
        Ok((net::queued(&listener)?, row.map(|row| row.queue)))
    };
    check!(t, told()? == (0, Some(0)), "before anybody connects");
    let (_clients, _) = clients(2, &listener)?;
    check!(t, told()? == (2, Some(2)), "two clients wait");
    let (_accepted, _) = listener.accept()?;
    check!(t, told()? == (1, Some(1)), "one was accepted");
    Ok(())
}
