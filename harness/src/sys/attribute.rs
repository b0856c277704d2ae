//! What a socket has beside its data: options that are no int, and extended attributes.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// The bytes that `getsockopt(2)` writes for an option to a buffer of `room` bytes.
pub fn option_bytes(fd: impl AsFd, level: i32, name: i32, room: usize) -> nix::Result<Vec<u8>> {
    let mut bytes = vec![0; room];
    let mut length = libc::socklen_t::try_from(room).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the buffer and its length belong together and live across the call.
    Errno::result(unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            name,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    bytes.truncate(usize::try_from(length).map_err(|_| Errno::EINVAL)?);
    Ok(bytes)
}

/// `fsetxattr(2)`.
pub fn set_attribute(fd: impl AsFd, name: &CStr, value: &[u8]) -> nix::Result<()> {
    // SAFETY: name and value live across the call, and the length is the value's.
    Errno::result(unsafe {
        libc::fsetxattr(
            fd.as_fd().as_raw_fd(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    })
    .map(drop)
}

/// `fgetxattr(2)`, for a value of up to 256 bytes.
pub fn attribute(fd: impl AsFd, name: &CStr) -> nix::Result<Vec<u8>> {
    let mut value = vec![0_u8; 256];
    // SAFETY: name and buffer live across the call, and the length is the buffer's.
    let length = Errno::result(unsafe {
        libc::fgetxattr(
            fd.as_fd().as_raw_fd(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    })?;
    value.truncate(usize::try_from(length).map_err(|_| Errno::EINVAL)?);
    Ok(value)
}
