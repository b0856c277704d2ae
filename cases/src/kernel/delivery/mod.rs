//! What became of the bytes: a send that succeeded has given them to a kernel, and to nobody else.

mod accepted;
mod datagram;
mod ending;
mod folklore;
mod lost;

use std::cell::Cell;

use harness::prelude::*;
use harness::sys::process;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{MsgFlags, recv};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A forked process. It is killed and reaped when this goes, whatever state it is in.
struct Child {
    pid: Pid,
    ended: Cell<bool>,
}

impl Child {
    /// Forks; the child exits with what `work` returns, or with 101 if that is an error.
    fn new(work: impl FnOnce() -> Result<i32>) -> Result<Child> {
        let pid = process::fork(|| work().unwrap_or(101))?;
        Ok(Child { pid, ended: Cell::new(false) })
    }

    /// Waits until it has stopped or ended.
    fn wait(&self) -> Result<WaitStatus> {
        let status = waitpid(self.pid, Some(WaitPidFlag::WUNTRACED))?;
        self.ended.set(!matches!(status, WaitStatus::Stopped(..)));
        Ok(status)
    }
}

/// What one recv on the socket returns, in a thread of its own; nothing if it does not return.
fn received(t: &mut Trial, socket: &TcpStream) -> Result<Option<nix::Result<usize>>> {
    let socket = socket.try_clone()?;
    let receive = move || Ok(recv(socket.as_raw_fd(), &mut [0; 8], MsgFlags::empty()));
    t.spawn("receiver", receive)?.join_soon(t)
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its number may be somebody else's once it was reaped.
        if !self.ended.get() {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}
