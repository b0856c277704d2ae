//! Shutting down one direction.
//!
//! `SHUT_WR` is part of the protocol: it sends a FIN. `SHUT_RD` is not: TCP has no way to say "I
//! receive no more", so nothing is sent, the peer goes on, and its data is acknowledged as before.

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, recv, send};
use std::net::Shutdown;

/// After `shutdown(SHUT_RD)` recv returns 0 where it would have slept; but the peer is not told,
/// and what it sends is acknowledged and can be read.
#[case(
    man = ["shutdown(2)", "shutdown(2), NOTES"],
    kernel = ["tcp_shutdown", "tcp_recvmsg"],
    notes = ["S45"],
    strength = Implementation
)]
fn shut_rd_is_not_told(t: &mut Trial) -> Result {
    let (mut client, mut server) = net::tcp_pair()?;
    server.shutdown(Shutdown::Read)?;
    check!(t, server.read(&mut [0; 8])? == 0, "there is nothing to read, and recv does not sleep");

    check!(t, client.write(b"abc")? == 3, "the peer sends");
    let acknowledged = t.eventually(|| Ok(net::unacked(&client)? == 0))?;
    check!(t, acknowledged, "it is acknowledged");
    check!(t, server.read(&mut [0; 8])? == 3, "and can be read");
    check!(t, server.read(&mut [0; 8])? == 0, "then recv returns 0 again");
    Ok(())
}

/// After `shutdown(SHUT_RD)` a TCP socket receives nothing any more.
#[case(
    man = ["shutdown(2)"],
    posix = ["shutdown()"],
    strength = Folklore,
    changed = [("", "", deviates, "TCP cannot tell the peer to stop, and Linux hands out what still arrives")],
)]
fn shut_rd_stops_the_data(t: &mut Trial) -> Result {
    let (mut client, mut server) = net::tcp_pair()?;
    server.shutdown(Shutdown::Read)?;
    client.write_all(b"abc")?;
    net::acknowledged(&client)?;
    check!(t, server.read(&mut [0; 8])? == 0, "the peer sent three bytes after it; recv returns");
    Ok(())
}

/// After its own `shutdown(SHUT_WR)` a socket cannot send (EPIPE), and still receives.
#[case(man = ["shutdown(2)", "send(2), EPIPE"], posix = ["shutdown()"], strength = Documented)]
fn shut_wr_ends_sending_alone(t: &mut Trial) -> Result {
    let (client, mut server) = net::tcp_pair()?;
    client.shutdown(Shutdown::Write)?;
    let sent = send(client.as_raw_fd(), b"a", MsgFlags::MSG_NOSIGNAL);
    check!(t, sent == Err(Errno::EPIPE), "send");
    server.write_all(b"abc")?;
    check!(t, (&client).read(&mut [0; 8])? == 3, "recv waits for data, and gets it");
    Ok(())
}

/// A second `shutdown(SHUT_WR)` succeeds as the first did, as long as the connection is there.
#[case(man = ["shutdown(2)"], kernel = ["inet_shutdown"], strength = Implementation)]
fn shut_wr_may_be_repeated(t: &mut Trial) -> Result {
    let (client, _server) = net::tcp_pair()?;
    for attempt in 1..=2 {
        let outcome = client.shutdown(Shutdown::Write).map_err(|error| error.kind());
        check!(t, outcome == Ok(()), "attempt {attempt}");
    }
    Ok(())
}

/// Data that the peer sent before its `shutdown(SHUT_WR)` is read before recv returns 0, and then
/// it returns 0 every time.
#[case(man = ["recv(2), RETURN VALUE"], posix = ["recv()"], strength = Documented)]
fn the_end_stays_the_end(t: &mut Trial) -> Result {
    let (mut client, server) = net::tcp_pair()?;
    client.write_all(b"last")?;
    client.shutdown(Shutdown::Write)?;
    let received = |flags| recv(server.as_raw_fd(), &mut [0; 8], flags);
    check!(t, received(MsgFlags::MSG_WAITALL) == Ok(4), "the data comes first");
    for attempt in 1..=3 {
        check!(t, received(MsgFlags::empty()) == Ok(0), "then the end, attempt {attempt}");
    }
    Ok(())
}
