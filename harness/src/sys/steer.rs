//! The program of a `SO_REUSEPORT` group, which chooses a member for each connection or datagram:
//! classic BPF, which any user may load (socket(7), `SO_ATTACH_REUSEPORT_CBPF`).

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

use super::socket::set_option;

/// An instruction of classic BPF.
pub type Instruction = libc::sock_filter;

/// A program that always chooses the member with this index.
pub fn always(index: u32) -> [Instruction; 1] {
    const RETURN_CONSTANT: u16 = 0x06;
    [instruction(RETURN_CONSTANT, index)]
}

/// A program that chooses the member whose index is the first byte of a datagram's payload.
pub fn by_first_byte() -> [Instruction; 2] {
    const LOAD_BYTE: u16 = 0x30;
    [instruction(LOAD_BYTE, 0), RETURN_LOADED]
}

/// A program that chooses the member whose index is the number of the CPU that handles the packet.
pub fn by_cpu() -> [Instruction; 2] {
    const LOAD_WORD: u16 = 0x20;
    let cpu = (libc::SKF_AD_OFF + libc::SKF_AD_CPU).cast_unsigned();
    [instruction(LOAD_WORD, cpu), RETURN_LOADED]
}

const RETURN_LOADED: Instruction = instruction(0x16, 0);

const fn instruction(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// Attaches a program to the group of `socket`, in the place of any other.
pub fn attach(socket: impl AsFd, program: &[Instruction]) -> nix::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    let length =
        libc::socklen_t::try_from(size_of::<libc::sock_fprog>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the kernel reads `len` instructions, which live across the call, and copies them.
    Errno::result(unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            length,
        )
    })
    .map(drop)
}

/// Takes the program away from the group of `socket` (`SO_DETACH_REUSEPORT_BPF`, Linux 5.3).
pub fn detach(socket: impl AsFd) -> nix::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_DETACH_REUSEPORT_BPF, 0)
}
