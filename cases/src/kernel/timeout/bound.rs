//! A wait never ends before its time, however short that is: a timer may ring late, for the kernel
//! puts several together, or runs somebody else; never early.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::timed::{TimeSpec, epoll_pwait2};

use super::{calls, wait};

/// ppoll, pselect6 and `epoll_pwait2` never return before their time is over, also if that is less
/// than a millisecond.
#[case(man = ["poll(2), ppoll()", "select(2), The timeout", "epoll_wait(2), epoll_pwait2()"], strength = Documented)]
fn nanoseconds_are_never_early(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    for (name, call) in calls()? {
        for nanoseconds in [1, 999, 50_000, 250_000, 1_500_001] {
            let limit = Duration::from_nanos(nanoseconds);
            let mut time = TimeSpec::from(limit);
            let start = Instant::now();
            let ready = wait(call, &reader, Some(&mut time))?;
            let took = start.elapsed();
            check!(t, (ready, took >= limit) == (0, true), "{name}, {limit:?}: took {took:?}");
        }
    }
    Ok(())
}

/// `epoll_pwait2` waits as `epoll_wait` does, with a time-out in nanoseconds.
#[case(man = ["epoll_wait(2), epoll_pwait2()"], kernel = ["sys_epoll_pwait2"], since = "5.11", strength = Documented)]
fn epoll_pwait2_takes_nanoseconds(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    let limit = Duration::from_micros(300);
    let start = Instant::now();
    let waited = match epoll_pwait2(&epoll, Some(&TimeSpec::from(limit))) {
        Err(Errno::ENOSYS) => return Err(Stop::Unsupported("epoll_pwait2: ENOSYS".to_owned())),
        waited => waited,
    };
    let took = start.elapsed();
    check!(t, (waited, took >= limit) == (Ok(0), true), "nothing is ready; it took {took:?}");
    writer.write_all(b"!")?;
    check!(t, epoll_pwait2(&epoll, None) == Ok(1), "without a time-out: the pipe is ready");
    Ok(())
}

/// An empty poll and an empty select are sleeps: they watch nothing, and return 0 when their time
/// is over.
#[case(man = ["select(2), NOTES", "poll(2)"], posix = ["poll", "select"], strength = Documented)]
fn nothing_to_watch_is_a_sleep(t: &mut Trial) -> Result {
    let limit = Duration::from_millis(2);
    let start = Instant::now();
    check!(t, poll_entries(&mut [], 2)? == 0, "poll on no descriptor");
    let took = start.elapsed();
    check!(t, took >= limit, "poll took {took:?}");
    let start = Instant::now();
    check!(t, select(0, &Sets::default(), Some(limit)).returned? == 0, "select on none");
    let took = start.elapsed();
    check!(t, took >= limit, "select took {took:?}");
    Ok(())
}
