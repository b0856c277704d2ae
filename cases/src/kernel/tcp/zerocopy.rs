//! Sending without a copy (`MSG_ZEROCOPY`).
//!
//! The kernel sends from the program's own memory, so the program must not touch it until the
//! kernel says that it is done: by a report on the error queue, which numbers the sends from zero.
//! The flag is only a hint. On loopback the data is copied in the end, because the receiver could
//! otherwise hold the sender's memory for as long as it likes; the report says that, too.

use harness::knobs::known;
use harness::prelude::*;
use harness::sys::message::{CODE_ZEROCOPY_COPIED, ORIGIN_ZEROCOPY, Report, next_report};
use nix::libc;
use nix::sys::socket::{MsgFlags, send};

/// What is sent at a time.
const LENGTH: usize = 16 << 10;

/// A connection whose sender has set `SO_ZEROCOPY`.
fn zerocopy_pair() -> Result<(TcpStream, TcpStream)> {
    let (sender, receiver) = net::tcp_pair()?;
    allow(&sender)?;
    Ok((sender, receiver))
}

fn allow(sender: &TcpStream) -> Result {
    let set = net::set_option(sender, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1);
    known(set, "SO_ZEROCOPY")
}

/// Sends with `MSG_ZEROCOPY`, and receives all of it.
fn transfer(sender: &TcpStream, mut receiver: &TcpStream) -> Result {
    let sent =
        send(sender.as_raw_fd(), &[0; LENGTH], MsgFlags::from_bits_retain(libc::MSG_ZEROCOPY))?;
    receiver.read_exact(&mut vec![0; sent])?;
    net::acknowledged(sender)
}

/// The reports of a socket that is to make some: those that are there when it is `POLLERR`.
fn reports(t: &Trial, sender: &TcpStream) -> Result<Vec<Report>> {
    if !t.eventually(|| Ok(poll_now(sender, POLLIN)?.contains(POLLERR)))? {
        return Ok(Vec::new());
    }
    let mut reports = Vec::new();
    while let Some(report) = next_report(sender)? {
        reports.push(report);
    }
    Ok(reports)
}

/// The end of a send with `MSG_ZEROCOPY` is reported as POLLERR, and on the error queue, with the
/// number of the send.
#[case(
    man = ["send(2), MSG_ZEROCOPY"],
    kernel = ["Documentation/networking/msg_zerocopy.rst"],
    since = "4.14",
    strength = Documented
)]
fn completion_is_on_the_error_queue(t: &mut Trial) -> Result {
    let (sender, receiver) = zerocopy_pair()?;
    check!(t, next_report(&sender)? == None, "nothing was sent, and nothing is reported");
    for number in 0..3 {
        transfer(&sender, &receiver)?;
        let reports = reports(t, &sender)?;
        let told: Vec<_> = reports
            .iter()
            .map(|report| (report.origin, report.errno, report.info, report.data))
            .collect();
        check!(
            t,
            told == [(ORIGIN_ZEROCOPY, 0, number, number)],
            "origin, error, and first and last number of the reports"
        );
    }
    Ok(())
}

/// Without `SO_ZEROCOPY` the flag `MSG_ZEROCOPY` is ignored: the send succeeds, and nothing is ever
/// reported.
#[case(
    man = ["send(2), MSG_ZEROCOPY"],
    kernel = ["Documentation/networking/msg_zerocopy.rst"],
    since = "4.14",
    strength = Documented
)]
fn ignored_without_the_option(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    transfer(&sender, &receiver)?;
    check!(t, next_report(&sender)? == None, "the data was sent and received; reports");
    allow(&sender)?;
    transfer(&sender, &receiver)?;
    let numbers: Vec<_> =
        reports(t, &sender)?.iter().map(|report| (report.info, report.data)).collect();
    check!(t, numbers == [(0, 0)], "with the option the next send is the first that counts");
    Ok(())
}

/// A send with `MSG_ZEROCOPY` is not copied.
#[case(
    man = ["send(2), MSG_ZEROCOPY"],
    kernel = ["skb_orphan_frags_rx"],
    since = "4.14",
    strength = Folklore,
    changed = [("", "", deviates, "on loopback the data is copied all the same, and the completion says so (SO_EE_CODE_ZEROCOPY_COPIED)")],
)]
fn nothing_is_copied(t: &mut Trial) -> Result {
    let (sender, receiver) = zerocopy_pair()?;
    transfer(&sender, &receiver)?;
    let reports = reports(t, &sender)?;
    let [report] = reports[..] else {
        return Err(Stop::error(format!("one send was made, and reported are {reports:?}")));
    };
    check!(t, report.code != CODE_ZEROCOPY_COPIED, "over loopback: what the completion says");
    Ok(())
}

/// `SO_ZEROCOPY` on an `AF_UNIX` socket fails with EOPNOTSUPP.
#[case(
    man = ["setsockopt(2)"],
    kernel = ["sk_setsockopt"],
    since = "4.14",
    strength = Implementation,
    commit = ["869420a8be19"],
    changed = [("", "5.18", deviates, "it failed with ENOTSUPP (524), an errno of the kernel's own that no program knows, until commit 869420a8be19")],
)]
fn not_on_unix_sockets(t: &mut Trial) -> Result {
    let (socket, _peer) = UnixStream::pair()?;
    let set = net::set_option(&socket, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1);
    if set == Err(Errno::ENOPROTOOPT) {
        return known(set, "SO_ZEROCOPY");
    }
    // nix has no name for 524.
    check!(t, set == Err(Errno::EOPNOTSUPP), "what setsockopt says");
    Ok(())
}
