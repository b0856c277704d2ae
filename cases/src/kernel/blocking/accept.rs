//! A thread in accept waits for a connection as a reader waits for data: asleep, at the head of
//! the line or behind others. What ends the wait is a connection or a shutdown of the listener,
//! and not a close.

use harness::prelude::*;
use nix::sys::socket::{Shutdown, accept, connect, shutdown};

/// An accept without a client sleeps until somebody connects, over TCP and over `AF_UNIX`.
#[case(man = ["accept(2)"], notes = ["S15", "S24"], strength = Documented)]
fn sleeps_until_a_connection(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    let job = t.spawn("TCP", move || Ok(listener.accept()?))?;
    check!(t, job.sleeps_in(t, Call::ACCEPT)?, "TCP: the thread sleeps while nobody connects");
    let client = TcpStream::connect(address)?;
    let peer = job.join_soon(t)?.map(|(_, peer)| peer);
    check!(t, peer == Some(client.local_addr()?), "TCP: it returns with the client's connection");

    let (listener, address) = net::unix_listener(8)?;
    let job = t.spawn("AF_UNIX", move || Ok(accept(listener.as_raw_fd())?))?;
    check!(t, job.sleeps_in(t, Call::ACCEPT)?, "AF_UNIX: the thread sleeps while nobody connects");
    let client = net::unix_socket()?;
    connect(client.as_raw_fd(), &address)?;
    check!(t, job.join_soon(t)?.is_some(), "AF_UNIX: it returns once a client has connected");
    Ok(())
}

/// A thread that is blocked in accept sleeps on when another thread closes the listener, and
/// still accepts the next connection.
#[case(man = ["close(2), Multithreaded processes and close()"], strength = Documented)]
fn close_does_not_wake_it(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let (address, number) = (listener.local_addr()?, listener.as_raw_fd());
    let job = t.spawn("accept", move || Ok(accept(number)?))?;
    check!(t, job.sleeps_in(t, Call::ACCEPT)?, "the thread sleeps in accept");
    drop(listener);
    check!(
        t,
        job.sleeps_in(t, Call::ACCEPT)?,
        "the listener's number is closed, and the thread sleeps on"
    );
    let client = TcpStream::connect(address).is_ok();
    check!(t, client, "the socket still listens: the sleeping call holds it");
    check!(t, job.join_soon(t)?.is_some(), "the call ends with the connection");
    Ok(())
}

/// `shutdown(SHUT_RD)` on a TCP listener wakes a thread that is blocked in accept on it, which
/// fails with EINVAL.
#[case(kernel = ["inet_shutdown", "inet_csk_accept"], strength = Implementation)]
fn shutdown_wakes_it(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let number = listener.as_raw_fd();
    let job = t.spawn("accept", move || Ok(accept(number)))?;
    check!(t, job.sleeps_in(t, Call::ACCEPT)?, "the thread sleeps in accept");
    shutdown(number, Shutdown::Read)?;
    check!(
        t,
        job.join_soon(t)? == Some(Err(Errno::EINVAL)),
        "the socket listens no more, and accept says so"
    );
    Ok(())
}
