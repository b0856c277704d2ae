//! recvmmsg(2), for one message.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;

/// Receives one message of up to 64 bytes; with a time-out, which the kernel looks at between
/// messages.
pub fn receive_one(fd: impl AsFd, timeout: Option<Duration>) -> nix::Result<usize> {
    let mut buffer = [0_u8; 64];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an all-zero mmsghdr is valid: no address, no buffers, no control data.
    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
    message.msg_hdr.msg_iov = &raw mut part;
    message.msg_hdr.msg_iovlen = 1;
    let mut time = timeout.map(TimeSpec::from_duration);
    let time = time
        .as_mut()
        .map_or(std::ptr::null_mut(), |time| std::ptr::from_mut::<libc::timespec>(time.as_mut()));
    // SAFETY: one message with one buffer, and a timespec, all alive across the call.
    Errno::result(unsafe { libc::recvmmsg(fd.as_fd().as_raw_fd(), &raw mut message, 1, 0, time) })?;
    usize::try_from(message.msg_len).map_err(|_| Errno::ERANGE)
}
