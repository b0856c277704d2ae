//! What the kernel tells of a system call on any architecture (`PTRACE_GET_SYSCALL_INFO`, Linux 5.3).
//! It can be read, and not changed: calls are written down here, and no mutant can be made.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

/// A system call that is about to begin, or what has come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers {
    number: i64,
    arguments: [u64; 6],
    result: i64,
}

impl Registers {
    /// Whether calls can be changed.
    pub(crate) const CHANGE: bool = false;

    /// Asks for them of a stopped thread. EINVAL if it is not in a call.
    pub(crate) fn of(thread: Pid) -> nix::Result<Registers> {
        let told = ptrace::syscall_info(thread)?;
        let (mut number, mut arguments, mut result) = (-1, [0; 6], 0);
        match told.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: `op` tells which member there is.
                let entry = unsafe { told.u.entry };
                (number, arguments) = (entry.nr.cast_signed(), entry.args);
            }
            libc::PTRACE_SYSCALL_INFO_SECCOMP => {
                // SAFETY: the same.
                let seccomp = unsafe { told.u.seccomp };
                (number, arguments) = (seccomp.nr.cast_signed(), seccomp.args);
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                // SAFETY: the same.
                result = unsafe { told.u.exit }.sval;
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(Registers { number, arguments, result })
    }

    /// They cannot be written: ENOSYS.
    pub(crate) fn set(&self, _thread: Pid) -> nix::Result<()> {
        Err(Errno::ENOSYS)
    }

    /// The number of the call.
    pub(crate) fn number(&self) -> i64 {
        self.number
    }

    /// See [`Registers::set`].
    pub(crate) fn set_number(&mut self, number: i64) {
        self.number = number;
    }

    /// The arguments.
    pub(crate) fn arguments(&self) -> [u64; 6] {
        self.arguments
    }

    /// See [`Registers::set`].
    pub(crate) fn set_argument(&mut self, place: usize, value: u64) {
        if let Some(argument) = self.arguments.get_mut(place) {
            *argument = value;
        }
    }

    /// The result of a call that has ended; an error as the negative of its number.
    pub(crate) fn result(&self) -> i64 {
        self.result
    }

    /// See [`Registers::set`].
    pub(crate) fn set_result(&mut self, result: i64) {
        self.result = result;
    }

    /// See [`Registers::set`].
    pub(crate) fn call_again(&mut self, number: i64, arguments: [u64; 6]) {
        (self.number, self.arguments) = (number, arguments);
    }

    /// None is known.
    pub(crate) fn scratch(&self) -> u64 {
        0
    }
}
