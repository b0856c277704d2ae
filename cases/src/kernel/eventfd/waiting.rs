//! Who sleeps at an eventfd, and what wakes them: readers at zero, writers at the largest number.

use harness::prelude::*;
use nix::sys::eventfd::EventFd;

use super::{MOST, counter};

/// A blocking read of an eventfd that is zero sleeps until something is written.
#[case(man = ["eventfd(2)"], since = "2.6.22", strength = Documented)]
fn a_reader_sleeps_at_zero(t: &mut Trial) -> Result {
    let eventfd = std::sync::Arc::new(EventFd::new()?);
    let reader = eventfd.clone();
    let job = t.spawn("reader", move || Ok(reader.read()))?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the number is zero, and the reader sleeps");
    eventfd.write(7)?;
    check!(t, job.join_soon(t)? == Some(Ok(7)), "he gets what is written");
    Ok(())
}

/// A write of zero to an eventfd leaves a sleeping reader asleep.
#[case(man = ["eventfd(2)"], kernel = ["eventfd_write"], strength = Implementation)]
fn zero_is_nothing(t: &mut Trial) -> Result {
    let eventfd = std::sync::Arc::new(EventFd::new()?);
    let reader = eventfd.clone();
    let job = t.spawn("reader", move || Ok(reader.read()))?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the reader sleeps");
    check!(t, eventfd.write(0) == Ok(8), "zero is written");
    check!(t, job.sleeps_in(t, Call::READ)?, "the reader sleeps on");
    eventfd.write(1)?;
    check!(t, job.join_soon(t)? == Some(Ok(1)), "one wakes him");
    Ok(())
}

/// A blocking write to an eventfd for which there is no room sleeps until the number is read.
#[case(man = ["eventfd(2)"], since = "2.6.22", strength = Documented)]
fn a_writer_sleeps_at_the_largest_number(t: &mut Trial) -> Result {
    let eventfd = std::sync::Arc::new(EventFd::new()?);
    eventfd.write(MOST)?;
    let writer = eventfd.clone();
    let job = t.spawn("writer", move || Ok(writer.write(1)))?;
    check!(t, job.sleeps_in(t, Call::WRITE)?, "there is no room, and the writer sleeps");
    check!(t, eventfd.read() == Ok(MOST), "the number is read");
    check!(t, job.join_soon(t)? == Some(Ok(8)), "and he writes");
    check!(t, eventfd.read() == Ok(1), "what he wanted to");
    Ok(())
}

/// Writes that add up to n let n threads through that sleep in read of an `EFD_SEMAPHORE` eventfd,
/// and the others sleep on.
#[case(man = ["eventfd(2), EFD_SEMAPHORE"], since = "2.6.30", strength = Documented)]
fn a_semaphore_lets_so_many_through(t: &mut Trial) -> Result {
    let eventfd = std::sync::Arc::new(counter(0, true)?);
    net::set_nonblocking(&*eventfd, false)?;
    let crew = t.threads(4, Call::READ, {
        let eventfd = eventfd.clone();
        move |worker| {
            loop {
                eventfd.read()?;
                worker.took();
            }
        }
    })?;
    for (sum, more) in [(3, 3), (4, 1)] {
        eventfd.write(more)?;
        check!(t, crew.wait_for(t, sum)?, "{more} more get through");
        crew.settle(t)?;
        check!(t, crew.taken() == sum, "and nobody else");
    }
    Ok(())
}

/// Whoever has the eventfd has the same number: a process that forks shares it with its child.
#[case(man = ["eventfd(2), NOTES"], since = "2.6.22", strength = Documented)]
fn a_child_has_the_same_number(t: &mut Trial) -> Result {
    let eventfd = counter(0, false)?;
    let child = harness::sys::process::fork(|| i32::from(eventfd.write(5).is_err()))?;
    let end = nix::sys::wait::waitpid(child, None)?;
    check!(t, end == nix::sys::wait::WaitStatus::Exited(child, 0), "the child writes");
    check!(t, eventfd.read() == Ok(5), "and its parent reads it");
    Ok(())
}
