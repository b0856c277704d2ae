//! A call that has moved some bytes before the signal came cannot fail: nobody would know of
//! those bytes. It returns their number, with `SA_RESTART` or without.

use harness::prelude::*;
use harness::sys::signal::take_notes_of;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::write;

use super::SIGNAL;

/// A write to a pipe that a signal interrupts after a part was written returns the number of
/// bytes written.
#[case(man = ["write(2), RETURN VALUE", "signal(7)"], strength = Documented)]
fn write_returns_what_it_wrote(t: &mut Trial) -> Result {
    for restart in [false, true] {
        take_notes_of(SIGNAL as i32, restart)?;
        let (reader, writer) = std::io::pipe()?;
        let capacity = usize::try_from(fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096))?)?;
        let job = t.spawn("write", move || Ok(write(&writer, &vec![0; 2 * capacity + 1])))?;
        check!(
            t,
            job.sleeps_in(t, Call::WRITE)?,
            "SA_RESTART {restart}: the pipe is full, and the writer sleeps"
        );
        check!(
            t,
            net::unread(&reader)? == capacity,
            "SA_RESTART {restart}: it has filled the pipe"
        );
        job.signal(SIGNAL)?;
        check!(
            t,
            job.join_soon(t)? == Some(Ok(capacity)),
            "SA_RESTART {restart}: that is what write returns"
        );
    }
    Ok(())
}

/// A recv with `MSG_WAITALL` that a signal interrupts after it got a part of the data returns the
/// number of bytes it got.
#[case(man = ["recv(2), MSG_WAITALL", "signal(7)"], strength = Documented)]
fn recv_waitall_returns_what_it_got(t: &mut Trial) -> Result {
    for restart in [false, true] {
        take_notes_of(SIGNAL as i32, restart)?;
        let (mut writer, reader) = UnixStream::pair()?;
        let socket = reader.try_clone()?;
        let job = t.spawn("recv", move || {
            Ok(recv(socket.as_raw_fd(), &mut [0; 10], MsgFlags::MSG_WAITALL))
        })?;
        check!(
            t,
            job.sleeps_in(t, Call::RECV)?,
            "SA_RESTART {restart}: the reader waits for ten bytes"
        );
        writer.write_all(b"abc")?;
        check!(
            t,
            t.eventually(|| Ok(net::unread(&reader)? == 0))?,
            "SA_RESTART {restart}: it takes three"
        );
        check!(t, job.sleeps_in(t, Call::RECV)?, "SA_RESTART {restart}: and waits for the rest");
        job.signal(SIGNAL)?;
        check!(
            t,
            job.join_soon(t)? == Some(Ok(3)),
            "SA_RESTART {restart}: the signal makes it return the three"
        );
    }
    Ok(())
}
