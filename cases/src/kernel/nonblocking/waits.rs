//! poll, select and `epoll_wait` are waits. Whether they sleep is decided by their time-out alone,
//! and not by the flag of what they watch.

use std::time::Duration;

use harness::prelude::*;

use super::{Attempt, sleeps_of};

/// poll, select and `epoll_wait` sleep until a descriptor is ready, even one with `O_NONBLOCK`.
#[case(man = ["poll(2), NOTES", "select(2), NOTES"], notes = ["S10", "S13"], strength = Documented)]
fn sleep_in_spite_of_the_flag(t: &mut Trial) -> Result {
    for call in [Call::POLL, Call::SELECT, Call::EPOLL_WAIT] {
        let (reader, mut writer) = std::io::pipe()?;
        net::set_nonblocking(&reader, true)?;
        let job = t.spawn(call.name, move || {
            Ok(match call {
                Call::POLL => poll_wait(&reader, POLLIN)? == POLLIN,
                Call::SELECT => {
                    let sets = Sets { read: vec![reader.as_raw_fd()], ..Sets::default() };
                    select(reader.as_raw_fd() + 1, &sets, None).returned? == 1
                }
                _ => Epoll::watching(&reader, EPOLLIN)?.wait_one()?.events == EPOLLIN,
            })
        })?;
        check!(
            t,
            job.sleeps_in(t, call)?,
            "{} sleeps while the nonblocking pipe is empty",
            call.name
        );
        writer.write_all(b"!")?;
        check!(t, job.join_soon(t)? == Some(true), "{} returns with the arrival", call.name);
    }
    Ok(())
}

/// With a time-out of zero poll, select and `epoll_wait` return 0 at once if nothing is ready, and
/// never sleep.
#[case(man = ["poll(2)", "select(2), The timeout", "epoll_wait(2)"], notes = ["S10", "S13"], strength = Documented)]
fn return_at_once_with_zero(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let number = reader.as_raw_fd();
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    let sets = Sets { read: vec![number], ..Sets::default() };
    let waits: [(&str, Attempt<i32>); 3] = [
        ("poll", Box::new(|| poll_entries(&mut [Entry::new(number, POLLIN)], 0))),
        ("select", Box::new(|| select(number + 1, &sets, Some(Duration::ZERO)).returned)),
        ("epoll_wait", Box::new(|| Ok(i32::try_from(epoll.wait(8, 0)?.len()).unwrap_or(-1)))),
    ];
    for (name, wait) in waits {
        let always = sleeps_of(&wait, Ok(0))?;
        check!(t, always == (true, 0), "{name}: a hundred calls return 0 and do not sleep once");
    }
    Ok(())
}

/// Nonblocking descriptors make poll, select and `epoll_wait` nonblocking.
#[case(
    man = ["poll(2), NOTES", "select(2), NOTES"],
    strength = Folklore,
    changed = [("", "", deviates, "the waits take no notice of the flag: they sleep for as long as their time-out says")]
)]
fn flag_makes_them_return(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    net::set_nonblocking(&reader, true)?;
    let job = t.spawn("poll", move || Ok(poll_wait(&reader, POLLIN)?))?;
    check!(t, !job.sleeps_in(t, Call::POLL)?, "the pipe is nonblocking, and poll does not sleep");
    Ok(())
}
