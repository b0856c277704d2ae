//! Requests that wait for each other.
//!
//! Requests have no order of their own. A link (`IOSQE_IO_LINK`) makes the next one begin when this
//! one has succeeded, and only then: a failure, or less than was asked for, cancels the rest of the
//! chain. A hard link makes it begin in any case. A time-out at the end of a link bounds the request
//! before it.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::process;
use harness::sys::uring::{NOTHING, Request, Ring};
use nix::libc::MSG_DONTWAIT;

use super::known;

/// A time that does not come to an end while a case runs.
const LONG: Duration = Duration::from_hours(1);

/// A request begins when the one that is linked to it has completed.
#[case(man = ["io_uring_enter(2), IOSQE_IO_LINK"], since = "5.3", strength = Documented, needs = [Need::IoUring])]
fn the_next_one_waits(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::read(&reader, 1).tag(1).linked(), Request::nop().tag(2)])?;
    check!(t, ring.completions() == NOTHING, "the first waits for data, the second for the first");
    writer.write_all(b"a")?;
    check!(t, ring.wait_for(2)? == [(1, Ok(1)), (2, Ok(0))], "both complete, in order");
    Ok(())
}

/// A request that fails cancels those that are linked behind it.
#[case(man = ["io_uring_enter(2), IOSQE_IO_LINK"], since = "5.3", strength = Documented, needs = [Need::IoUring])]
fn a_failure_breaks_the_chain(t: &mut Trial) -> Result {
    let (reader, _writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([
        Request::recv(&reader, 1, MSG_DONTWAIT).tag(1).linked(),
        Request::nop().tag(2).linked(),
        Request::nop().tag(3),
    ])?;
    let cancelled = Err(Errno::ECANCELED);
    check!(
        t,
        ring.wait_by_tag(3)? == [(1, Err(Errno::EAGAIN)), (2, cancelled), (3, cancelled)],
        "the first fails, and the others are not begun"
    );
    Ok(())
}

/// A read that gets less than it asked for counts as a failure: what is linked behind it is
/// cancelled.
#[case(man = ["io_uring_enter(2), IOSQE_IO_LINK"], since = "5.3", strength = Documented, needs = [Need::IoUring])]
fn a_short_read_breaks_the_chain(t: &mut Trial) -> Result {
    for (asked, next) in [(2, Ok(0)), (8, Err(Errno::ECANCELED))] {
        let (reader, mut writer) = std::io::pipe()?;
        writer.write_all(b"ab")?;
        let mut ring = Ring::new()?;
        ring.submit([Request::read(&reader, asked).tag(1).linked(), Request::nop().tag(2)])?;
        check!(
            t,
            ring.wait_by_tag(2)? == [(1, Ok(2)), (2, next)],
            "a read of {asked} bytes where there are two, and the request behind it"
        );
    }
    Ok(())
}

/// A hard link begins the next request even if this one fails.
#[case(man = ["io_uring_enter(2), IOSQE_IO_HARDLINK"], since = "5.5", strength = Documented, needs = [Need::IoUring])]
fn a_hard_link_survives_a_failure(t: &mut Trial) -> Result {
    let (reader, _writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([
        Request::recv(&reader, 1, MSG_DONTWAIT).tag(1).hard_linked(),
        Request::nop().tag(2),
    ])?;
    check!(
        t,
        ring.wait_by_tag(2)? == [(1, Err(Errno::EAGAIN)), (2, Ok(0))],
        "the first fails, and the second is begun all the same"
    );
    Ok(())
}

/// A hard link survives even a request whose descriptor is not open.
#[case(
    man = ["io_uring_enter(2), IOSQE_IO_HARDLINK", "io_uring_setup(2), IORING_FEAT_LINKED_FILE"],
    since = "5.5",
    strength = Implementation,
    needs = [Need::IoUring],
    changed = [("", "5.18", deviates, "the descriptor was looked up when the request was submitted, and a failure to submit breaks hard links too; since 5.18 it is looked up when the request begins")]
)]
fn a_hard_link_survives_a_bad_descriptor(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    let closed = UnixStream::pair()?.0.as_raw_fd();
    ring.submit([
        Request::read(process::borrow(closed), 1).tag(1).hard_linked(),
        Request::nop().tag(2),
    ])?;
    check!(
        t,
        ring.wait_by_tag(2)? == [(1, Err(Errno::EBADF)), (2, Ok(0))],
        "the first has no file, and the second is begun all the same"
    );
    Ok(())
}

