//! How a pending request is ended.
//!
//! A request holds its own reference to the file, so closing the descriptor does not touch it, no
//! more than it would wake a thread that sleeps in `read`. What ends it is the event that it waits
//! for, or a request to cancel it; then it completes like any other, with an error.

use harness::prelude::*;
use harness::sys::uring::{Completion, Ring};

/// A request that is cancelled completes with `ECANCELED`, and the cancellation itself with 0.
#[case(
    man = ["io_uring_enter(2), IORING_OP_ASYNC_CANCEL", "io_uring_cancelation(7)"],
    since = "5.7",
    strength = Documented,
    needs = [Need::IoUring]
)]
fn a_cancelled_request_completes_with_ecanceled(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.read(&reader, 1)?;

    ring.cancel(1, 2)?;
    let mut completions = ring.wait_for(2)?;
    completions.sort_by_key(|completion| completion.tag);
    let cancelled = Completion { tag: 1, result: -(Errno::ECANCELED as i32) };
    check!(
        t,
        completions == [cancelled, Completion { tag: 2, result: 0 }],
        "both requests complete"
    );
    writer.write_all(b"abc")?;
    check!(t, net::unread(&reader)? == 3, "the request no longer takes data");
    Ok(())
}

/// Cancelling a request that there is not completes with `ENOENT`.
#[case(
    man = ["io_uring_enter(2), IORING_OP_ASYNC_CANCEL"],
    since = "5.5",
    strength = Documented,
    needs = [Need::IoUring]
)]
fn there_is_nothing_to_cancel(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    ring.cancel(1, 2)?;
    check!(
        t,
        ring.wait()? == [Completion { tag: 2, result: -(Errno::ENOENT as i32) }],
        "the cancellation fails"
    );
    Ok(())
}

/// Closing the descriptor does not end a pending read: it completes when data comes.
#[case(
    man = ["io_uring_cancelation(7)", "close(2)"],
    since = "5.6",
    strength = Implementation,
    needs = [Need::IoUring]
)]
fn close_does_not_cancel(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.read(&reader, 1)?;

    drop(reader);
    check!(t, ring.completions() == [], "closing the only descriptor completes nothing");
    let written = writer.write(b"hello").map_err(|error| error.kind());
    check!(t, written == Ok(5), "the pipe still has its reader: there is no EPIPE");
    check!(t, ring.wait()? == [Completion { tag: 1, result: 5 }], "data completes the read");
    check!(t, ring.buffer(5) == b"hello", "and is in the buffer");
    Ok(())
}
