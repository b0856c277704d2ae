//! Connections that ended before anybody accepted them. On Linux they stay in the queue: accept
//! returns a socket, and what became of the client is learned from that.

use harness::prelude::*;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// A client that connected, sent `request`, and was closed: by a reset, or in good order.
fn gone(listener: &TcpListener, request: &[u8], reset: bool) -> Result {
    net::stay_on_this_cpu()?;
    let mut client = net::connect(listener.local_addr()?)?;
    client.write_all(request)?;
    net::barrier()?;
    let linger = libc::linger { l_onoff: i32::from(reset), l_linger: 0 };
    setsockopt(&client, sockopt::Linger, &linger)?;
    drop(client);
    net::barrier()
}

/// accept returns a connection that the client has reset in the meantime, and the first read of it
/// fails with ECONNRESET.
#[case(man = ["accept(2), ERRORS: ECONNABORTED"], kernel = ["inet_csk_accept"], strength = Implementation)]
fn a_reset_one_is_returned(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    gone(&listener, b"", true)?;
    check!(t, poll_now(&listener, POLLIN)? == POLLIN, "the listener is ready");
    listener.set_nonblocking(true)?;
    let accepted = listener.accept();
    check!(t, accepted.is_ok(), "accept returns the connection");
    let (mut accepted, _) = accepted?;
    accepted.set_nonblocking(true)?;
    let read = accepted.read(&mut [0]).map_err(|error| error.kind());
    check!(t, read == Err(ErrorKind::ConnectionReset), "and the reset shows when it is read");
    Ok(())
}

/// accept fails with ECONNABORTED if the client reset the connection before it was accepted.
#[case(
    man = ["accept(2), ERRORS: ECONNABORTED"],
    posix = ["accept()"],
    strength = Folklore,
    changed = [("", "", deviates, "POSIX has this error, and BSD gives it; Linux returns the dead connection")],
)]
fn a_reset_one_is_an_error(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    gone(&listener, b"", true)?;
    listener.set_nonblocking(true)?;
    let refused = listener.accept().map(drop).map_err(|error| error.kind());
    check!(t, refused == Err(ErrorKind::ConnectionAborted), "accept, after the client's reset");
    Ok(())
}

/// A connection that the client has used and closed is returned by accept with all that it sent.
#[case(man = ["accept(2), DESCRIPTION"], strength = Implementation)]
fn a_closed_one_has_its_data(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    gone(&listener, b"request", false)?;
    listener.set_nonblocking(true)?;
    let accepted = listener.accept();
    check!(t, accepted.is_ok(), "accept returns the connection");
    let (mut accepted, mut request) = (accepted?.0, Vec::new());
    accepted.set_nonblocking(true)?;
    check!(t, accepted.read_to_end(&mut request).ok() == Some(7), "what it sent, and then its end");
    check!(t, request == b"request", "the data is there");
    Ok(())
}

/// A connection that ended keeps its place in the queue: the ones behind it are returned after it.
#[case(kernel = ["inet_csk_accept", "reqsk_queue_remove"], strength = Implementation)]
fn it_keeps_its_place(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    gone(&listener, b"first", true)?;
    let mut second = net::connect(listener.local_addr()?)?;
    second.write_all(b"second")?;
    check!(t, net::queued(&listener)? == 2, "connections in the queue, the dead one included");
    let (_dead, _) = listener.accept()?;
    let (mut alive, peer) = listener.accept()?;
    check!(t, peer == second.local_addr()?, "the second connection comes second");
    check!(t, alive.read_exact(&mut [0; 6]).is_ok(), "and is well");
    Ok(())
}
