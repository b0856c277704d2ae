//! What is believed of signal-driven I/O.

use harness::prelude::*;
use harness::sys::signal;
use nix::sys::eventfd::EventFd;

use super::{handled, tell_me_of};

/// Each event of signal-driven I/O is told by a signal of its own.
#[case(
    man = ["signal(7), Queueing and delivery semantics for standard signals"],
    strength = Folklore,
    changed = [("", "", deviates, "a plain SIGIO is one bit: what happens while it is pending leaves no trace")]
)]
fn one_signal_for_each_event(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    signal::take_notes_of(nix::libc::SIGIO, true)?;
    tell_me_of(&reader, 0)?;
    signal::block(nix::libc::SIGIO, true)?;
    for _ in 0..3 {
        writer.write_all(b"a")?;
    }
    signal::block(nix::libc::SIGIO, false)?;
    check!(t, handled(t, 1)?, "a signal comes");
    check!(t, signal::handled() == 3, "signals for three events");
    Ok(())
}

/// An eventfd can drive a program by SIGIO, as a socket can.
#[case(
    man = ["open(2), O_ASYNC"],
    kernel = ["eventfd_fops"],
    strength = Folklore,
    changed = [("", "", deviates, "an eventfd takes O_ASYNC without an error and signals nobody")]
)]
fn eventfd_can_signal(t: &mut Trial) -> Result {
    let eventfd = EventFd::new()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    tell_me_of(&eventfd, number)?;
    eventfd.write(1)?;
    check!(t, poll_now(&eventfd, POLLIN)? == POLLIN, "it is readable");
    check!(t, signal::handled() == 1, "and has signalled its owner");
    Ok(())
}
