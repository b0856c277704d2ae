//! On Linux select writes the time that it did not sleep back to its time-out, which a loop can
//! use and portable programs must not rely on. The time-out is in seconds and microseconds, and
//! the kernel adds the two up, where newer calls refuse a fraction that is none.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::timed::{TimeVal, select_readable};

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

/// The system call with any time-out, where the architecture has it: the others have pselect6, and
/// leave the rest to the C library.
fn select_raw(fd: impl AsFd, timeout: &mut TimeVal) -> Result<nix::Result<i32>> {
    match select_readable(fd, timeout) {
        Err(Errno::ENOSYS) => Err(Stop::Unobservable("there is no system call select".to_owned())),
        returned => Ok(returned),
    }
}

/// select takes a time-out of more than 999999 microseconds, and adds them to the seconds.
#[case(kernel = ["kern_select"], strength = Implementation)]
fn microseconds_may_exceed_a_second(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"!")?;
    let (begin, mut time) = (Instant::now(), TimeVal::new(10, 5_000_000));
    let returned = select_raw(&reader, &mut time)?;
    check!(t, returned == Ok(1), "a pipe with data is reported");
    let left = Duration::from_secs(time.tv_sec().unsigned_abs())
        + Duration::from_micros(time.tv_usec().unsigned_abs());
    let limit = Duration::from_secs(15);
    check!(t, left <= limit, "ten seconds and 5000000 us are not more than 15 s");
    let most = begin.elapsed() + Duration::from_millis(1);
    check!(t, left >= limit.saturating_sub(most), "nor less, but for the time that went by");
    Ok(())
}

/// select refuses negative microseconds with EINVAL, even if the seconds make up for them.
#[case(
    man = ["select(2), ERRORS: EINVAL"],
    kernel = ["kern_select"],
    strength = Documented,
    changed = [("", "7.1", deviates, "seconds and microseconds were added up first, and a sum that is not negative was taken")]
)]
fn negative_microseconds_are_refused(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"!")?;
    let returned = select_raw(&reader, &mut TimeVal::new(0, -1))?;
    check!(t, returned == Err(Errno::EINVAL), "minus one microsecond");
    let returned = select_raw(&reader, &mut TimeVal::new(1, -1_000_000))?;
    check!(t, returned == Err(Errno::EINVAL), "one second, and minus a million microseconds");
    Ok(())
}
