//! How data gets lost after `send` succeeded.
//!
//! Bytes that wait in a kernel belong to a socket, and die with it. When a socket is closed while
//! it holds unread data, TCP does not end the connection in order: it sends a reset (RST) instead
//! of an end of stream (FIN), because the peer should learn that something it sent was thrown
//! away (RFC 2525, 2.17). It learns this late, and not which part. So a program that must know
//! asks for an answer; this is why protocols have acknowledgements of their own.

use harness::prelude::*;
use harness::tcp::{fill_both, reset};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;

use super::{Child, received};

/// Data that was sent and acknowledged is lost when the receiving process is killed before it
/// reads; the sender gets `ECONNRESET` at its next call.
#[case(
    rfc = ["RFC 2525, 2.17"],
    kernel = ["__tcp_close"],
    notes = ["S43", "S44", "S47"],
    strength = Implementation
)]
fn acknowledged_data_dies_with_its_receiver(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    let (mut gate, open) = std::io::pipe()?;
    let child = Child::new(|| {
        gate.read_exact(&mut [0])?;
        Ok((&receiver).read(&mut [0; 8])?.try_into()?)
    })?;
    drop(receiver);

    let sent = sender.write(b"hello").map_err(|error| error.kind());
    check!(t, sent == Ok(5), "send takes all bytes");
    let acknowledged = t.eventually(|| Ok(net::unacked(&sender)? == 0))?;
    check!(t, acknowledged, "and the receiver's kernel acknowledges them");
    kill(child.pid, Signal::SIGKILL)?;
    let killed = child.wait()? == WaitStatus::Signaled(child.pid, Signal::SIGKILL, false);
    check!(t, killed, "the process is killed before it reads");
    drop(open);
    let answer = received(t, &sender)?;
    check!(
        t,
        answer == Some(Err(Errno::ECONNRESET)),
        "the sender hears of the loss when it waits for an answer"
    );
    Ok(())
}

/// Closing a socket with unread data resets the connection; without, it ends in order.
#[case(
    rfc = ["RFC 2525, 2.17", "RFC 9293, 3.6"],
    kernel = ["__tcp_close"],
    notes = ["S44"],
    strength = Implementation
)]
fn close_with_unread_data_resets(t: &mut Trial) -> Result {
    for (read, expected) in [(5, Ok(0)), (4, Err(Errno::ECONNRESET))] {
        let (mut sender, mut receiver) = net::tcp_pair()?;
        sender.write_all(b"hello")?;
        net::delivered(&receiver, 5)?;
        receiver.read_exact(&mut [0; 5][..read])?;
        drop(receiver);
        let end = received(t, &sender)?;
        check!(
            t,
            end == Some(expected),
            "what the sender receives after the peer read {read} of 5 bytes and closed"
        );
    }
    Ok(())
}

/// A reset leaves the receiver what had arrived: it can still be read, and then comes `ECONNRESET`.
#[case(kernel = ["tcp_reset", "tcp_recvmsg"], strength = Implementation)]
fn a_reset_keeps_what_has_arrived(t: &mut Trial) -> Result {
    let (mut sender, mut receiver) = net::tcp_pair()?;
    sender.write_all(b"data")?;
    net::delivered(&receiver, 4)?;
    reset(sender)?;
    let heard = t.eventually(|| Ok(poll_now(&receiver, POLLIN)?.contains(POLLERR | POLLHUP)))?;
    check!(t, heard, "the reset arrives: POLLERR and POLLHUP");

    receiver.set_nonblocking(true)?;
    let mut data = [0; 8];
    let first = receiver.read(&mut data).map_err(|error| error.kind());
    check!(t, first == Ok(4), "the data from before the reset is still there");
    check!(t, data[..4] == *b"data", "and whole");
    let then = receiver.read(&mut data).map_err(|error| error.kind());
    check!(t, then == Err(ErrorKind::ConnectionReset), "then the reset is reported");
    Ok(())
}

/// Closing a socket with unread data throws away what it had still to send, too.
#[case(
    rfc = ["RFC 2525, 2.17"],
    kernel = ["__tcp_close", "tcp_disconnect"],
    notes = ["S44"],
    strength = Implementation
)]
fn close_with_unread_data_drops_what_was_to_be_sent(t: &mut Trial) -> Result {
    let (sender, mut receiver) = net::tcp_pair()?;
    receiver.write_all(b"unread")?;
    net::delivered(&sender, 6)?;
    sender.set_nonblocking(true)?;
    let sent = fill_both(t, &sender, &receiver)?.sent;
    drop(sender);

    let job = t.spawn("receiver", move || {
        let mut arrived = Vec::new();
        let end = receiver.read_to_end(&mut arrived).map(drop).map_err(|error| error.kind());
        Ok((end, arrived.len()))
    })?;
    let (end, arrived) = job.join_soon(t)?.unzip();
    check!(t, end == Some(Err(ErrorKind::ConnectionReset)), "the stream ends with a reset");
    check!(t, arrived < Some(sent), "and short of what send had taken");
    Ok(())
}

/// Reading `SO_ERROR` uses the error up: after it a reset connection looks as if it had ended in
/// order.
#[case(man = ["socket(7), SO_ERROR"], posix = ["getsockopt()"], strength = Implementation)]
fn so_error_is_used_up_by_reading_it(t: &mut Trial) -> Result {
    let (mut sender, mut receiver) = net::tcp_pair()?;
    sender.write_all(b"data")?;
    net::delivered(&receiver, 4)?;
    reset(sender)?;
    let heard = t.eventually(|| Ok(poll_now(&receiver, POLLIN)?.contains(POLLERR | POLLHUP)))?;
    check!(t, heard, "the reset arrives");

    check!(t, net::take_error(&receiver)? == Some(Errno::ECONNRESET), "the first look tells of it");
    check!(t, net::take_error(&receiver)? == None, "the second finds nothing");
    receiver.set_nonblocking(true)?;
    let mut read = || receiver.read(&mut [0; 8]).map_err(|error| error.kind());
    check!(t, read() == Ok(4), "the data is there");
    check!(t, read() == Ok(0), "and then an end of the stream, where the reset would have been");
    Ok(())
}
