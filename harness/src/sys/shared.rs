//! Memory that forked processes share with their parent.

use std::sync::atomic::AtomicU64;

use nix::errno::Errno;

/// An array of counters that stays the same memory across `fork`. It lives until the process
/// ends, so that threads and children may hold it without a lifetime.
pub fn counters(length: usize) -> nix::Result<&'static [AtomicU64]> {
    let bytes = length.max(1) * size_of::<AtomicU64>();
    // SAFETY: a fresh anonymous mapping; the kernel chooses the place.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    // SAFETY: the mapping is zeroed, aligned to a page, large enough, and never unmapped; zero is
    // a valid AtomicU64.
    Ok(unsafe { std::slice::from_raw_parts(address.cast::<AtomicU64>(), length) })
}
