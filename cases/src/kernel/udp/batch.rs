//! Many datagrams with one call (`recvmmsg(2)`): as many as there are room for, each in its own
//! buffer. Its time-out is looked at when a datagram has come, and at no other time.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::message::receive_many;
use nix::sys::socket::MsgFlags;

use super::pair;

/// A receiver with two datagrams, of one and of two bytes.
fn two_queued() -> Result<(UdpSocket, UdpSocket)> {
    let (sender, receiver) = pair()?;
    net::stay_on_this_cpu()?;
    sender.send(b"a")?;
    sender.send(b"bb")?;
    net::barrier()?;
    Ok((sender, receiver))
}

/// With `MSG_WAITFORONE` recvmmsg returns the datagrams that are there, and sleeps only if there is
/// none.
#[case(man = ["recvmmsg(2), MSG_WAITFORONE"], since = "2.6.34", strength = Documented)]
fn waits_for_one(t: &mut Trial) -> Result {
    let (sender, receiver) = two_queued()?;
    let read =
        |socket: UdpSocket| move || Ok(receive_many(&socket, 3, 8, MsgFlags::MSG_WAITFORONE, None));
    let job = t.spawn("reader", read(receiver.try_clone()?))?;
    check!(t, job.join_soon(t)? == Some(Ok(vec![1, 2])), "room for three, and two are there");
    let job = t.spawn("reader", read(receiver))?;
    check!(t, job.sleeps_in(t, Call::RECVMMSG)?, "none is there");
    sender.send(b"ccc")?;
    check!(t, job.join_soon(t)? == Some(Ok(vec![3])), "one comes, and is returned");
    Ok(())
}

/// Without `MSG_WAITFORONE` recvmmsg sleeps until it has as many datagrams as were asked for.
#[case(man = ["recvmmsg(2)"], since = "2.6.33", strength = Documented)]
fn waits_for_all(t: &mut Trial) -> Result {
    let (sender, receiver) = two_queued()?;
    let job =
        t.spawn("reader", move || Ok(receive_many(&receiver, 3, 8, MsgFlags::empty(), None)?))?;
    check!(t, job.sleeps_in(t, Call::RECVMMSG)?, "two of three are there");
    sender.send(b"ccc")?;
    check!(t, job.join_soon(t)? == Some(vec![1, 2, 3]), "with the third it returns");
    Ok(())
}

/// The time-out of recvmmsg is looked at only after a datagram has come: without one, it sleeps
/// beyond it.
#[case(man = ["recvmmsg(2), BUGS"], since = "2.6.33", strength = Documented)]
fn the_timeout_needs_a_datagram(t: &mut Trial) -> Result {
    let limit = Duration::from_millis(1);
    let (sender, receiver) = pair()?;
    let job = t.spawn("reader", move || {
        Ok(receive_many(&receiver, 9, 8, MsgFlags::empty(), Some(limit))?)
    })?;
    check!(t, job.sleeps_in(t, Call::RECVMMSG)?, "there is no datagram");
    let start = Instant::now();
    let over = t.eventually(|| Ok(start.elapsed() > 20 * limit))?;
    check!(t, over, "the time-out is long over");
    check!(t, job.sleeps_in(t, Call::RECVMMSG)?, "and recvmmsg still sleeps");
    sender.send(b"a")?;
    check!(t, job.join_soon(t)? == Some(vec![1]), "a datagram makes it look at the clock");
    Ok(())
}
