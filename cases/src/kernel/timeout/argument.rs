//! What a time-out may be. In milliseconds, every negative number is "for ever"; in a timespec there
//! is no negative time, and "for ever" is to give none.

use harness::prelude::*;
use harness::sys::timed::TimeSpec;

use super::{calls, wait};

/// poll and `epoll_wait` take every negative number of milliseconds for "until something happens".
#[case(man = ["poll(2)", "epoll_wait(2)"], strength = Documented)]
fn negative_is_for_ever(t: &mut Trial) -> Result {
    for timeout in [-1, -1000, i32::MIN] {
        for call in [Call::POLL, Call::EPOLL_WAIT] {
            let (reader, mut writer) = std::io::pipe()?;
            let job = t.spawn(call.name, move || match call {
                Call::POLL => {
                    let mut entries = [Entry::new(reader.as_raw_fd(), POLLIN)];
                    Ok(poll_entries(&mut entries, timeout)?)
                }
                _ => Ok(i32::try_from(Epoll::watching(&reader, EPOLLIN)?.wait(8, timeout)?.len())?),
            })?;
            check!(t, job.sleeps_in(t, call)?, "{}, {timeout} ms: it sleeps", call.name);
            writer.write_all(b"!")?;
            check!(t, job.join_soon(t)? == Some(1), "{}: until something happens", call.name);
        }
    }
    Ok(())
}

/// ppoll, pselect6 and `epoll_pwait2` without a time-out sleep until something happens, and so they
/// do with one that is longer than time can be counted.
#[case(man = ["poll(2), ppoll()", "select(2)", "epoll_wait(2), epoll_pwait2()"], kernel = ["timespec64_add_safe", "poll_select_set_timeout"], strength = Implementation)]
fn none_or_endless_is_for_ever(t: &mut Trial) -> Result {
    for (name, call) in calls()? {
        for endless in [None, Some(TimeSpec::new(i64::MAX, 999_999_999))] {
            let (reader, mut writer) = std::io::pipe()?;
            let job = t.spawn(name, move || Ok(wait(call, &reader, endless.clone().as_mut())))?;
            check!(t, job.sleeps_in(t, call)?, "{name}, {endless:?}: it sleeps");
            writer.write_all(b"!")?;
            check!(t, job.join_soon(t)? == Some(Ok(1)), "{name}: until something happens");
        }
    }
    Ok(())
}

/// ppoll, pselect6 and `epoll_pwait2` refuse a time-out that is negative, or whose nanoseconds are
/// a second or more, with EINVAL, even if something is ready.
#[case(man = ["poll(2), ERRORS: EINVAL", "select(2), ERRORS: EINVAL"], kernel = ["timespec64_valid"], strength = Documented)]
fn nonsense_is_refused(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"!")?;
    for (name, call) in calls()? {
        for (seconds, nanoseconds) in [(-1, 0), (0, -1), (0, 1_000_000_000), (1, i64::MAX)] {
            let waited = wait(call, &reader, Some(&mut TimeSpec::new(seconds, nanoseconds)));
            check!(
                t,
                waited == Err(Errno::EINVAL),
                "{name}: {seconds} s and {nanoseconds} ns are no time"
            );
        }
    }
    Ok(())
}

/// With a time-out of zero, what is ready is reported all the same.
#[case(man = ["poll(2)", "select(2), The timeout", "epoll_wait(2)"], strength = Documented)]
fn zero_is_a_look(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    for (name, call) in calls()? {
        let look = || wait(call, &reader, Some(&mut TimeSpec::new(0, 0)));
        check!(t, look() == Ok(0), "{name}: nothing is ready");
        writer.write_all(b"!")?;
        check!(t, look() == Ok(1), "{name}: the pipe is");
        nix::unistd::read(&reader, &mut [0])?;
    }
    Ok(())
}
