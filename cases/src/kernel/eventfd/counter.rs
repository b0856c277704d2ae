//! An eventfd is a number of 64 bits in the kernel. A write adds to it and a read takes all of it, or
//! one with `EFD_SEMAPHORE`. Zero is "nothing to read", and the largest number "no room to write".

use harness::prelude::*;
use nix::unistd::write;

use super::{MOST, counter, read_bytes};

/// Writes to an eventfd add up, and a read returns the sum and makes it zero.
#[case(man = ["eventfd(2)"], since = "2.6.22", strength = Documented)]
fn a_read_takes_the_sum(t: &mut Trial) -> Result {
    let eventfd = counter(1, false)?;
    eventfd.write(2)?;
    eventfd.write(39)?;
    check!(t, eventfd.read() == Ok(42), "one from the start, two, and 39");
    check!(t, eventfd.read() == Err(Errno::EAGAIN), "and then nothing");
    Ok(())
}

/// With `EFD_SEMAPHORE` a read of an eventfd returns 1 and takes one.
#[case(man = ["eventfd(2), EFD_SEMAPHORE"], since = "2.6.30", strength = Documented)]
fn a_semaphore_gives_one(t: &mut Trial) -> Result {
    let eventfd = counter(1, true)?;
    eventfd.write(2)?;
    for round in 1..=3 {
        check!(t, eventfd.read() == Ok(1), "read {round} of three");
    }
    check!(t, eventfd.read() == Err(Errno::EAGAIN), "and then nothing");
    Ok(())
}

/// A nonblocking write that would make the number of an eventfd larger than 2^64 - 2 fails with
/// EAGAIN and adds nothing.
#[case(man = ["eventfd(2)"], since = "2.6.22", strength = Documented)]
fn there_is_a_largest_number(t: &mut Trial) -> Result {
    let eventfd = counter(0, false)?;
    check!(t, eventfd.write(MOST - 1) == Ok(8), "almost the largest number is written");
    check!(t, eventfd.write(2) == Err(Errno::EAGAIN), "two more are too many");
    check!(t, eventfd.write(1) == Ok(8), "one more is not");
    check!(t, eventfd.read() == Ok(MOST), "the number is the largest that there is");
    Ok(())
}

/// The number 2^64 - 1 cannot be written to an eventfd: EINVAL.
#[case(man = ["eventfd(2), ERRORS"], since = "2.6.22", strength = Documented)]
fn all_ones_are_refused(t: &mut Trial) -> Result {
    let eventfd = counter(0, false)?;
    check!(t, eventfd.write(u64::MAX) == Err(Errno::EINVAL), "the number is refused");
    check!(t, eventfd.read() == Err(Errno::EAGAIN), "and nothing is added");
    Ok(())
}

/// A read or write of an eventfd with fewer than eight bytes fails with EINVAL.
#[case(man = ["eventfd(2), ERRORS"], since = "2.6.22", strength = Documented)]
fn eight_bytes_at_least(t: &mut Trial) -> Result {
    let eventfd = counter(1, false)?;
    check!(t, read_bytes(&eventfd, 7) == Err(Errno::EINVAL), "a read of seven bytes");
    check!(t, write(&eventfd, &[0; 7]) == Err(Errno::EINVAL), "a write of seven bytes");
    check!(t, read_bytes(&eventfd, 16) == Ok(8), "a read of sixteen gets eight");
    Ok(())
}

/// A write of more than eight bytes to an eventfd takes the first eight.
#[case(
    man = ["eventfd(2), ERRORS"],
    kernel = ["eventfd_write"],
    strength = Implementation,
    changed = [("6.9", "", deviates, "since Linux 6.9 a write that has not exactly eight bytes fails with EINVAL")]
)]
fn more_than_eight_are_eight(t: &mut Trial) -> Result {
    let eventfd = counter(0, false)?;
    let mut data = 42_u64.to_ne_bytes().to_vec();
    data.push(1);
    check!(t, write(&eventfd, &data) == Ok(8), "eight of nine bytes are taken");
    check!(t, eventfd.read() == Ok(42), "and are the number");
    Ok(())
}

/// An eventfd is readable while its number is not zero, and writable while one more can be added.
#[case(man = ["eventfd(2)"], since = "2.6.22", strength = Documented)]
fn readiness_follows_the_number(t: &mut Trial) -> Result {
    let eventfd = counter(0, false)?;
    let both = POLLIN | POLLOUT;
    check!(t, poll_now(&eventfd, both)? == POLLOUT, "zero: writable");
    eventfd.write(1)?;
    check!(t, poll_now(&eventfd, both)? == both, "one: readable and writable");
    eventfd.write(MOST - 1)?;
    check!(t, poll_now(&eventfd, both)? == POLLIN, "the largest number: readable");
    eventfd.read()?;
    check!(t, poll_now(&eventfd, both)? == POLLOUT, "zero again");
    Ok(())
}
