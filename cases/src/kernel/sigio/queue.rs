//! How notices get lost, and how the kernel says so.
//!
//! A standard signal is one bit: while it is pending, more of the same leave no trace, so a plain
//! `SIGIO` says "at least one thing happened, somewhere". Real-time signals queue, one entry for
//! each event, each with its descriptor. But the queue has an end (`RLIMIT_SIGPENDING`), and then
//! the kernel falls back to a `SIGIO` that means: look at everything yourself.

use harness::prelude::*;
use harness::sys::signal;
use harness::sys::signalfd::send_value;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::getpid;

use super::super::signalfd::queue_is_full;
use super::{handled, tell_me_of};

const SIGIO: i32 = Signal::SIGIO as i32;

/// Several plain `SIGIO`s that arrive while it is blocked are delivered as one.
#[case(
    man = ["signal(7), Queueing and delivery semantics for standard signals"],
    strength = Documented
)]
fn plain_sigio_coalesces(t: &mut Trial) -> Result {
    let pairs = [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
    signal::take_notes_of(SIGIO, true)?;
    for (number, (writer, reader)) in (1..).zip(&pairs) {
        tell_me_of(reader, 0)?;
        (&*writer).write_all(b"a")?;
        check!(t, handled(t, number)?, "unblocked, arrival {number} is signalled at once");
        (&*reader).read_exact(&mut [0])?;
    }

    signal::block(SIGIO, true)?;
    for (writer, _) in &pairs {
        (&*writer).write_all(b"a")?;
    }
    check!(t, signal::handled() == 3, "signals while SIGIO is blocked: those from before");
    signal::block(SIGIO, false)?;
    check!(t, handled(t, 4)?, "it is delivered when it is let through");
    check!(t, signal::handled() == 4, "three arrivals while it was blocked are one signal more");
    Ok(())
}

/// Real-time signals of `F_SETSIG` that arrive while they are blocked are all delivered.
#[case(man = ["F_SETSIG(2const)", "signal(7), Real-time signals"], strength = Documented)]
fn realtime_signals_queue(t: &mut Trial) -> Result {
    let pairs = [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    signal::block(number, true)?;
    for value in 1..=3 {
        send_value(getpid(), number, value).map_err(queue_is_full)?;
    }
    // There is room for them: they are delivered.
    signal::block(number, false)?;
    let before = signal::handled();

    signal::block(number, true)?;
    for (writer, reader) in &pairs {
        tell_me_of(reader, number)?;
        (&*writer).write_all(b"a")?;
    }
    check!(t, signal::handled() == before, "none is delivered while they are blocked");
    signal::block(number, false)?;
    check!(t, handled(t, before + 3)?, "one for each of three arrivals");
    check!(t, signal::handled() == before + 3, "and no more");
    Ok(())
}

/// When the queue of real-time signals is full, the event is told by a `SIGIO` instead.
#[case(man = ["F_SETSIG(2const)"], kernel = ["send_sigio_to_task"], strength = Documented)]
fn a_full_queue_falls_back_to_sigio(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    signal::take_notes_of(SIGIO, true)?;
    tell_me_of(&reader, number)?;

    // The limit counts the signals of all processes of the user. A queue that may hold none is
    // full whatever the others do.
    let (_, hard) = getrlimit(Resource::RLIMIT_SIGPENDING)?;
    setrlimit(Resource::RLIMIT_SIGPENDING, 0, hard)
        .map_err(|error| Stop::Unobservable(format!("the queue cannot be limited: {error}")))?;
    writer.write_all(b"a")?;
    check!(t, handled(t, 1)?, "the arrival is signalled all the same");
    check!(t, signal::last().number == SIGIO, "by SIGIO");
    check!(t, signal::handled() == 1, "and by nothing else");
    Ok(())
}
