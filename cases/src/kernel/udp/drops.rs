//! A receiver that is too slow.
//!
//! The datagrams for which its buffer has no room are dropped by its kernel. The sender's call has
//! succeeded long before, and succeeds for the next one as well: there is no window, and nothing to
//! wait for. Only the receiver's side counts what was lost.

use harness::prelude::*;
use harness::sys::message::receive;
use nix::libc::{SO_RCVBUF, SO_RXQ_OVFL, SOL_SOCKET};
use nix::sys::socket::MsgFlags;

use super::pair;

/// What is sent to a receiver that has room for a few.
const SENT: u32 = 60;

/// Sends more than a receiver with a small buffer can keep, and returns how many it kept. None is
/// on the way any more.
fn overflow(sender: &UdpSocket, receiver: &UdpSocket) -> Result<u32> {
    net::set_option(receiver, SOL_SOCKET, SO_RCVBUF, 8192)?;
    net::stay_on_this_cpu()?;
    for _ in 0..SENT {
        sender.send(&[0; 1000])?;
    }
    net::barrier()?;
    receiver.set_nonblocking(true)?;
    let mut kept = 0;
    while receiver.recv(&mut [0; 2000]).is_ok() {
        kept += 1;
    }
    Ok(kept)
}

/// A UDP send blocks while the receiver's buffer is full.
#[case(
    man = ["udp(7)", "send(2)"],
    notes = ["S46"],
    strength = Folklore,
    changed = [("", "", deviates, "the sender's kernel knows nothing of the receiver's buffer: send succeeds, and the datagram is dropped on arrival")],
)]
fn send_waits_for_the_receiver(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    let kept = overflow(&sender, &receiver)?;
    if kept == SENT {
        return Err(Stop::error("the receiver's buffer was never full"));
    }
    let job = t.spawn("sender", move || {
        (0..2 * SENT).try_for_each(|_| sender.send(&[0; 1000]).map(drop))?;
        Ok(())
    })?;
    check!(
        t,
        job.sleeps_in(t, Call::SEND)?,
        "nobody receives, there is room for {kept} datagrams, and {} are sent: the sender sleeps",
        2 * SENT
    );
    Ok(())
}

/// With `SO_RXQ_OVFL` a datagram tells how many were dropped before it.
#[case(man = ["socket(7), SO_RXQ_OVFL"], since = "2.6.33", strength = Documented)]
fn the_next_datagram_tells_how_many(t: &mut Trial) -> Result {
    let (sender, receiver) = pair()?;
    let set = net::set_option(&receiver, SOL_SOCKET, SO_RXQ_OVFL, 1);
    harness::knobs::known(set, "SO_RXQ_OVFL")?;
    let kept = overflow(&sender, &receiver)?;
    sender.send(b"late")?;
    net::barrier()?;
    let late = receive(&receiver, 2000, 64, MsgFlags::empty())?;
    check!(t, late.data == b"late", "there is room again, and a datagram arrives");
    let told = late.control_int(SOL_SOCKET, SO_RXQ_OVFL).unwrap_or(0);
    check!(t, told == i32::try_from(SENT - kept)?, "it tells of all that were sent and not kept");
    Ok(())
}

/// The network namespace counts what its receivers had no room for: `RcvbufErrors`, and with it
/// `InErrors`.
#[case(
    man = ["proc_pid_net(5)"],
    kernel = ["__udp_enqueue_schedule_skb"],
    needs = [Need::PrivateNet],
    strength = Implementation
)]
fn the_namespace_counts_them(t: &mut Trial) -> Result {
    let counters = || -> Result<[u64; 2]> {
        Ok([net::counter("Udp", "RcvbufErrors")?, net::counter("Udp", "InErrors")?])
    };
    let (sender, receiver) = pair()?;
    let before = counters()?;
    let lost = u64::from(SENT - overflow(&sender, &receiver)?);
    let after = counters()?;
    check!(t, lost > 0, "datagrams that were sent and not kept");
    check!(t, after == before.map(|count| count + lost), "RcvbufErrors and InErrors count each");
    Ok(())
}

/// Nonblocking sends over loopback succeed one after the other, although nobody receives: the send
/// buffer is empty again when the datagram has arrived, or was dropped.
#[case(man = ["udp(7)", "send(2)"], kernel = ["loopback_xmit"], strength = Implementation)]
fn the_sender_is_never_held_up(t: &mut Trial) -> Result {
    let (sender, _receiver) = pair()?;
    sender.set_nonblocking(true)?;
    let taken = (0..5000).filter(|_| sender.send(&[0; 1000]).is_ok()).count();
    check!(t, taken == 5000, "five megabytes, many times what both buffers hold");
    check!(t, poll_now(&sender, POLLOUT)? == POLLOUT, "and the sender may go on");
    Ok(())
}
