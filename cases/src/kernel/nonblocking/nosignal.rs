//! A write to a pipe or stream socket that nobody can read from any more fails with EPIPE, and raises
//! SIGPIPE, which ends a program that is not prepared. `send` has always been able to do without
//! the signal (`MSG_NOSIGNAL`); for write there is a flag since Linux 6.18.

use harness::prelude::*;
use harness::sys::rwf::{RWF_NOSIGNAL, write_with};
use harness::sys::signal::{handled, take_notes_of};
use nix::sys::signal::Signal;

/// With `RWF_NOSIGNAL`, a write to a pipe or stream socket without a reader fails with EPIPE and
/// raises no SIGPIPE.
#[case(kernel = ["kiocb_set_rw_flags", "pipe_write", "sock_write_iter"], since = "6.18", strength = Implementation)]
fn write_raises_no_sigpipe(t: &mut Trial) -> Result {
    take_notes_of(Signal::SIGPIPE as i32, false)?;
    let (_, pipe) = std::io::pipe()?;
    let (_, socket) = UnixStream::pair()?;
    for (kind, writer) in [("pipe", OwnedFd::from(pipe)), ("AF_UNIX", OwnedFd::from(socket))] {
        let before = handled();
        let quiet = write_with(&writer, b"!", RWF_NOSIGNAL);
        if let Err(error @ (Errno::EOPNOTSUPP | Errno::ENOSYS)) = quiet {
            return Err(Stop::unsupported_if(error, &[error], "RWF_NOSIGNAL"));
        }
        check!(t, (quiet, handled()) == (Err(Errno::EPIPE), before), "{kind}: an error, no signal");
        let loud = write_with(&writer, b"!", 0);
        check!(
            t,
            (loud, handled()) == (Err(Errno::EPIPE), before + 1),
            "{kind}: without the flag, both"
        );
    }
    Ok(())
}
