//! Setting a timer anew: what it had counted before is gone, and what it tells of itself.

use std::time::Duration;

use harness::prelude::*;
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;

use super::{LONG, SHORT, every, expirations, once, timer};

/// A timer that has expired, and was not read.
fn expired() -> Result<TimerFd> {
    let timer = timer(TimerFlags::TFD_NONBLOCK)?;
    once(&timer, SHORT)?;
    poll_wait(&timer, POLLIN)?;
    Ok(timer)
}

/// Setting a timer anew, or stopping it, takes away the expirations that were not read.
#[case(man = ["timerfd_create(2)"], kernel = ["timerfd_setup"], since = "2.6.25", strength = Documented)]
fn forgets_what_was_not_read(t: &mut Trial) -> Result {
    for (how, stop) in [("stopped", true), ("set anew", false)] {
        let timer = expired()?;
        if stop {
            timer.unset()?;
        } else {
            once(&timer, LONG)?;
        }
        let readable = poll_now(&timer, POLLIN)?;
        check!(t, readable == PollFlags::empty(), "{how}: the timer is not readable");
        check!(t, expirations(&timer) == Err(Errno::EAGAIN), "{how}: and has not expired");
    }
    Ok(())
}

/// A timer with an absolute time that is over expires at once.
#[case(man = ["timerfd_create(2), TFD_TIMER_ABSTIME"], since = "2.6.25", strength = Documented)]
fn a_time_that_is_over_expires_at_once(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::empty())?;
    timer
        .set(Expiration::OneShot(TimeSpec::nanoseconds(1)), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
    let job = t.spawn("reader", move || Ok(expirations(&timer)?))?;
    check!(t, job.join_soon(t)? == Some(1), "a nanosecond after the machine was started");
    Ok(())
}

/// An absolute time counts by the timer's clock: an hour from now has not come.
#[case(man = ["timerfd_create(2), TFD_TIMER_ABSTIME"], since = "2.6.25", strength = Documented)]
fn absolute_times_are_those_of_its_clock(t: &mut Trial) -> Result {
    for (name, id, clock) in [
        ("CLOCK_MONOTONIC", ClockId::CLOCK_MONOTONIC, nix::time::ClockId::CLOCK_MONOTONIC),
        ("CLOCK_REALTIME", ClockId::CLOCK_REALTIME, nix::time::ClockId::CLOCK_REALTIME),
        ("CLOCK_BOOTTIME", ClockId::CLOCK_BOOTTIME, nix::time::ClockId::CLOCK_BOOTTIME),
    ] {
        let timer = TimerFd::new(id, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let later = clock_gettime(clock)? + TimeSpec::from_duration(LONG);
        timer.set(Expiration::OneShot(later), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        let Some(Expiration::OneShot(left)) = timer.get()? else {
            return Err(Stop::error("the timer was set to expire once"));
        };
        let left = Duration::from(left);
        check!(t, left <= LONG, "{name}: an hour is left, or less");
        check!(t, left > LONG / 2, "{name}: and not much less");
    }
    Ok(())
}

/// timerfd_gettime tells the time that is left until the next expiration, and the period.
#[case(man = ["timerfd_create(2)"], since = "2.6.25", strength = Documented)]
fn tells_what_is_left(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::TFD_NONBLOCK)?;
    check!(t, timer.get()?.is_none(), "nothing, as long as it is not set");
    every(&timer, LONG)?;
    let Some(Expiration::IntervalDelayed(left, period)) = timer.get()? else {
        return Err(Stop::error("the timer was set to expire again and again"));
    };
    check!(t, Duration::from(period) == LONG, "the period is as it was set");
    check!(t, Duration::from(left) <= LONG, "an hour is left, or less");
    check!(t, Duration::from(left) > LONG / 2, "and not much less");
    let done = expired()?;
    check!(t, done.get()?.is_none(), "nothing is left of a timer that has expired once");
    Ok(())
}

/// A first expiration of zero stops the timer, whatever its period is.
#[case(man = ["timerfd_create(2)"], since = "2.6.25", strength = Documented)]
fn zero_stops_it(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::TFD_NONBLOCK)?;
    every(&timer, LONG)?;
    let period = Expiration::IntervalDelayed(TimeSpec::zero(), TimeSpec::from_duration(LONG));
    timer.set(period, TimerSetTimeFlags::empty())?;
    let left = match timer.get()? {
        Some(Expiration::IntervalDelayed(left, _)) => Duration::from(left),
        _ => Duration::ZERO,
    };
    check!(t, left == Duration::ZERO, "time that is left");
    Ok(())
}
