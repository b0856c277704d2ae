//! When a small piece of data leaves, and with what.
//!
//! TCP sends a small segment only if none is under way that was not acknowledged (Nagle), unless
//! the program asks for it with `TCP_NODELAY`; and not at all, for a while, if it says that more is
//! to come (`TCP_CORK`, `MSG_MORE`). The other side likes to let an acknowledgement wait for an
//! answer that could carry it. What is held back can be seen: `tcpi_notsent_bytes` counts bytes,
//! `tcpi_data_segs_out` segments.
//!
//! Nothing is held back for longer than a fraction of a second, and a segment that is not
//! acknowledged for long is sent again, which counts. A case that looks too late, because it had no
//! turn, tries again.

use harness::prelude::*;
use nix::libc;
use nix::sys::socket::{MsgFlags, send};

/// A connection whose receiver lets acknowledgements wait.
fn lazy_pair() -> Result<(TcpStream, TcpStream)> {
    let (sender, receiver) = net::tcp_pair()?;
    net::set_option(&receiver, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 0)?;
    Ok((sender, receiver))
}

/// Sets or clears `TCP_CORK`.
fn cork(socket: &TcpStream, on: bool) -> Result {
    Ok(net::set_option(socket, libc::IPPROTO_TCP, libc::TCP_CORK, i32::from(on))?)
}

/// How many bytes the kernel holds back, and how many segments with data it has sent.
fn held_and_sent(sender: &TcpStream) -> Result<(u32, u32)> {
    let info = net::tcp_info(sender)?;
    Ok((info.tcpi_notsent_bytes, info.tcpi_data_segs_out))
}

/// Ends the trial as `unobservable` on a system that does not count the segment of a control.
fn segments_are_told(t: &Trial) -> Result {
    let (mut sender, _receiver) = net::tcp_pair()?;
    sender.write_all(b"a")?;
    if t.eventually(|| Ok(held_and_sent(&sender)?.1 > 0))? {
        Ok(())
    } else {
        Err(Stop::Unobservable("TCP_INFO does not count segments here".to_owned()))
    }
}

/// A second small piece is held back while the first is not acknowledged, and then sent.
#[case(man = ["tcp(7), TCP_NODELAY"], rfc = ["RFC 9293, 3.7.4", "RFC 896"], since = "4.6", strength = Documented)]
fn nagle_waits_for_the_acknowledgement(t: &mut Trial) -> Result {
    segments_are_told(t)?;
    let mut pair = lazy_pair()?;
    let held = t.eventually(|| {
        pair = lazy_pair()?;
        pair.0.write_all(b"a")?;
        pair.0.write_all(b"b")?;
        Ok(held_and_sent(&pair.0)? == (1, 1))
    })?;
    check!(t, held, "the first byte is sent in a segment, the second is held back");
    let sent = t.eventually(|| Ok(net::unread(&pair.1)? == 2))?;
    check!(t, sent, "it leaves when the first is acknowledged");
    check!(t, held_and_sent(&pair.0)?.1 >= 2, "in a segment of its own");
    Ok(())
}

/// With `TCP_NODELAY` every piece is sent at once, in a segment of its own.
#[case(man = ["tcp(7), TCP_NODELAY"], since = "4.6", strength = Documented)]
fn nodelay_waits_for_nothing(t: &mut Trial) -> Result {
    segments_are_told(t)?;
    let at_once = t.eventually(|| {
        let (mut sender, _receiver) = lazy_pair()?;
        sender.set_nodelay(true)?;
        let mut seen = Vec::new();
        for _ in 0..3 {
            sender.write_all(b"a")?;
            seen.push(held_and_sent(&sender)?);
        }
        Ok(seen == [(0, 1), (0, 2), (0, 3)])
    })?;
    check!(t, at_once, "three bytes are three segments, and nothing is held back in between");
    Ok(())
}

