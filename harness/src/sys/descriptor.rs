//! What fcntl(2) tells of descriptors, and nix leaves out.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// Of `linux/fcntl.h`.
pub(crate) const F_DUPFD_QUERY: libc::c_int = 1024 + 3;
/// Of `linux/fcntl.h`.
pub(crate) const F_CREATED_QUERY: libc::c_int = 1024 + 4;

/// Whether two descriptors are one open file (`F_DUPFD_QUERY`). EINVAL before Linux 6.10.
pub fn is_same_file(one: impl AsFd, other: impl AsFd) -> nix::Result<bool> {
    let (one, other) = (one.as_fd().as_raw_fd(), other.as_fd().as_raw_fd());
    // SAFETY: the request takes numbers only.
    Errno::result(unsafe { libc::fcntl(one, F_DUPFD_QUERY, other) }).map(|answer| answer == 1)
}

/// Whether the open that gave this descriptor has made the file (`F_CREATED_QUERY`). EINVAL before
/// Linux 6.12.
pub fn is_created(fd: impl AsFd) -> nix::Result<bool> {
    // SAFETY: the request takes nothing.
    Errno::result(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), F_CREATED_QUERY, 0) })
        .map(|answer| answer == 1)
}
