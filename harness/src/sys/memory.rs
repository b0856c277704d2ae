//! System calls with memory that ends in the middle.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// `write(2)` of `there` bytes that are there, and `missing` more behind them that are not: their
/// page is not mapped. The bytes before may cross pages.
pub fn write_past_the_end(fd: impl AsFd, there: usize, missing: usize) -> nix::Result<usize> {
    // SAFETY: sysconf takes a number.
    let page =
        usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(|_| Errno::EINVAL)?;
    let mapped = there.next_multiple_of(page);
    let end = missing.next_multiple_of(page);
    // SAFETY: a fresh anonymous mapping; the kernel chooses the place.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            mapped + end,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    // SAFETY: the pages from `mapped` on are of the mapping, which nobody else knows, and nothing is
    // mapped in their place before the write, as there is no other thread that does. The kernel reads
    // from there, and answers for what is not there. The other pages are unmapped once.
    unsafe {
        libc::munmap(start.byte_add(mapped), end);
        let from = start.byte_add(mapped - there);
        let written = Errno::result(libc::write(fd.as_fd().as_raw_fd(), from, there + missing));
        libc::munmap(start, mapped);
        written.map(isize::unsigned_abs)
    }
}
