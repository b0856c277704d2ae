//! futex(2), with what a signal does to it: the library's locks never show that.

use std::sync::atomic::AtomicU32;

use nix::errno::Errno;

/// `FUTEX_WAIT`: sleeps while the word is `value`, until it is woken.
pub fn wait(word: &AtomicU32, value: u32) -> nix::Result<()> {
    let for_ever = std::ptr::null::<libc::timespec>();
    // SAFETY: the word lives across the call, and there is no time-out.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            value,
            for_ever,
        )
    })
    .map(drop)
}

/// `FUTEX_WAKE`: wakes one thread.
pub fn wake(word: &AtomicU32) -> nix::Result<()> {
    // SAFETY: the kernel looks for those that sleep at this address, and does not touch it.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
        )
    })
    .map(drop)
}
