//! What became of the bytes: a send that succeeded has given them to a kernel, and to nobody else.

mod accepted;
mod datagram;
mod ending;
mod lost;

use std::cell::Cell;

use harness::prelude::*;
use harness::sys::process;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
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

impl Drop for Child {
    fn drop(&mut self) {
        // Its number may be somebody else's once it was reaped.
        if !self.ended.get() {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// Ends a connection with a reset: `SO_LINGER` with a time of zero, then `close` (socket(7)).
fn reset(stream: TcpStream) -> Result {
    setsockopt(&stream, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 })?;
    drop(stream);
    Ok(())
}

/// Where the bytes are that a sender got rid of while nobody received.
#[derive(Default)]
struct Queues {
    /// What `send` took.
    sent: usize,
    /// What waits at the receiver: `SIOCINQ`.
    waiting: usize,
    /// What the sender's kernel keeps because it is not acknowledged: `SIOCOUTQ`.
    unacked: usize,
    /// Whether it came to stay so: `send` fails with `EAGAIN`, and `POLLOUT` is gone.
    full: bool,
}

/// Sends until both buffers are full. The first `EAGAIN` is not enough, it may only mean that
/// segments are still on the way. `sender` must be nonblocking.
fn fill_both(t: &Trial, sender: &TcpStream, receiver: &TcpStream) -> Result<Queues> {
    let mut queues = Queues::default();
    queues.full = t.eventually(|| {
        let more = net::fill(sender)?;
        queues.sent += more;
        (queues.waiting, queues.unacked) = (net::unread(receiver)?, net::unacked(sender)?);
        let at_rest = more == 0 && queues.waiting + queues.unacked == queues.sent;
        Ok(at_rest && poll_now(sender, POLLOUT)?.is_empty())
    })?;
    Ok(queues)
}
