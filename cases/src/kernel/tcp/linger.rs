//! What close does with data that was not delivered yet.
//!
//! Without `SO_LINGER`, close returns at once and the kernel delivers the rest in the background,
//! for as long as the process lives or not. With it, close waits until all is acknowledged or the
//! time is over. With a time of zero it throws the rest away, and tells the peer by a reset.

use harness::prelude::*;
use harness::tcp::{reset, stalled_pair};
use nix::sys::socket::{setsockopt, sockopt};

/// Reads to the end of the stream, and counts.
fn drain(mut receiver: TcpStream) -> Result<usize> {
    Ok(usize::try_from(std::io::copy(&mut receiver, &mut std::io::sink())?)?)
}

/// close returns at once although the peer has no room for what was sent, and the kernel delivers
/// all of it later.
#[case(
    man = ["socket(7), SO_LINGER"],
    posix = ["close()"],
    rfc = ["RFC 9293, 3.6"],
    notes = ["S43"],
    strength = Documented
)]
fn close_delivers_the_rest(t: &mut Trial) -> Result {
    let (sender, receiver, queues) = stalled_pair(t)?;
    let job = t.spawn("closer", move || Ok(nix::unistd::close(sender)?))?;
    check!(t, job.join_soon(t)? == Some(()), "close returns, and nobody has read anything");
    check!(t, drain(receiver)? == queues.sent, "the reader gets all that send took, and the end");
    Ok(())
}

/// With `SO_LINGER` close sleeps until the data is delivered, on a nonblocking socket too.
#[case(
    man = ["socket(7), SO_LINGER"],
    posix = ["close()"],
    kernel = ["sk_stream_wait_close"],
    strength = Documented
)]
fn close_waits_for_delivery(t: &mut Trial) -> Result {
    for nonblocking in [false, true] {
        let (sender, receiver, queues) = stalled_pair(t)?;
        sender.set_nonblocking(nonblocking)?;
        let linger = nix::libc::linger { l_onoff: 1, l_linger: 60 };
        setsockopt(&sender, sockopt::Linger, &linger)?;
        let job = t.spawn("closer", move || Ok(nix::unistd::close(sender)?))?;
        check!(
            t,
            job.sleeps_in(t, Call::CLOSE)?,
            "nonblocking {nonblocking}: close sleeps while nobody reads"
        );
        check!(t, drain(receiver)? == queues.sent, "nonblocking {nonblocking}: all is delivered");
        check!(t, job.join_soon(t)? == Some(()), "nonblocking {nonblocking}: then close returns");
    }
    Ok(())
}

/// With `SO_LINGER` and a time of zero close sends a reset: the peer is told by POLLIN, POLLERR,
/// POLLHUP and POLLRDHUP, and by ECONNRESET.
#[case(man = ["socket(7), SO_LINGER", "poll(2)"], rfc = ["RFC 9293, 3.10.7.4"], strength = Implementation)]
fn zero_resets(t: &mut Trial) -> Result {
    let (closer, peer) = net::tcp_pair()?;
    reset(closer)?;
    let all = POLLIN | POLLERR | POLLHUP | POLLRDHUP;
    let told = t.eventually(|| Ok(poll_now(&peer, POLLIN | POLLRDHUP)? == all))?;
    check!(t, told, "the peer is told by all four");
    check!(t, net::take_error(&peer)? == Some(Errno::ECONNRESET), "and why");
    Ok(())
}

/// With `SO_LINGER` and a time of zero close throws away what was not delivered.
#[case(man = ["socket(7), SO_LINGER"], kernel = ["__tcp_close"], notes = ["S43"], strength = Implementation)]
fn zero_drops_the_rest(t: &mut Trial) -> Result {
    let (sender, mut receiver, queues) = stalled_pair(t)?;
    reset(sender)?;
    let mut arrived = 0;
    let end = loop {
        match receiver.read(&mut [0; 16 << 10]) {
            Ok(0) => break None,
            Ok(length) => arrived += length,
            Err(error) => break Some(error.kind()),
        }
    };
    check!(t, end == Some(ErrorKind::ConnectionReset), "the stream ends with a reset");
    check!(t, arrived < queues.sent, "and short of what send had taken");
    Ok(())
}
