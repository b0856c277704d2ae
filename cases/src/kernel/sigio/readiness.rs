//! What the signal says: that something can be read, not that it was.
//!
//! A program sets `O_ASYNC` on a descriptor and names an owner; from then on the kernel sends the
//! owner a signal (`SIGIO`, or the one of `F_SETSIG`) whenever data arrives. That is a notice of
//! readiness like that of poll, only pushed. Nothing has been copied when the handler runs: the
//! data lies in the kernel, and the call that fetches it is an ordinary, synchronous read.

use harness::prelude::*;
use harness::sys::{process, signal};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};

use super::{handled, set_async, tell_me_of};

/// When the handler of signal-driven I/O runs, all of the data is still in the kernel.
#[case(
    man = ["fcntl(2), F_SETOWN", "socket(7), Signals"],
    kernel = ["sock_def_readable"],
    notes = ["S11"],
    strength = Implementation
)]
fn data_is_still_in_the_kernel(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    tell_me_of(&reader, number)?;

    writer.write_all(b"hello")?;
    check!(t, handled(t, 1)?, "the arrival is signalled");
    check!(
        t,
        signal::last().unread == 5,
        "bytes that waited in the kernel while the handler ran (FIONREAD)"
    );
    let mut data = [0; 5];
    reader.read_exact(&mut data)?;
    check!(t, data == *b"hello", "a read of our own fetches them");
    Ok(())
}

/// With `F_SETSIG` the signal tells which descriptor is ready (`si_fd`) and for what (`si_band`).
#[case(man = ["F_SETSIG(2const)", "fcntl(2), F_SETSIG"], strength = Documented)]
fn setsig_tells_descriptor_and_events(t: &mut Trial) -> Result {
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    signal::take_notes_of(Signal::SIGIO as i32, true)?;
    let (mut quiet, quiet_reader) = UnixStream::pair()?;
    let (mut busy, busy_reader) = UnixStream::pair()?;
    tell_me_of(&quiet_reader, number)?;
    tell_me_of(&busy_reader, number)?;

    for (count, writer, reader) in [(1, &mut busy, &busy_reader), (2, &mut quiet, &quiet_reader)] {
        writer.write_all(b"a")?;
        check!(t, handled(t, count)?, "arrival {count} is signalled");
        let note = signal::last();
        check!(t, note.number == number, "by the signal of F_SETSIG");
        check!(t, note.fd == reader.as_raw_fd(), "si_fd is the descriptor with the data");
        let readable = i64::from((POLLIN | PollFlags::POLLRDNORM).bits());
        check!(t, note.band == readable, "si_band is POLLIN and POLLRDNORM");
    }
    Ok(())
}

/// Every arrival is signalled, whether the data of the one before was read or not.
#[case(kernel = ["sock_def_readable", "kill_fasync"], strength = Implementation)]
fn every_arrival_is_signalled(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    tell_me_of(&reader, number)?;

    writer.write_all(b"a")?;
    check!(t, handled(t, 1)?, "the first arrival");
    writer.write_all(b"b")?;
    check!(t, handled(t, 2)?, "the second, with the first still unread");
    reader.read_exact(&mut [0; 2])?;
    writer.write_all(b"c")?;
    check!(t, handled(t, 3)?, "the third, after all was read");
    check!(t, signal::handled() == 3, "signals in all: one for each, none for the read");
    Ok(())
}

/// `O_ASYNC` without an owner signals nobody.
#[case(man = ["fcntl(2), F_SETOWN", "F_SETOWN(2const)"], strength = Implementation)]
fn no_owner_no_signal(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    signal::set_io_signal(&reader, number)?;
    set_async(&reader)?;

    writer.write_all(b"a")?;
    reader.read_exact(&mut [0])?;
    check!(t, signal::handled() == 0, "signals before there is an owner");
    signal::set_io_owner(&reader, nix::unistd::getpid().as_raw())?;
    writer.write_all(b"b")?;
    check!(t, handled(t, 1)?, "an owner is signalled");
    check!(t, signal::handled() == 1, "signals in all: the first arrival is not made up for");
    Ok(())
}

/// A `SIGIO` that nobody handles kills the process.
#[case(man = ["signal(7)"], strength = Documented)]
fn sigio_kills_by_default(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let child = process::fork(|| {
        let told = signal::default_action(Signal::SIGIO)
            .map_err(Stop::from)
            .and_then(|()| tell_me_of(&reader, 0));
        let written = writer.write_all(b"a");
        i32::from(told.is_err()) + 2 * i32::from(written.is_err())
    })?;
    let end = waitpid(child, None)?;
    check!(
        t,
        end == WaitStatus::Signaled(child, Signal::SIGIO, false),
        "how the process ended that was told of data"
    );
    Ok(())
}
