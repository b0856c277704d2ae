//! A signal that is blocked stays pending, and a signalfd shows it: reading takes it from among the
//! pending ones, in place of a handler. What is true of pending signals stays true, above all that a
//! standard one is pending or not, and never twice.

use harness::prelude::*;
use harness::sys::signalfd::{RECORD, is_pending, read, send_value};
use harness::sys::{signal, signalfd};
use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::getpid;

use super::{SIGNAL, numbers, queue_is_full, watch};

const NUMBER: i32 = SIGNAL as i32;

/// A read of a signalfd takes a pending signal, and tells its number and who sent it.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn takes_a_pending_signal(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    check!(t, poll_now(&signalfd, POLLIN)? == PollFlags::empty(), "no signal: nothing to read");
    kill(getpid(), SIGNAL)?;
    check!(t, is_pending(NUMBER)?, "the signal is pending");
    check!(t, poll_now(&signalfd, POLLIN)? == POLLIN, "and the signalfd is readable");
    let received = read(&signalfd)?;
    check!(t, received.len() == 1, "one signal is read");
    check!(t, received[0].number == NUMBER, "it is the one that was sent");
    check!(t, received[0].code == nix::libc::SI_USER, "by kill");
    check!(t, received[0].sender == getpid().as_raw().unsigned_abs(), "by this process");
    check!(t, !is_pending(NUMBER)?, "the signal is pending no more");
    Ok(())
}

/// A standard signal that was sent twice is read once.
#[case(man = ["signal(7), Queueing and delivery semantics for standard signals"], since = "2.6.22", strength = Documented)]
fn a_standard_signal_is_one(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    for _ in 0..3 {
        kill(getpid(), SIGNAL)?;
    }
    check!(t, numbers(&signalfd)? == [NUMBER], "three signals are one");
    check!(t, numbers(&signalfd)?.is_empty(), "and then there is none");
    kill(getpid(), SIGNAL)?;
    check!(t, numbers(&signalfd)? == [NUMBER], "one that comes later is another");
    Ok(())
}

/// Real-time signals are read as often as they were sent, in their order, several by one read.
#[case(man = ["signal(7), Real-time signals", "signalfd(2)"], since = "2.6.22", strength = Documented)]
fn realtime_signals_are_many(t: &mut Trial) -> Result {
    let number = signal::first_realtime();
    let signalfd = watch(number)?;
    for value in 1..=3 {
        send_value(getpid(), number, value).map_err(queue_is_full)?;
    }
    let received = read(&signalfd)?;
    let values: Vec<_> = received.iter().map(|signal| signal.value).collect();
    check!(t, values == [1, 2, 3], "the values that one read gets");
    check!(t, received.iter().all(|signal| signal.number == number), "all of one number");
    check!(t, read(&signalfd).err() == Some(Errno::EAGAIN), "and no more");
    Ok(())
}

/// A read of a signalfd with too small a buffer for one signal fails with EINVAL, and takes none.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn short_reads_are_refused(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    kill(getpid(), SIGNAL)?;
    let short = nix::unistd::read(&signalfd, &mut [0; RECORD - 1]);
    check!(t, short == Err(Errno::EINVAL), "a byte too few");
    check!(t, numbers(&signalfd)? == [NUMBER], "the signal is still there");
    Ok(())
}

/// A blocking read of a signalfd sleeps until a signal comes.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn sleeps_until_a_signal(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    net::set_nonblocking(&signalfd, false)?;
    let job = t.spawn("reader", move || Ok(numbers(&signalfd)))?;
    check!(t, job.sleeps_in(t, Call::READ)?, "no signal is pending, and the reader sleeps");
    kill(getpid(), SIGNAL)?;
    check!(t, job.join_soon(t)? == Some(Ok(vec![NUMBER])), "he gets the signal");
    Ok(())
}

/// A signal that is not blocked goes to its handler, and is never read.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn an_unblocked_signal_is_handled(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    signal::take_notes_of(NUMBER, true)?;
    signal::block(NUMBER, false)?;
    raise(SIGNAL)?;
    check!(t, signal::handled() == 1, "the handler has run");
    check!(t, numbers(&signalfd)?.is_empty(), "and nothing is read");
    signal::block(NUMBER, true)?;
    raise(SIGNAL)?;
    check!(t, numbers(&signalfd)? == [NUMBER], "blocked again, the signal is read");
    check!(t, signal::handled() == 1, "and not handled");
    Ok(())
}

/// A blocked signal is read even if its action is to be ignored.
#[case(kernel = ["sig_ignored"], since = "2.6.22", strength = Implementation)]
fn an_ignored_signal_is_read_if_blocked(t: &mut Trial) -> Result {
    let window = Signal::SIGWINCH as i32;
    let signalfd = watch(window)?;
    kill(getpid(), Signal::SIGWINCH)?;
    check!(t, numbers(&signalfd)? == [window], "a signal that is ignored by default");
    Ok(())
}

/// The set of a signalfd can be changed: what is pending and comes in with the change is read.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn the_set_can_be_changed(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    let other = Signal::SIGUSR2 as i32;
    signal::block(other, true)?;
    kill(getpid(), Signal::SIGUSR2)?;
    check!(t, numbers(&signalfd)?.is_empty(), "the signal is not in the set");
    signalfd::change(&signalfd, &[other])?;
    check!(t, numbers(&signalfd)? == [other], "now it is");
    kill(getpid(), SIGNAL)?;
    check!(t, numbers(&signalfd)?.is_empty(), "and the first one is not any more");
    Ok(())
}
