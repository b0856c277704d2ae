//! Time as a request. A time-out is a request like any other: it is pending for its time and then
//! completes, with ETIME, for nothing was done. It may also wait for a number of other requests, and
//! then completes with 0 if they come first.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::uring::{NOTHING, Request, Ring, Then};

use super::known;

const LONG: Duration = Duration::from_hours(1);

/// A time-out completes with ETIME, never before its time.
#[case(man = ["io_uring_enter(2), IORING_OP_TIMEOUT"], since = "5.4", strength = Documented, needs = [Need::IoUring])]
fn completes_with_etime(t: &mut Trial) -> Result {
    for limit in [1, 3, 5].map(Duration::from_millis) {
        let mut ring = Ring::new()?;
        let start = Instant::now();
        ring.submit([Request::timeout(limit, 0).tag(1)])?;
        let completions = ring.wait()?;
        let waited = start.elapsed();
        check!(t, completions == [(1, Err(Errno::ETIME))], "a time-out of {limit:?}");
        check!(t, waited >= limit, "it took {waited:?}");
    }
    Ok(())
}

/// A time-out that also waits for a number of completions completes with 0 when they are there.
#[case(man = ["io_uring_enter(2), IORING_OP_TIMEOUT"], since = "5.4", strength = Documented, needs = [Need::IoUring])]
fn completes_with_the_requests_that_it_counts(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    ring.submit([Request::timeout(LONG, 2).tag(1)])?;
    ring.submit([Request::nop().tag(2)])?;
    check!(t, ring.completions() == [(2, Ok(0))], "one request of two is complete");
    ring.submit([Request::nop().tag(3)])?;
    check!(
        t,
        ring.wait_by_tag(2)? == [(1, Ok(0)), (3, Ok(0))],
        "the second one is, and with it the time-out"
    );
    Ok(())
}

/// A time-out that is removed completes with ECANCELED, and the removal with 0.
#[case(man = ["io_uring_enter(2), IORING_OP_TIMEOUT_REMOVE"], since = "5.5", strength = Documented, needs = [Need::IoUring])]
fn is_cancelled_when_removed(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    ring.submit([Request::timeout(LONG, 0).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "the time is not over");
    ring.submit([Request::timeout_remove(1).tag(2)])?;
    check!(
        t,
        ring.wait_by_tag(2)? == [(1, Err(Errno::ECANCELED)), (2, Ok(0))],
        "the time-out, and its removal"
    );
    ring.submit([Request::timeout_remove(1).tag(3)])?;
    check!(t, ring.wait()? == [(3, Err(Errno::ENOENT))], "it is gone");
    Ok(())
}

/// A multishot time-out completes once a period, as often as was asked for, and then no more.
#[case(man = ["io_uring_enter(2), IORING_TIMEOUT_MULTISHOT"], since = "6.4", strength = Documented, needs = [Need::IoUring])]
fn multishot_repeats(t: &mut Trial) -> Result {
    let period = Duration::from_millis(2);
    let mut ring = Ring::new()?;
    let start = Instant::now();
    ring.submit([Request::timeout_multishot(period, 3).tag(1)])?;
    let mut completions = known(ring.wait()?, "IORING_TIMEOUT_MULTISHOT")?;
    while completions.len() < 3 {
        completions.extend(ring.wait()?);
    }
    let waited = start.elapsed();
    let etime = Err(Errno::ETIME);
    let expected = [(1, etime, Then::More), (1, etime, Then::More), (1, etime, Then::Last)];
    check!(t, completions == expected, "three ends of {period:?}");
    check!(t, waited >= 3 * period, "they took {waited:?}");
    Ok(())
}

/// A time-out may carry its time in the request itself.
#[case(man = ["io_uring_enter(2), IORING_OP_TIMEOUT"], since = "7.1", strength = Implementation, needs = [Need::IoUring])]
fn may_carry_its_time(t: &mut Trial) -> Result {
    let limit = Duration::from_millis(3);
    let mut ring = Ring::new()?;
    let start = Instant::now();
    ring.submit([Request::timeout_immediate(limit).tag(1)])?;
    let completions = known(ring.wait()?, "IORING_TIMEOUT_IMMEDIATE_ARG")?;
    let waited = start.elapsed();
    check!(t, completions == [(1, Err(Errno::ETIME))], "it is over");
    check!(t, waited >= limit, "it took {waited:?}");
    Ok(())
}
