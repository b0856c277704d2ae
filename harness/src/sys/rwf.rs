//! Reads and writes with flags of their own (preadv2(2)).

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// `RWF_NOWAIT` of `preadv2(2)`: to fail with EAGAIN rather than to wait.
pub const RWF_NOWAIT: i32 = libc::RWF_NOWAIT;

/// `RWF_NOSIGNAL` of `linux/fs.h`: no SIGPIPE, since Linux 6.18.
pub const RWF_NOSIGNAL: i32 = 0x100;

/// `preadv2` into one buffer, at the current position. Returns the number of bytes. EOPNOTSUPP
/// for a flag that the kernel, or this kind of file, does not have.
pub fn read_with(fd: impl AsFd, buffer: &mut [u8], flags: i32) -> nix::Result<usize> {
    let part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: the part covers the buffer, and both live across the call.
    let length = Errno::result(unsafe {
        libc::preadv2(fd.as_fd().as_raw_fd(), &raw const part, 1, -1, flags)
    })?;
    usize::try_from(length).map_err(|_| Errno::ERANGE)
}

/// `pwritev2` from one buffer, at the current position. The same otherwise.
pub fn write_with(fd: impl AsFd, buffer: &[u8], flags: i32) -> nix::Result<usize> {
    let part = libc::iovec { iov_base: buffer.as_ptr().cast_mut().cast(), iov_len: buffer.len() };
    // SAFETY: the part covers the buffer, which is only read, and both live across the call.
    let length = Errno::result(unsafe {
        libc::pwritev2(fd.as_fd().as_raw_fd(), &raw const part, 1, -1, flags)
    })?;
    usize::try_from(length).map_err(|_| Errno::ERANGE)
}
