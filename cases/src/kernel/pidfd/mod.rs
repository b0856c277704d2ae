//! pidfd: a descriptor of a process, which names it for as long as it is open.

mod ending;
mod identity;

use std::io::PipeWriter;

use harness::prelude::*;
use harness::sys::{pidfd, process};
use nix::unistd::Pid;

/// A descriptor of a process, with flags of `pidfd_open(2)`. Ends the trial as `unsupported` where
/// there is none, or where it knows no such flag.
fn pidfd_of(pid: Pid, flags: u32) -> Result<OwnedFd> {
    pidfd::open(pid, flags)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS, Errno::EINVAL], "pidfd_open"))
}

/// A process that sleeps until it is let go.
struct Child {
    pid: Pid,
    gate: PipeWriter,
}

impl Child {
    /// Starts one that will exit with `status`.
    fn start(status: i32) -> Result<Child> {
        let (wait, gate) = std::io::pipe()?;
        let mut gate = Some(gate);
        let pid = process::fork(|| {
            drop(gate.take());
            // The end of the pipe is what it waits for.
            i32::from((&wait).read(&mut [0]).is_err()) + status
        })?;
        let gate = gate.ok_or_else(|| Stop::error("the gate stays with the parent"))?;
        Ok(Child { pid, gate })
    }

    /// Its descriptor, with flags of `pidfd_open(2)`.
    fn pidfd(&self, flags: u32) -> Result<OwnedFd> {
        pidfd_of(self.pid, flags)
    }

    /// Lets it go on to its end.
    fn let_go(self) {
        drop(self.gate);
    }
}
