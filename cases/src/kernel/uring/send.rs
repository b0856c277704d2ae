//! Sending as completions. A send completes when the kernel has taken something, not when it has
//! taken all, unless it is asked to wait (`MSG_WAITALL`); and one without a copy completes twice: for
//! the result, and when the program may use its memory again.

use harness::prelude::*;
use harness::sys::uring::{NOTHING, Request, Ring, Then};
use nix::libc::MSG_WAITALL;

/// More than fits into the buffers of [`small_pair`].
static MUCH: [u8; 1 << 20] = [7; 1 << 20];

/// A connection whose sender finds room for a part of [`MUCH`].
fn small_pair() -> Result<(TcpStream, TcpStream)> {
    use nix::sys::socket::{setsockopt, sockopt};
    let (sender, receiver) = net::tcp_pair()?;
    setsockopt(&sender, sockopt::SndBuf, &(1 << 15))?;
    setsockopt(&receiver, sockopt::RcvBuf, &(1 << 15))?;
    Ok((sender, receiver))
}

/// A send of more than fits completes at once with what was taken, on a blocking socket too.
#[case(man = ["io_uring_prep_send(3)"], since = "5.6", strength = Documented, needs = [Need::IoUring])]
fn may_be_short(t: &mut Trial) -> Result {
    let (sender, _receiver) = small_pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::send(&sender, &MUCH, 0).tag(1)])?;
    let sent: Vec<_> = ring.completions().iter().map(|completion| completion.result).collect();
    let all = i32::try_from(MUCH.len())?;
    let part = matches!(sent[..], [Ok(length)] if 0 < length && length < all);
    check!(t, part, "nobody receives: {sent:?} bytes of {all} are taken");
    Ok(())
}

/// A send with `MSG_WAITALL` completes when all was taken.
#[case(
    man = ["io_uring_prep_send(3)"],
    commit = ["4c3c09439c08 (io_uring: support MSG_WAITALL for IORING_OP_SEND(MSG))"],
    since = "5.6",
    strength = Documented,
    needs = [Need::IoUring],
    changed = [("5.6", "5.19", deviates, "the flag meant nothing until commit 4c3c09439c08")],
)]
fn waits_for_all_if_asked_to(t: &mut Trial) -> Result {
    let (sender, mut receiver) = small_pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::send(&sender, &MUCH, MSG_WAITALL).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "nobody receives: it waits");
    let reader = t.spawn("receiver", move || {
        let mut data = vec![0; MUCH.len()];
        receiver.read_exact(&mut data)?;
        Ok(data == MUCH)
    })?;
    let all = Ok(i32::try_from(MUCH.len())?);
    check!(t, ring.wait()? == [(1, all)], "somebody does: all is taken");
    check!(t, reader.join_soon(t)? == Some(true), "and received");
    Ok(())
}

/// A send without a copy completes twice: with its result, and with a notification that its memory
/// is free again.
#[case(man = ["io_uring_enter(2), IORING_OP_SEND_ZC"], since = "6.0", strength = Documented, needs = [Need::IoUring])]
fn zero_copy_completes_twice(t: &mut Trial) -> Result {
    let (sender, mut receiver) = net::tcp_pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::send_zero_copy(&sender, b"hello").tag(1)])?;
    let mut data = [0; 5];
    receiver.read_exact(&mut data)?;
    check!(t, &data == b"hello", "the data arrives");
    let completions = ring.wait_for(2)?;
    check!(t, completions[0] == (1, Ok(5), Then::More), "the result, and there is more to come");
    check!(t, !completions[0].is_notification(), "which is no notification");
    check!(t, completions[1].then() == Then::Last, "the last completion");
    check!(t, completions[1].is_notification(), "which is one");
    Ok(())
}
