//! A receiver that does not read.
//!
//! The receiver's kernel says with every acknowledgement how much more it has room for: the window.
//! When nobody reads, the window closes. Then the sender's kernel keeps what the program sends,
//! until it has no room either; it asks from time to time whether the window is open again, and
//! goes on asking for as long as the receiver's kernel answers. Only a program can call that too
//! long.

use std::time::Duration;

use harness::prelude::*;
use harness::tcp::{fill_both, small_pair, stalled_pair};
use harness::watch::Ticks;
use nix::libc;

/// While nobody reads, the sender's kernel counts the time for which the receiver's window held it
/// up: `tcpi_rwnd_limited`.
#[case(
    man = ["tcp(7), TCP_INFO"],
    kernel = ["tcp_chrono_start", "tcp_get_info"],
    notes = ["S46"],
    since = "4.10",
    strength = Implementation
)]
fn the_window_is_to_blame(t: &mut Trial) -> Result {
    let (sender, _receiver, _) = stalled_pair(t)?;
    let limited = || -> Result<u64> { Ok(net::tcp_info(&sender)?.tcpi_rwnd_limited) };
    let counted = t.eventually(|| Ok(limited()? > 0))?;
    check!(t, counted, "the time begins to count");
    let before = limited()?;
    check!(t, t.eventually(|| Ok(limited()? > before))?, "and goes on while nothing is read");
    Ok(())
}

/// A receiver's kernel that runs out of room announces a window of zero, if not at once then when
/// the sender asks, and counts that as `TCPToZeroWindowAdv`.
#[case(
    man = ["proc_pid_net(5)"],
    kernel = ["tcp_select_window"],
    rfc = ["RFC 9293, 3.8.6"],
    notes = ["S46"],
    needs = [Need::PrivateNet],
    strength = Implementation
)]
fn announces_zero(t: &mut Trial) -> Result {
    let before = net::counter("TcpExt", "TCPToZeroWindowAdv")?;
    let (sender, _receiver) = net::tcp_pair()?;
    sender.set_nonblocking(true)?;
    let announced = t.eventually(|| {
        net::fill(&sender)?;
        Ok(net::counter("TcpExt", "TCPToZeroWindowAdv")? > before)
    })?;
    check!(t, announced, "nobody reads, and the sender sends what it can: zero is announced");
    Ok(())
}

/// With small buffers on both sides a receiver that does not read stops the sender sooner.
#[case(
    man = ["socket(7), SO_RCVBUF", "tcp(7), tcp_rmem"],
    notes = ["S46"],
    strength = Documented
)]
fn sooner_with_small_buffers(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    sender.set_nonblocking(true)?;
    let default = fill_both(t, &sender, &receiver)?;
    check!(t, default.full, "both buffers of the default size come to be full");
    let (_sender, _receiver, small) = stalled_pair(t)?;
    check!(
        t,
        small.sent < default.sent,
        "what send took with small buffers, and with the defaults"
    );
    t.measure("bytes taken with default buffers", f64::from(u32::try_from(default.sent)?))?;
    t.measure("bytes taken with 16 KiB asked for", f64::from(u32::try_from(small.sent)?))
}

/// A nonblocking send of more than there is room for takes a part, and returns the size of that.
#[case(man = ["send(2)"], posix = ["send()"], notes = ["S46"], strength = Documented)]
fn a_nonblocking_send_takes_a_part(t: &mut Trial) -> Result {
    let (sender, _receiver) = small_pair()?;
    sender.set_nonblocking(true)?;
    let all = vec![0; 4 << 20];
    let taken = (&sender).write(&all);
    let some = taken.as_ref().is_ok_and(|taken| *taken > 0);
    check!(t, some, "small buffers on both sides, and four megabytes: some are taken");
    check!(t, taken? < all.len(), "and some are not");
    Ok(())
}

/// A receive buffer does not shrink while nobody reads: `SO_RCVBUF` is not below what it was when
/// the connection was made.
#[case(
    man = ["socket(7), SO_RCVBUF"],
    kernel = ["tcp_clamp_window"],
    strength = Implementation,
    changed = [("6.17", "7.0", deviates, "seen on 6.17.8 to 6.19.6: the buffer of a stalled default socket falls from 131072 to 116544; not in later updates (6.17.13, 6.18.15)")],
)]
fn the_receive_buffer_keeps_its_size(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    sender.set_nonblocking(true)?;
    let size = || net::get_option(&receiver, libc::SOL_SOCKET, libc::SO_RCVBUF);
    let before = size()?;
    let full = fill_both(t, &sender, &receiver)?.full;
    t.measure("SO_RCVBUF of a fresh connection", f64::from(before))?;
    t.measure("SO_RCVBUF after the stall", f64::from(size()?))?;
    check!(t, full, "both buffers come to be full");
    check!(t, size()? >= before, "the size of the receive buffer then");
    Ok(())
}

/// A sender whose peer does not read waits for ever, unless it set `TCP_USER_TIMEOUT`: then the
/// connection is ended with ETIMEDOUT, not before that time.
#[case(man = ["tcp(7), TCP_USER_TIMEOUT"], rfc = ["RFC 5482, 3"], since = "2.6.37", strength = Documented)]
fn user_timeout_ends_it(t: &mut Trial) -> Result {
    // Longer than it is until the first probes, at which a kernel could give up.
    let limit = Duration::from_secs(1);
    let start = Ticks::begin()?;
    let (sender, _receiver, _) = stalled_pair(t)?;
    let milliseconds = i32::try_from(limit.as_millis())?;
    net::set_option(&sender, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, milliseconds)?;

    let told = POLLIN | POLLERR | POLLHUP;
    let ended = t.eventually(|| Ok(poll_now(&sender, POLLIN)? == told))?;
    check!(t, ended, "the sender is told by POLLIN, POLLERR and POLLHUP");
    check!(t, start.elapsed()? >= limit, "not before its time is over");
    check!(t, net::take_error(&sender)? == Some(Errno::ETIMEDOUT), "and the reason is ETIMEDOUT");
    Ok(())
}
