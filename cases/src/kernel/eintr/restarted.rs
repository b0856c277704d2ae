//! What else `SA_RESTART` restarts: not only reads and writes of streams, but whatever the kernel can
//! simply begin anew, because nothing of it is done yet and no time of its own is running.

use harness::prelude::*;
use harness::sys::signal::take_notes_of;

use super::others::{children, futexes, locks, openings};
use super::table::{events, queues, splices, vectors};
use super::{SIGNAL, is_interrupted, sleeps_on};

/// With `SA_RESTART`, an interrupted readv, writev, recvmsg, recvmmsg, send or sendmsg sleeps on and
/// succeeds.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], strength = Documented)]
fn other_transfers(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    sleeps_on(t, vectors()?)
}

/// With `SA_RESTART`, an interrupted open of a FIFO sleeps on until the other side is opened.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers", "fifo(7)"], strength = Documented)]
fn opening_a_fifo(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let waits = openings(t)?;
    sleeps_on(t, waits)
}

/// With `SA_RESTART`, an interrupted waitpid or waitid sleeps on until the child has ended.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], strength = Documented)]
fn waiting_for_a_child(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    sleeps_on(t, children()?)
}

/// With `SA_RESTART`, an interrupted flock, `F_SETLKW` or `F_OFD_SETLKW` sleeps on until the lock is
/// free.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], since = "3.15", strength = Documented)]
fn waiting_for_a_file_lock(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let waits = locks(t)?;
    sleeps_on(t, waits)
}

/// With `SA_RESTART`, an interrupted `FUTEX_WAIT` sleeps on until it is woken.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers", "futex(2), ERRORS: EINTR"], since = "2.6.22", strength = Documented)]
fn waiting_for_a_futex(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    sleeps_on(t, futexes())
}

/// With `SA_RESTART`, an interrupted `mq_receive` or `mq_send` sleeps on until there is a message, or
/// room for one.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], since = "2.6.6", strength = Documented)]
fn message_queues(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let waits = queues(t)?;
    sleeps_on(t, waits)
}

/// With `SA_RESTART`, an interrupted read from an eventfd, a timerfd, a signalfd or an inotify
/// instance sleeps on until there is something to read.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], kernel = ["eventfd_read", "timerfd_read_iter", "signalfd_dequeue"], since = "3.8", strength = Implementation)]
fn reading_events(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let waits = events(t)?;
    sleeps_on(t, waits)
}

/// With `SA_RESTART`, an interrupted splice or tee sleeps on until there is data in the pipe.
#[case(kernel = ["ipipe_prep", "splice_from_pipe_next"], since = "2.6.17", strength = Implementation)]
fn splicing(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    sleeps_on(t, splices()?)
}

/// Without `SA_RESTART`, what the flag would restart of opens, waits for children, locks and futexes
/// fails with EINTR.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], since = "3.15", needs = [Need::Syscalls], strength = Documented)]
fn without_the_flag_waits_fail(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, false)?;
    let files = [openings(t)?, locks(t)?];
    for waits in files.into_iter().chain([children()?, futexes()]) {
        is_interrupted(t, waits)?;
    }
    Ok(())
}

/// Without `SA_RESTART`, readv, writev, recvmsg, recvmmsg, send, sendmsg, splice and tee fail with
/// EINTR.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], needs = [Need::Syscalls], strength = Documented)]
fn without_the_flag_transfers_fail(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, false)?;
    is_interrupted(t, vectors()?)?;
    is_interrupted(t, splices()?)
}

/// Without `SA_RESTART`, `mq_receive`, `mq_send`, and reads of an eventfd, a timerfd, a signalfd and an
/// inotify instance fail with EINTR.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], since = "2.6.25", needs = [Need::Syscalls], strength = Documented)]
fn without_the_flag_queues_fail(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, false)?;
    let waits = events(t)?;
    is_interrupted(t, waits)?;
    let waits = queues(t)?;
    is_interrupted(t, waits)
}
