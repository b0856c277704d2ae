//! On Linux select writes the time that it did not sleep back to its time-out, which a loop can
//! use and portable programs must not rely on.

use std::time::{Duration, Instant};

use harness::prelude::*;

/// When its time is over, select leaves 0 in the time-out; when a descriptor becomes ready
/// before, what is left of it.
#[case(man = ["select(2), The timeout", "select(2), VERSIONS"], strength = Documented)]
fn tells_what_is_left(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let number = reader.as_raw_fd();
    let sets = Sets { read: vec![number], ..Sets::default() };
    let over = select(number + 1, &sets, Some(Duration::from_millis(2)));
    check!(
        t,
        (over.returned, over.left) == (Ok(0), Some(Duration::ZERO)),
        "the time is over, and none is left"
    );

    let (long, awake) = (Duration::from_mins(1), Duration::from_millis(5));
    let begin = Instant::now();
    let job = t.spawn("select", move || Ok(select(number + 1, &sets, Some(long))))?;
    check!(t, job.sleeps_in(t, Call::SELECT)?, "select sleeps");
    let asleep_at = Instant::now();
    t.eventually(|| Ok(asleep_at.elapsed() >= awake))?;
    writer.write_all(b"!")?;
    let returned = job.join_soon(t)?;
    check!(t, returned.is_some(), "the arrival ends the wait");
    let Some(selected) = returned else { return Ok(()) };
    let left = selected.left.unwrap_or(long);
    check!(t, selected.returned == Ok(1), "the pipe became ready in time");
    check!(t, left <= long.saturating_sub(awake), "at least the 5 ms that it slept are taken off");
    let most = begin.elapsed() + Duration::from_millis(1);
    check!(t, left >= long.saturating_sub(most), "and no more than the time that went by");
    Ok(())
}
