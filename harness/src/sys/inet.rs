//! Calls on sockets in forms that `nix` has no words for.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

/// Connects to nobody: `AF_UNSPEC` dissolves an association (connect(2), NOTES).
pub fn dissolve(socket: impl AsFd) -> nix::Result<()> {
    // SAFETY: an all-zero sockaddr is one of AF_UNSPEC.
    let nobody: libc::sockaddr = unsafe { std::mem::zeroed() };
    let length = length_of::<libc::sockaddr>()?;
    // SAFETY: the address and its length belong together and live across the call.
    Errno::result(unsafe { libc::connect(socket.as_fd().as_raw_fd(), &raw const nobody, length) })
        .map(drop)
}

/// `listen` with any backlog at all.
pub fn listen(socket: impl AsFd, backlog: i32) -> nix::Result<()> {
    // SAFETY: listen takes two integers.
    Errno::result(unsafe { libc::listen(socket.as_fd().as_raw_fd(), backlog) }).map(drop)
}

/// What the kernel made of a room for an address that was full of [`Name::BLANK`].
#[derive(Debug, Clone, Copy)]
pub struct Name {
    /// The length that it wrote back.
    pub length: u32,
    /// The room, and what is behind it.
    pub bytes: [u8; 128],
}

impl Name {
    /// The byte that stands wherever the kernel wrote nothing.
    pub const BLANK: u8 = 0xAA;
}

/// `accept4` with these flags, known to the C library or not, and room for `room` bytes of the
/// peer's address, at most 128. Returns the descriptor and what the kernel wrote back.
pub fn accept4(listener: impl AsFd, flags: i32, room: u32) -> nix::Result<(OwnedFd, Name)> {
    let mut bytes = [Name::BLANK; 128];
    let mut length = room.min(128);
    // SAFETY: the address is at least as large as its length says, and both live across the call.
    let fd = Errno::result(unsafe {
        libc::accept4(listener.as_fd().as_raw_fd(), (&raw mut bytes).cast(), &raw mut length, flags)
    })?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, Name { length, bytes }))
}

/// Who is told of I/O on `fd`, and by which signal: `F_GETOWN` and `F_GETSIG`, 0 where nothing is
/// set.
pub fn io_owner_and_signal(fd: impl AsFd) -> nix::Result<(i32, i32)> {
    /// `F_GETSIG` of `asm-generic/fcntl.h`.
    const F_GETSIG: libc::c_int = 11;
    let number = fd.as_fd().as_raw_fd();
    // glibc's fcntl asks by F_GETOWN_EX instead, and returns what stood on its stack if a kernel
    // writes nothing of an owner that is not there.
    // SAFETY: neither command takes an argument.
    let ask = |command: i32| unsafe { libc::syscall(libc::SYS_fcntl, number, command) };
    let number = |answer| i32::try_from(Errno::result(answer)?).map_err(|_| Errno::ERANGE);
    Ok((number(ask(libc::F_GETOWN))?, number(ask(F_GETSIG))?))
}

fn length_of<T>() -> nix::Result<libc::socklen_t> {
    libc::socklen_t::try_from(size_of::<T>()).map_err(|_| Errno::EINVAL)
}
