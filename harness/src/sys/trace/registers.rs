//! The registers of a stopped thread on x86-64.

use nix::sys::ptrace;
use nix::unistd::Pid;

/// The registers of a thread, as a system call uses them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers(libc::user_regs_struct);

impl Registers {
    /// Whether calls can be changed.
    pub(crate) const CHANGE: bool = true;

    /// Reads them from a stopped thread.
    pub(crate) fn of(thread: Pid) -> nix::Result<Registers> {
        ptrace::getregs(thread).map(Registers)
    }

    /// Writes them to a stopped thread.
    pub(crate) fn set(&self, thread: Pid) -> nix::Result<()> {
        ptrace::setregs(thread, self.0)
    }

    /// The number of the call.
    pub(crate) fn number(&self) -> i64 {
        self.0.orig_rax.cast_signed()
    }

    /// Makes it another call; -1 makes it none, and the result is what [`Registers::set_result`] says.
    pub(crate) fn set_number(&mut self, number: i64) {
        self.0.orig_rax = number.cast_unsigned();
    }

    /// The arguments.
    pub(crate) fn arguments(&self) -> [u64; 6] {
        let regs = &self.0;
        [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9]
    }

    /// Changes an argument.
    pub(crate) fn set_argument(&mut self, place: usize, value: u64) {
        let regs = &mut self.0;
        let all = [
            &mut regs.rdi,
            &mut regs.rsi,
            &mut regs.rdx,
            &mut regs.r10,
            &mut regs.r8,
            &mut regs.r9,
        ];
        if let Some(register) = all.into_iter().nth(place) {
            *register = value;
        }
    }

    /// The result of a call that has ended; an error as the negative of its number.
    pub(crate) fn result(&self) -> i64 {
        self.0.rax.cast_signed()
    }

    /// Changes the result.
    pub(crate) fn set_result(&mut self, result: i64) {
        self.0.rax = result.cast_unsigned();
    }

    /// Makes a thread whose call has ended make this one, when it goes on: it is put back before the
    /// instruction, which has two bytes.
    pub(crate) fn call_again(&mut self, number: i64, arguments: [u64; 6]) {
        self.0.rip -= 2;
        self.0.rax = number.cast_unsigned();
        for (place, value) in arguments.into_iter().enumerate() {
            self.set_argument(place, value);
        }
    }

    /// Room on its stack that it does not use: below the red zone of the x86-64 ABI.
    pub(crate) fn scratch(&self) -> u64 {
        (self.0.rsp - 1024) & !15
    }
}
