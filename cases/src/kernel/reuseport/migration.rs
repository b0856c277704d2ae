//! net.ipv4.tcp_migrate_req: connections that wait at a listener which goes away move to another
//! member of its group, instead of being reset. A server can then replace its workers one by one
//! without losing a client.

use std::path::Path;

use harness::prelude::*;
use nix::sys::socket::{Shutdown, shutdown};

use super::{clients, finish_handshakes, group, half_open, shares};

/// The counter of connections that moved.
const MOVED: &str = "TCPMigrateReqSuccess";

/// Switches it on for this network namespace. The counter came with it; there are stable kernels
/// that have the sysctl, and nothing that looks at it.
fn migrate() -> Result {
    let folder = Path::new("/proc/sys/net/ipv4");
    let counted = net::counter("TcpExt", "ListenOverflows").is_ok();
    let known = folder.join("tcp_migrate_req").exists() && net::counter("TcpExt", MOVED).is_ok();
    if folder.is_dir() && counted && !known {
        return Err(Stop::Unsupported(format!("no net.ipv4.tcp_migrate_req that counts {MOVED}")));
    }
    net::set_sysctl("ipv4/tcp_migrate_req", 1)
}

/// Two listeners with 40 connections that have each sent a byte, and how many wait at the first.
fn loaded(t: &mut Trial) -> Result<(Vec<TcpListener>, Vec<TcpStream>, usize)> {
    let listeners = group(2)?;
    let mut clients = clients(40, &listeners[0])?;
    for client in &mut clients {
        client.write_all(b"x")?;
    }
    net::barrier()?;
    let waiting = shares(&listeners)?;
    check!(t, waiting.iter().sum::<usize>() == 40, "connections of the two: {waiting:?}");
    check!(t, waiting[0] > 0, "some wait at the one that will go");
    Ok((listeners, clients, waiting[0]))
}

/// All of 40 connections wait at the one that is left, with their data, and those that moved were
/// counted.
fn check_moved(t: &mut Trial, left: &TcpListener, moved: usize) -> Result {
    check!(t, net::queued(left)? == 40, "connections that wait at the one that is left");
    let counted = net::counter("TcpExt", MOVED)?;
    check!(t, counted == moved as u64, "connections that moved ({MOVED})");
    for _ in 0..40 {
        let (mut accepted, _) = left.accept()?;
        check!(t, accepted.read(&mut [0; 2]).ok() == Some(1), "each has what was sent");
    }
    Ok(())
}

/// With net.ipv4.tcp_migrate_req the connections that wait at a listener move to another member of
/// its group when it is closed.
#[case(kernel = ["Documentation/networking/ip-sysctl.rst, tcp_migrate_req", "inet_csk_listen_stop", "reuseport_migrate_sock"], commit = ["54b92e841937"], since = "5.14", needs = [Need::PrivateNet], strength = Documented)]
fn close_moves_the_queue(t: &mut Trial) -> Result {
    migrate()?;
    let (mut listeners, _clients, moving) = loaded(t)?;
    drop(listeners.remove(0));
    net::barrier()?;
    check_moved(t, &listeners[0], moving)
}

/// With net.ipv4.tcp_migrate_req the connections that wait at a listener move to another member of
/// its group when it is shut down.
#[case(kernel = ["Documentation/networking/ip-sysctl.rst, tcp_migrate_req", "reuseport_stop_listen_sock"], commit = ["54b92e841937"], since = "5.14", needs = [Need::PrivateNet], strength = Documented)]
fn shutdown_moves_the_queue(t: &mut Trial) -> Result {
    migrate()?;
    let (listeners, _clients, moving) = loaded(t)?;
    shutdown(listeners[0].as_raw_fd(), Shutdown::Read)?;
    net::barrier()?;
    check_moved(t, &listeners[1], moving)
}

/// With net.ipv4.tcp_migrate_req a handshake that is under way when its listener is closed ends at
/// another member of the group.
#[case(kernel = ["Documentation/networking/ip-sysctl.rst, tcp_migrate_req", "tcp_v4_rcv", "reuseport_migrate_sock"], commit = ["d4f2c86b2b7e"], since = "5.14", needs = [Need::PrivateNet], strength = Documented)]
fn handshakes_end_elsewhere(t: &mut Trial) -> Result {
    migrate()?;
    let (mut listeners, mut clients) = half_open()?;
    check!(t, shares(&listeners)? == [0, 0], "all handshakes are under way: no data was sent");
    drop(listeners.remove(0));
    finish_handshakes(&mut clients)?;
    check!(t, net::queued(&listeners[0])? == 40, "connections that wait at the one that is left");
    check!(t, net::counter("TcpExt", MOVED)? > 0, "some moved ({MOVED})");
    Ok(())
}

/// The last listener of a group has nobody to leave its connections to: they are reset, with
/// net.ipv4.tcp_migrate_req as without.
#[case(kernel = ["inet_csk_listen_stop", "reuseport_migrate_sock"], since = "5.14", needs = [Need::PrivateNet], strength = Implementation)]
fn the_last_resets_its_queue(t: &mut Trial) -> Result {
    migrate()?;
    let listeners = group(1)?;
    let clients = clients(3, &listeners[0])?;
    drop(listeners);
    net::barrier()?;
    for client in &clients {
        let error = net::take_error(client)?;
        check!(t, error == Some(Errno::ECONNRESET), "the error of a client that was waiting");
    }
    Ok(())
}
