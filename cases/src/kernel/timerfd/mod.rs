//! timerfd: a timer whose expirations can be waited for and counted.

mod expirations;
mod setting;

use std::time::Duration;

use harness::prelude::*;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// A timer by the monotonic clock; `TFD_NONBLOCK` or not.
fn timer(flags: TimerFlags) -> nix::Result<TimerFd> {
    TimerFd::new(ClockId::CLOCK_MONOTONIC, flags | TimerFlags::TFD_CLOEXEC)
}

/// Has a timer expire once after so long.
fn once(timer: &TimerFd, after: Duration) -> nix::Result<()> {
    timer.set(Expiration::OneShot(TimeSpec::from_duration(after)), TimerSetTimeFlags::empty())
}

/// Has a timer expire again and again.
fn every(timer: &TimerFd, period: Duration) -> nix::Result<()> {
    timer.set(Expiration::Interval(TimeSpec::from_duration(period)), TimerSetTimeFlags::empty())
}

/// Reads how often a timer has expired since it was last read.
fn expirations(timer: impl AsFd) -> nix::Result<u64> {
    let mut count = [0; 8];
    nix::unistd::read(timer, &mut count)?;
    Ok(u64::from_ne_bytes(count))
}

/// A time that no trial sees.
const LONG: Duration = Duration::from_hours(1);
/// A time that every trial sees.
const SHORT: Duration = Duration::from_millis(2);
