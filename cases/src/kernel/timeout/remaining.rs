//! Who is told what is left. The system calls select, pselect6 and ppoll write the rest of the time
//! back into their argument (the C library gives the last two a copy, which hides it); poll and
//! `epoll_wait`, whose time-outs are plain numbers, cannot, and `epoll_pwait2` does not.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::signal::{handled, take_notes_of};
use harness::sys::timed::TimeSpec;
use nix::sys::signal::Signal;

use super::{calls, wait};

const LONG: Duration = Duration::from_mins(1);

/// The system calls ppoll and pselect6 leave what is left in their time-out: nothing when it is
/// over, and the rest when something is ready before.
#[case(man = ["poll(2), C library/kernel differences", "select(2), C library/kernel differences"], kernel = ["poll_select_finish"], strength = Documented)]
fn ppoll_and_pselect6_tell_it(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    for (name, call) in calls()?.into_iter().filter(|(_, call)| *call != Call::EPOLL_WAIT) {
        let mut time = TimeSpec::from(Duration::from_millis(1));
        let waited = wait(call, &reader, Some(&mut time));
        check!(t, (waited, time) == (Ok(0), TimeSpec::new(0, 0)), "{name}: all is over");
        writer.write_all(b"!")?;
        let (start, mut time) = (Instant::now(), TimeSpec::from(LONG));
        let waited = wait(call, &reader, Some(&mut time));
        let (left, most) = (Duration::from(time), start.elapsed() + Duration::from_millis(1));
        check!(t, waited == Ok(1), "{name}: the pipe is ready at once");
        check!(t, left <= LONG && left >= LONG.saturating_sub(most), "{name}: {left:?} is left");
        nix::unistd::read(&reader, &mut [0])?;
    }
    Ok(())
}

/// `epoll_pwait2` leaves its time-out as it was.
#[case(kernel = ["sys_epoll_pwait2"], since = "5.11", strength = Implementation)]
fn epoll_pwait2_does_not(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let mut time = TimeSpec::new(0, 100_000);
    let waited = wait(Call::EPOLL_WAIT, &reader, Some(&mut time));
    if waited == Err(Errno::ENOSYS) {
        return Err(Stop::Unsupported("epoll_pwait2: ENOSYS".to_owned()));
    }
    check!(t, (waited, time) == (Ok(0), TimeSpec::new(0, 100_000)), "the time is over");
    Ok(())
}

/// A select that a signal interrupts leaves what is left, so that the program can wait for the
/// rest of the time.
#[case(man = ["select(2), The timeout"], kernel = ["poll_select_finish"], strength = Documented)]
fn select_tells_it_when_interrupted(t: &mut Trial) -> Result {
    take_notes_of(Signal::SIGUSR1 as i32, true)?;
    let (reader, _writer) = std::io::pipe()?;
    let awake = Duration::from_millis(5);
    let begin = Instant::now();
    let job = t.spawn("select", move || {
        let sets = Sets { read: vec![reader.as_raw_fd()], ..Sets::default() };
        Ok(select(reader.as_raw_fd() + 1, &sets, Some(LONG)))
    })?;
    check!(t, job.sleeps_in(t, Call::SELECT)?, "select sleeps");
    let asleep = Instant::now();
    t.eventually(|| Ok(asleep.elapsed() >= awake))?;
    job.signal(Signal::SIGUSR1)?;
    let returned = job.join_soon(t)?;
    check!(t, returned.is_some() && handled() == 1, "the signal is handled, and ends the wait");
    let Some(selected) = returned else { return Ok(()) };
    check!(t, selected.returned == Err(Errno::EINTR), "select fails with EINTR");
    let left = selected.left.unwrap_or(LONG);
    let most = begin.elapsed() + Duration::from_millis(1);
    check!(t, left <= LONG.saturating_sub(awake), "the 5 ms that it slept are taken off");
    check!(t, left >= LONG.saturating_sub(most), "and no more than the time that went by");
    Ok(())
}
