//! Buffers that the kernel chooses from when there is data, not before.

use std::alloc::Layout;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use nix::errno::Errno;

use super::{Ring, errno};
use crate::trial::{Result, Stop};

/// A ring of buffers of the same length (`IORING_REGISTER_PBUF_RING`), each known by its number,
/// from zero. It is never freed: the kernel may write to it.
#[derive(Debug)]
pub struct Buffers {
    data: &'static [AtomicU8],
    length: usize,
}

impl Ring {
    /// Gives `count` buffers, a power of two, to the requests that take from `group`. Ends the
    /// trial as `unsupported` on a system without such rings (Linux before 5.19).
    pub fn provide(&self, group: u16, count: u16, length: u32) -> Result<Buffers> {
        let size = usize::try_from(length)?;
        let data: &'static [AtomicU8] =
            (0..usize::from(count) * size).map(|_| AtomicU8::new(0)).collect::<Vec<_>>().leak();
        let layout = Layout::array::<BufRingEntry>(usize::from(count))?.align_to(1 << 16)?;
        // SAFETY: the layout is not empty. Its alignment is that of the largest page.
        let entries: *mut BufRingEntry = unsafe { std::alloc::alloc_zeroed(layout) }.cast();
        if entries.is_null() {
            return Err(Errno::ENOMEM.into());
        }
        for (number, buffer) in (0..count).zip(data.chunks(size)) {
            // SAFETY: there are `count` entries, zeroed, and nobody else knows of them yet.
            let entry = unsafe { &mut *entries.add(usize::from(number)) };
            entry.set_addr(buffer.as_ptr().expose_provenance() as u64);
            entry.set_len(length);
            entry.set_bid(number);
        }
        // SAFETY: the entries are aligned to a page and never freed, and what they refer to lives
        // for ever and is made of atomics.
        unsafe {
            self.queues.submitter().register_buf_ring_with_flags(
                entries.expose_provenance() as u64,
                count,
                group,
                0,
            )
        }
        .map_err(|error| {
            Stop::unsupported_if(errno(&error), &[Errno::EINVAL], "a ring of buffers")
        })?;
        // SAFETY: the tail is a field of the first entry, aligned to two bytes.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries).cast_mut()) };
        tail.store(count, Ordering::Release);
        Ok(Buffers { data, length: size })
    }
}

impl Buffers {
    /// The first bytes of the buffer with this number, as they are now.
    pub fn data(&self, number: u16, length: usize) -> Vec<u8> {
        let buffer = self.data.chunks(self.length).nth(usize::from(number)).unwrap_or(&[]);
        buffer.iter().take(length).map(|byte| byte.load(Ordering::SeqCst)).collect()
    }
}
