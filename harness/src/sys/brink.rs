//! Memory that ends: what a call reads or writes beyond its end, it cannot (EFAULT). That shows how
//! much of its arguments the kernel copies, to the byte.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use nix::unistd::{SysconfVar, sysconf};

use super::epoll::Epoll;

/// Pages of memory with one behind them that nobody may touch.
#[derive(Debug)]
pub struct Brink {
    start: NonNull<libc::c_void>,
    length: usize,
    page: usize,
}

impl Brink {
    /// A page of zeros.
    pub fn new() -> nix::Result<Brink> {
        Brink::of(1)
    }

    /// As many pages of zeros as hold so many bytes.
    fn of(bytes: usize) -> nix::Result<Brink> {
        let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|page| usize::try_from(page).ok());
        let page = page.ok_or(Errno::ENOSYS)?;
        let length = bytes.next_multiple_of(page);
        let all = (length + page).try_into().map_err(|_| Errno::EINVAL)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping; the kernel chooses the place.
        let start = unsafe { mmap_anonymous(None, all, access, MapFlags::MAP_PRIVATE) }?;
        let brink = Brink { start, length, page };
        // SAFETY: the last page is part of the mapping, and nothing refers to it.
        unsafe { mprotect(brink.end().cast(), page, ProtFlags::PROT_NONE) }?;
        Ok(brink)
    }

    /// How many `T` fit before the end.
    pub fn room<T>(&self) -> usize {
        self.length / size_of::<T>()
    }

    fn end(&self) -> NonNull<u8> {
        // SAFETY: the last page of the mapping begins so far after its start.
        unsafe { self.start.cast::<u8>().add(self.length) }
    }

    /// Writes `values` so that they end where the memory does, and returns their address.
    fn put<T: Copy>(&mut self, values: &[T]) -> nix::Result<*mut T> {
        if size_of_val(values) > self.length {
            return Err(Errno::EINVAL);
        }
        // SAFETY: the values fit between the start and the end, for which there is one user, and a
        // size is a multiple of its alignment, as the end is.
        unsafe {
            let place = self.end().cast::<T>().sub(values.len()).as_ptr();
            std::ptr::copy_nonoverlapping(values.as_ptr(), place, values.len());
            Ok(place)
        }
    }

    /// Reads `length` values back that end where the memory does.
    fn get<T: Copy>(&self, length: usize) -> Vec<T> {
        // SAFETY: every byte before the end is initialised, and T is plain data of integers.
        unsafe {
            let place = self.end().cast::<T>().sub(length).as_ptr();
            std::slice::from_raw_parts(place, length).to_vec()
        }
    }

    /// `select` for reading on a bitmap of these words, behind which there is no memory, without
    /// waiting; returns the words as they are left.
    pub fn select(&mut self, nfds: i32, words: &[u64]) -> nix::Result<Vec<u64>> {
        let set = self.put(words)?;
        let none = std::ptr::null_mut::<u64>();
        let time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel copies in and out what it can of the set, which is this value's own
        // memory; beyond its end it gets EFAULT. There is no signal mask.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_pselect6, nfds, set, none, none, &raw const time, none)
        })?;
        Ok(self.get(words.len()))
    }

    /// `poll` on this array, which is said to have `length` entries and behind which there is no
    /// memory, without waiting.
    pub fn poll(&mut self, entries: &[libc::pollfd], length: usize) -> nix::Result<i32> {
        let array = self.put(entries)?;
        let length = libc::nfds_t::try_from(length).map_err(|_| Errno::EINVAL)?;
        // SAFETY: as above.
        Errno::result(unsafe { libc::poll(array, length, 0) })
    }

    /// `epoll_wait` into a buffer for `room` events, which is said to be one for `most` and behind
    /// which there is no memory, without waiting; returns the numbers that came.
    pub fn epoll_wait(&mut self, epoll: &Epoll, room: usize, most: i32) -> nix::Result<Vec<u64>> {
        let events = self.put(&vec![libc::epoll_event { events: 0, u64: 0 }; room])?;
        // SAFETY: as above.
        let count =
            Errno::result(unsafe { libc::epoll_wait(epoll.as_fd().as_raw_fd(), events, most, 0) })?;
        let count = usize::try_from(count).map_err(|_| Errno::ERANGE)?;
        let events: Vec<libc::epoll_event> = self.get(room);
        Ok(events.iter().take(count).map(|event| event.u64).collect())
    }
}

/// `write(2)` of `there` bytes that are there, and `missing` more behind them that are not. The bytes
/// before may cross pages.
pub fn write_past_the_end(fd: impl AsFd, there: usize, missing: usize) -> nix::Result<usize> {
    let mut brink = Brink::of(there)?;
    let from = brink.put(&vec![0_u8; there])?;
    // SAFETY: the kernel reads the bytes that are there; beyond their end it gets EFAULT.
    let written = Errno::result(unsafe {
        libc::write(fd.as_fd().as_raw_fd(), from.cast(), there + missing)
    })?;
    Ok(written.unsigned_abs())
}

/// Maps the memory behind a descriptor, and unmaps it again: whether there is any.
pub fn map(fd: impl AsFd) -> nix::Result<()> {
    let length = 4096.try_into().map_err(|_| Errno::EINVAL)?;
    // SAFETY: the kernel chooses the place, and nothing refers to the mapping before its end.
    unsafe {
        let start = mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, fd, 0)?;
        munmap(start, length.get())
    }
}

impl Drop for Brink {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing refers to it any more.
        let _ = unsafe { munmap(self.start, self.length + self.page) };
    }
}
