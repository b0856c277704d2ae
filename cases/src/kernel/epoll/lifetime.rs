//! When a registration ends. It belongs to the open file (the open file description), and not to the
//! number with which it was made: it ends when the last number of that file is closed, in whatever
//! process. Until then events go on, under a number that may be closed, or belong to another file.

use harness::prelude::*;
use harness::sys::epoll_raw::pwait;
use harness::sys::process::{borrow, copy_to};
use nix::sys::signal::SigSet;
use nix::unistd::write;

use super::{counter, registered};

/// Closing the last number of a file takes it out of the table of every instance.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["eventpoll_release_file"], strength = Documented)]
fn last_close_ends_it(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let instances = [Epoll::watching(&counter, EPOLLIN)?, Epoll::watching(&counter, EPOLLIN)?];
    drop(counter);
    for epoll in &instances {
        check!(t, epoll.ready_now()? == [], "it was ready, and is not reported any more");
        check!(t, registered(epoll)?.is_empty(), "the table is empty");
    }
    Ok(())
}

/// When a number is closed of which there is a duplicate, events are still reported, under the
/// number that is closed.
#[case(man = ["epoll(7), Questions and answers"], strength = Documented)]
fn duplicate_keeps_it(t: &mut Trial) -> Result {
    let original = OwnedFd::from(counter()?);
    let (duplicate, number) = (original.try_clone()?, original.as_raw_fd());
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    drop(original);
    write(&duplicate, &1_u64.to_ne_bytes())?;
    let expected = [Report { fd: number, events: EPOLLIN }];
    check!(t, epoll.wait(8, 0)? == expected, "the report names number {number}, which is closed");
    Ok(())
}

/// A registration whose number is closed cannot be deleted: not by that number (EBADF), and not by
/// a duplicate (ENOENT).
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_find"], strength = Implementation)]
fn orphan_cannot_be_deleted(t: &mut Trial) -> Result {
    let original = OwnedFd::from(counter()?);
    let (duplicate, number) = (original.try_clone()?, original.as_raw_fd());
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    drop(original);
    check!(t, epoll.delete(borrow(number)) == Err(Errno::EBADF), "by the closed number");
    check!(t, epoll.delete(&duplicate) == Err(Errno::ENOENT), "by the duplicate's");
    check!(t, registered(&epoll)? == [number], "it is in the table still");
    Ok(())
}

/// A registration whose number was closed can be deleted again when the file gets that number
/// back.
#[case(kernel = ["ep_find"], strength = Implementation)]
fn orphan_is_found_by_its_old_number(t: &mut Trial) -> Result {
    let original = OwnedFd::from(counter()?);
    let (duplicate, number) = (original.try_clone()?, original.as_raw_fd());
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    drop(original);
    copy_to(&duplicate, number, true)?;
    check!(t, epoll.delete(borrow(number)) == Ok(()), "the same file has the same number");
    check!(t, registered(&epoll)?.is_empty(), "the table is empty");
    Ok(())
}

/// A number that was closed and belongs to another file now can be added, beside the registration
/// of the first file.
#[case(kernel = ["ep_cmp_ffd"], strength = Implementation)]
fn number_is_registered_twice(t: &mut Trial) -> Result {
    let (original, other) = (OwnedFd::from(counter()?), counter()?);
    let (duplicate, number) = (original.try_clone()?, original.as_raw_fd());
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    drop(original);
    copy_to(&other, number, true)?;
    check!(t, epoll.add(borrow(number), EPOLLIN) == Ok(()), "number {number} is another file");
    write(&duplicate, &1_u64.to_ne_bytes())?;
    other.write(1)?;
    let twice = [Report { fd: number, events: EPOLLIN }; 2];
    check!(t, epoll.wait(8, 0)? == twice, "two files report themselves as number {number}");
    Ok(())
}

/// Closing an instance does not wake a thread that waits in it, and the thread still gets the next
/// event.
#[case(man = ["close(2), Multithreaded processes and close()"], kernel = ["do_epoll_wait"], strength = Implementation)]
fn closed_instance_is_waited_in(t: &mut Trial) -> Result {
    let counter = counter()?;
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    let number = epoll.as_fd().as_raw_fd();
    let job = t.spawn("waiter", move || Ok(pwait(borrow(number), -1, &SigSet::empty())))?;
    check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "the thread sleeps");
    drop(epoll);
    check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "its instance is closed, and it sleeps on");
    counter.write(1)?;
    check!(t, job.join_soon(t)? == Some(Ok(1)), "an event ends the wait");
    Ok(())
}

/// A descriptor that is closed while a thread waits for it in `epoll_wait` is gone, and nothing
/// wakes the thread.
#[case(man = ["epoll_wait(2), NOTES", "select(2), Multithreaded applications"], kernel = ["eventpoll_release_file"], strength = Implementation)]
fn closed_during_the_wait(t: &mut Trial) -> Result {
    let (counter, other) = (counter()?, counter()?);
    let epoll = std::sync::Arc::new(Epoll::watching(&counter, EPOLLIN)?);
    epoll.add(&other, EPOLLIN)?;
    let job = t.spawn("waiter", {
        let epoll = epoll.clone();
        move || Ok(epoll.wait(8, -1)?)
    })?;
    check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "the thread sleeps");
    drop(counter);
    check!(t, job.sleeps_in(t, Call::EPOLL_WAIT)?, "one of two counters is closed: it sleeps on");
    other.write(1)?;
    let expected = vec![Report { fd: other.as_fd().as_raw_fd(), events: EPOLLIN }];
    check!(t, job.join_soon(t)? == Some(expected), "the other one is all that is reported");
    Ok(())
}