/// A linked time-out that comes first cancels its request, not earlier than it says.
#[case(man = ["io_uring_enter(2), IORING_OP_LINK_TIMEOUT"], since = "5.5", strength = Documented, needs = [Need::IoUring])]
fn a_linked_timeout_cancels_its_request(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let limit = Duration::from_millis(5);
    let mut ring = Ring::new()?;
    let start = Instant::now();
    ring.submit([Request::read(&reader, 1).tag(1).linked(), Request::link_timeout(limit).tag(2)])?;
    check!(
        t,
        ring.wait_by_tag(2)? == [(1, Err(Errno::ECANCELED)), (2, Err(Errno::ETIME))],
        "the read, and its time-out"
    );
    let waited = start.elapsed();
    check!(t, waited >= limit, "after {limit:?} or more: {waited:?}");
    writer.write_all(b"a")?;
    check!(t, net::unread(&reader)? == 1, "the read takes nothing any more");
    Ok(())
}

/// A linked time-out whose request completes first is cancelled itself.
#[case(man = ["io_uring_enter(2), IORING_OP_LINK_TIMEOUT"], since = "5.5", strength = Documented, needs = [Need::IoUring])]
fn a_linked_timeout_ends_with_its_request(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::read(&reader, 1).tag(1).linked(), Request::link_timeout(LONG).tag(2)])?;
    check!(t, ring.completions() == NOTHING, "there is no data, and much time");
    writer.write_all(b"a")?;
    check!(
        t,
        ring.wait_by_tag(2)? == [(1, Ok(1)), (2, Err(Errno::ECANCELED))],
        "the read, and its time-out"
    );
    Ok(())
}

/// A drained request (`IOSQE_IO_DRAIN`) begins when all that were submitted before it have completed.
#[case(man = ["io_uring_enter(2), IOSQE_IO_DRAIN"], since = "5.2", strength = Documented, needs = [Need::IoUring])]
fn a_drained_request_waits_for_all_before_it(t: &mut Trial) -> Result {
    let pairs = [UnixStream::pair()?, UnixStream::pair()?];
    let mut ring = Ring::new()?;
    ring.submit([
        Request::read(&pairs[0].0, 1).tag(1),
        Request::read(&pairs[1].0, 1).tag(2),
        Request::nop().tag(3).drained(),
    ])?;
    check!(t, ring.completions() == NOTHING, "two wait for data, and the third for them");
    (&pairs[1].1).write_all(b"a")?;
    check!(t, ring.wait()? == [(2, Ok(1))], "one of them is not enough");
    (&pairs[0].1).write_all(b"a")?;
    check!(t, ring.wait_for(2)? == [(1, Ok(1)), (3, Ok(0))], "then both are through");
    Ok(())
}

/// A request with `IOSQE_CQE_SKIP_SUCCESS` completes only if it fails.
#[case(man = ["io_uring_enter(2), IOSQE_CQE_SKIP_SUCCESS"], since = "5.17", strength = Documented, needs = [Need::IoUring])]
fn a_silent_request_tells_of_failure_only(t: &mut Trial) -> Result {
    let (reader, _writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::nop().tag(1).silent()])?;
    ring.submit([Request::nop().tag(2)])?;
    let completed = known(ring.wait()?, "IOSQE_CQE_SKIP_SUCCESS")?;
    check!(t, completed == [(2, Ok(0))], "the silent one has succeeded");
    ring.submit([Request::recv(&reader, 1, MSG_DONTWAIT).tag(3).silent()])?;
    check!(t, ring.wait()? == [(3, Err(Errno::EAGAIN))], "and another one failed");
    Ok(())
}
