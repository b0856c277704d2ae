//! What `io_setup`, `io_submit` and `io_getevents` refuse, and what they return short of an error.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::native_aio::{Context, Request};

use super::{context, file};

/// `io_setup` fails with EINVAL for no requests at all, and for a place in which an id stands already.
#[case(man = ["io_setup(2)"], since = "2.6.0", strength = Documented)]
fn needs_room_and_a_place(t: &mut Trial) -> Result {
    context()?;
    check!(t, Context::new(0).err() == Some(Errno::EINVAL), "no requests");
    check!(t, Context::over(1, 8).err() == Some(Errno::EINVAL), "a place that is not zero");
    Ok(())
}

/// `io_setup` for more requests than `/proc/sys/fs/aio-max-nr` fails with EAGAIN.
#[case(man = ["io_setup(2)"], since = "2.6.0", strength = Documented)]
fn has_a_limit(t: &mut Trial) -> Result {
    context()?;
    let limit = std::fs::read_to_string("/proc/sys/fs/aio-max-nr")
        .map_err(|error| Stop::Unobservable(format!("the limit cannot be read: {error}")))?;
    let more = limit.trim().parse::<u64>()? + 1;
    // Beyond eight millions the number itself is refused.
    let Some(more) = u32::try_from(more).ok().filter(|more| *more < 1 << 22) else {
        let reason = format!("more than the limit, {limit}, cannot be asked for");
        return Err(Stop::Skipped { reason, mend: String::new() });
    };
    check!(t, Context::new(more).err() == Some(Errno::EAGAIN), "one more than the limit");
    Ok(())
}

/// A context that does not exist is refused with EINVAL.
#[case(man = ["io_submit(2)", "io_getevents(2)"], since = "2.6.0", strength = Documented)]
fn must_exist(t: &mut Trial) -> Result {
    context()?;
    let nowhere = Context::nowhere();
    check!(t, nowhere.events(0, 8, None).err() == Some(Errno::EINVAL), "io_getevents");
    let file = file(t, b"hello")?;
    let request = Request::read(&file, 1);
    check!(t, nowhere.submit(&[request]) == Err(Errno::EINVAL), "io_submit");
    Ok(())
}

/// `io_submit` returns how many requests were taken before the first that is wrong, and an error only
/// if that is the first of all.
#[case(man = ["io_submit(2)"], since = "2.6.0", strength = Documented)]
fn takes_those_before_a_wrong_one(t: &mut Trial) -> Result {
    let context = context()?;
    let file = file(t, b"hello")?;
    let (right, wrong) = (Request::read(&file, 1), Request::unknown(&file));
    check!(t, context.submit(&[right, wrong, right]) == Ok(1), "the second of three is wrong");
    let completes = t.eventually(|| Ok(context.events(0, 8, None)?.len() == 1))?;
    check!(t, completes, "the first completes");
    check!(t, context.submit(&[wrong, right]) == Err(Errno::EINVAL), "the first of two is wrong");
    check!(t, context.events(0, 8, None)?.is_empty(), "nothing was done");
    check!(t, context.submit(&[]) == Ok(0), "none of none is taken");
    Ok(())
}

/// `io_getevents` for fewer completions than it found returns when its time is over, with those that
/// there are.
#[case(man = ["io_getevents(2)"], since = "2.6.0", strength = Documented)]
fn waiting_has_an_end(t: &mut Trial) -> Result {
    let context = context()?;
    let limit = Duration::from_millis(20);
    let start = Instant::now();
    check!(t, context.events(1, 8, Some(limit))? == [], "no request was made");
    check!(t, start.elapsed() >= limit, "and one was waited for");
    let file = file(t, b"hello")?;
    context.submit(&[Request::read(&file, 1)])?;
    let start = Instant::now();
    check!(t, context.events(2, 8, Some(limit))?.len() == 1, "one request of two is complete");
    check!(t, start.elapsed() >= limit, "and another was waited for");
    Ok(())
}

/// `io_getevents` for at least more completions than there is room for fails with EINVAL.
#[case(man = ["io_getevents(2)"], since = "2.6.0", strength = Documented)]
fn least_and_most(t: &mut Trial) -> Result {
    let context = context()?;
    check!(t, context.events(3, 2, None).err() == Some(Errno::EINVAL), "at least three of two");
    check!(t, context.events(-1, 2, None).err() == Some(Errno::EINVAL), "at least minus one");
    check!(t, context.events(0, 2, None)? == [], "none at least");
    Ok(())
}
