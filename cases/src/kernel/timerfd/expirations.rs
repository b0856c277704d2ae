//! What is read from a timer: how often it has expired since the last read. A program that comes late
//! learns how late it is, and loses nothing.

use std::time::{Duration, Instant};

use harness::prelude::*;
use nix::sys::timerfd::TimerFlags;
use nix::time::ClockId;
use nix::unistd::{read, write};

use super::{LONG, SHORT, every, expirations, once, timer};

/// A read of a timer that was never set fails with EAGAIN, or sleeps if it may block.
#[case(man = ["timerfd_create(2)"], since = "2.6.25", strength = Documented)]
fn a_timer_that_is_not_set_has_none(t: &mut Trial) -> Result {
    let nonblocking = timer(TimerFlags::TFD_NONBLOCK)?;
    check!(t, expirations(&nonblocking) == Err(Errno::EAGAIN), "a nonblocking read");
    check!(t, poll_now(&nonblocking, POLLIN)? == PollFlags::empty(), "it is not readable");
    let blocking = std::sync::Arc::new(timer(TimerFlags::empty())?);
    let reader = blocking.clone();
    let job = t.spawn("reader", move || Ok(expirations(&*reader)))?;
    check!(t, job.sleeps_in(t, Call::READ)?, "a blocking read sleeps");
    once(&blocking, SHORT)?;
    check!(t, job.join_soon(t)? == Some(Ok(1)), "until the timer is set, and expires");
    Ok(())
}

/// A timer does not expire before its time.
#[case(man = ["timerfd_create(2)", "timer_settime(2)"], since = "2.6.25", strength = Documented)]
fn not_before_its_time(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::empty())?;
    let start = Instant::now();
    once(&timer, SHORT)?;
    check!(t, expirations(&timer) == Ok(1), "it expires once");
    check!(t, start.elapsed() >= SHORT, "and not too early");
    Ok(())
}

/// A read of a periodic timer tells how many periods are over since it was set, however late the
/// read is.
#[case(man = ["timerfd_create(2), Operating on a timer file descriptor"], since = "2.6.25", strength = Documented)]
fn late_readers_learn_how_many(t: &mut Trial) -> Result {
    let (periodic, other) = (timer(TimerFlags::empty())?, timer(TimerFlags::empty())?);
    // The kernel makes no period shorter than the resolution of the clock.
    let period = SHORT.max(ClockId::CLOCK_MONOTONIC.res()?.into());
    let before_it = Instant::now();
    every(&periodic, period)?;
    let after_it = Instant::now();
    once(&other, period * 10)?;
    expirations(&other)?;

    let periods = |time: Duration| -> u64 {
        u64::try_from(time.as_nanos() / period.as_nanos()).unwrap_or(u64::MAX)
    };
    let least = periods(after_it.elapsed());
    let told = expirations(&periodic)?;
    let most = periods(before_it.elapsed());
    check!(t, told >= least, "periods that were over when it was asked");
    check!(t, told <= most, "periods that were over when it had answered");
    check!(t, least >= 10, "the read was late");
    Ok(())
}

/// A read takes the expirations of a timer: it is not readable before the next one.
#[case(man = ["timerfd_create(2)"], since = "2.6.25", strength = Documented)]
fn a_read_takes_them(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::TFD_NONBLOCK)?;
    once(&timer, SHORT)?;
    check!(t, poll_wait(&timer, POLLIN)? == POLLIN, "it expires");
    check!(t, poll_now(&timer, POLLIN)? == POLLIN, "which is told until it is read");
    check!(t, expirations(&timer) == Ok(1), "once");
    check!(t, expirations(&timer) == Err(Errno::EAGAIN), "and no more");
    check!(t, poll_now(&timer, POLLIN)? == PollFlags::empty(), "it is not readable any more");
    Ok(())
}

/// A read of a timer with fewer than eight bytes fails with EINVAL.
#[case(man = ["timerfd_create(2)"], since = "2.6.25", strength = Documented)]
fn eight_bytes_at_least(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::TFD_NONBLOCK)?;
    once(&timer, SHORT)?;
    poll_wait(&timer, POLLIN)?;
    check!(t, read(&timer, &mut [0; 7]) == Err(Errno::EINVAL), "a read of seven bytes");
    check!(t, read(&timer, &mut [0; 9]) == Ok(8), "a read of nine gets eight");
    Ok(())
}

/// Nothing can be written to a timer: EINVAL.
#[case(kernel = ["timerfd_fops"], since = "2.6.25", strength = Implementation)]
fn cannot_be_written(t: &mut Trial) -> Result {
    let timer = timer(TimerFlags::TFD_NONBLOCK)?;
    once(&timer, LONG)?;
    check!(t, write(&timer, &[0; 8]) == Err(Errno::EINVAL), "eight bytes are refused");
    Ok(())
}
