//! How a pending request is ended.
//!
//! A request holds its own reference to the file, so closing the descriptor does not touch it, no
//! more than it would wake a thread that sleeps in `read`. What ends it is the event that it waits
//! for, or a request to cancel it; then it completes like any other, with an error.

use harness::prelude::*;
use harness::sys::uring::{NOTHING, Request, Ring};

use super::known;

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
    let cancelled = (1, Err(Errno::ECANCELED));
    check!(t, completions == [cancelled, (2, Ok(0))], "both requests complete");
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
    check!(t, ring.wait()? == [(2, Err(Errno::ENOENT))], "the cancellation fails");
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
    check!(t, ring.completions() == NOTHING, "closing the only descriptor completes nothing");
    let written = writer.write(b"hello").map_err(|error| error.kind());
    check!(t, written == Ok(5), "the pipe still has its reader: there is no EPIPE");
    check!(t, ring.wait()? == [(1, Ok(5))], "data completes the read");
    check!(t, ring.buffer(5) == b"hello", "and is in the buffer");
    Ok(())
}

/// All requests about a descriptor are cancelled by one, which completes with their number.
#[case(
    man = ["io_uring_enter(2), IORING_ASYNC_CANCEL_FD", "io_uring_cancelation(7)"],
    since = "5.19",
    strength = Documented,
    needs = [Need::IoUring]
)]
fn all_of_a_descriptor(t: &mut Trial) -> Result {
    let ((reader, _writer), (other, mut feed)) = (UnixStream::pair()?, UnixStream::pair()?);
    let mut ring = Ring::new()?;
    ring.submit([1, 2, 3].map(|tag| Request::recv(&reader, 1, 0).tag(tag)))?;
    ring.submit([Request::recv(&other, 1, 0).tag(4)])?;
    ring.submit([Request::cancel_all_of(&reader).tag(5)])?;
    let first = known(ring.wait()?, "IORING_ASYNC_CANCEL_FD")?;
    let mut completions = first;
    while completions.len() < 4 {
        completions.extend(ring.wait()?);
    }
    completions.sort_by_key(|completion| completion.tag);
    let cancelled = Err(Errno::ECANCELED);
    check!(
        t,
        completions == [(1, cancelled), (2, cancelled), (3, cancelled), (5, Ok(3))],
        "three are cancelled"
    );
    feed.write_all(b"a")?;
    check!(t, ring.wait()? == [(4, Ok(1))], "one about another descriptor goes on");
    Ok(())
}

/// One request cancels everything that is pending, and completes with the number.
#[case(
    man = ["io_uring_enter(2), IORING_ASYNC_CANCEL_ANY", "io_uring_cancelation(7)"],
    since = "5.19",
    strength = Documented,
    needs = [Need::IoUring]
)]
fn everything(t: &mut Trial) -> Result {
    let (reader, _writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([
        Request::recv(&reader, 1, 0).tag(1),
        Request::timeout(std::time::Duration::from_hours(1), 0).tag(2),
    ])?;
    check!(t, ring.completions() == NOTHING, "a receive and a time-out are pending");
    ring.submit([Request::cancel_everything().tag(3)])?;
    let mut completions = known(ring.wait()?, "IORING_ASYNC_CANCEL_ANY")?;
    while completions.len() < 3 {
        completions.extend(ring.wait()?);
    }
    completions.sort_by_key(|completion| completion.tag);
    let cancelled = Err(Errno::ECANCELED);
    check!(t, completions == [(1, cancelled), (2, cancelled), (3, Ok(2))], "both are cancelled");
    Ok(())
}