/// Writes under `TCP_CORK` are held back, and leave in one segment when it is taken off.
#[case(man = ["tcp(7), TCP_CORK"], since = "4.6", strength = Documented)]
fn cork_gathers_writes(t: &mut Trial) -> Result {
    segments_are_told(t)?;
    let gathered = t.eventually(|| {
        let (mut sender, _receiver) = lazy_pair()?;
        cork(&sender, true)?;
        sender.write_all(b"head")?;
        sender.write_all(b"body")?;
        let under_the_cork = held_and_sent(&sender)?;
        cork(&sender, false)?;
        Ok((under_the_cork, held_and_sent(&sender)?) == ((8, 0), (0, 1)))
    })?;
    check!(t, gathered, "eight bytes and no segment under the cork, then one segment");
    Ok(())
}

/// `MSG_MORE` holds one send back until the next, and both leave in one segment.
#[case(man = ["send(2), MSG_MORE"], since = "4.6", strength = Documented)]
fn msg_more_waits_for_the_next_send(t: &mut Trial) -> Result {
    segments_are_told(t)?;
    let gathered = t.eventually(|| {
        let (sender, _receiver) = lazy_pair()?;
        let more = MsgFlags::from_bits_retain(libc::MSG_MORE);
        send(sender.as_raw_fd(), b"head", more)?;
        let before = held_and_sent(&sender)?;
        send(sender.as_raw_fd(), b"body", MsgFlags::empty())?;
        Ok((before, held_and_sent(&sender)?) == ((4, 0), (0, 1)))
    })?;
    check!(t, gathered, "four bytes and no segment at first, then one segment");
    Ok(())
}

/// Setting `TCP_NODELAY` sends at once what `TCP_CORK` has held back.
#[case(man = ["tcp(7), TCP_NODELAY"], since = "4.6", strength = Documented)]
fn nodelay_flushes_a_cork(t: &mut Trial) -> Result {
    segments_are_told(t)?;
    let flushed = t.eventually(|| {
        let (mut sender, _receiver) = lazy_pair()?;
        cork(&sender, true)?;
        sender.write_all(b"head")?;
        let under_the_cork = held_and_sent(&sender)?;
        sender.set_nodelay(true)?;
        Ok((under_the_cork, held_and_sent(&sender)?) == ((4, 0), (0, 1)))
    })?;
    check!(t, flushed, "four bytes and no segment under the cork, then one segment");
    Ok(())
}

/// What is held back by `TCP_CORK` leaves after some time even if it is never taken off.
#[case(man = ["tcp(7), TCP_CORK"], strength = Documented)]
fn a_cork_does_not_hold_for_ever(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    cork(&sender, true)?;
    sender.write_all(b"head")?;
    let arrived = t.eventually(|| Ok(net::unread(&receiver)? == 4))?;
    check!(t, arrived, "the bytes arrive, and the cork is still on");
    Ok(())
}

/// An acknowledgement may wait for data of its own direction, and then travels with it.
#[case(
    man = ["tcp(7), TCP_QUICKACK"],
    rfc = ["RFC 9293, 3.8.6.3"],
    notes = ["S45"],
    since = "4.2",
    strength = Implementation
)]
fn an_answer_carries_the_acknowledgement(t: &mut Trial) -> Result {
    let carried = t.eventually(|| {
        let (mut client, server) = lazy_pair()?;
        let segments = || -> Result<u32> { Ok(net::tcp_info(&server)?.tcpi_segs_out) };
        let before = segments()?;
        client.write_all(b"question")?;
        net::delivered(&server, 8)?;
        let waits = (net::unacked(&client)?, segments()? - before) == (8, 0);
        (&server).write_all(b"answer")?;
        net::delivered(&client, 6)?;
        let then = (net::unacked(&client)?, segments()? - before);
        Ok(waits && then == (0, 1))
    })?;
    check!(t, carried, "the question is not acknowledged until the answer, by the same segment");
    Ok(())
}
