//! io_uring, one request at a time: all that a case about completion needs.

use std::os::fd::{AsFd, AsRawFd};

use io_uring::{IoUring, opcode, squeue, types};

/// A completion: the data that names the request, and its result (a negative errno on failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// What the request was tagged with.
    pub tag: u64,
    /// What the system call of the same name would return, or minus the errno.
    pub result: i32,
}

/// A ring with a few entries, and the buffer into which its requests read. The kernel may write
/// to the buffer for as long as a request is pending, so the ring owns it and goes first.
pub struct Ring {
    ring: IoUring,
    buffer: Box<[u8; 4096]>,
}

impl Ring {
    /// A ring with eight entries.
    pub fn new() -> std::io::Result<Ring> {
        Ok(Ring {
            ring: IoUring::new(8)?,
            buffer: Box::new([0; 4096]),
        })
    }

    /// Submits a read of up to 4096 bytes into the ring's buffer.
    pub fn read(&mut self, fd: impl AsFd, tag: u64) -> std::io::Result<()> {
        let (address, length) = (self.buffer.as_mut_ptr(), 4096);
        self.submit(
            opcode::Read::new(types::Fd(fd.as_fd().as_raw_fd()), address, length)
                .build()
                .user_data(tag),
        )
    }

    /// Submits an accept.
    pub fn accept(&mut self, fd: impl AsFd, tag: u64) -> std::io::Result<()> {
        let fd = types::Fd(fd.as_fd().as_raw_fd());
        self.submit(
            opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut())
                .build()
                .user_data(tag),
        )
    }

    /// Submits a one-shot poll.
    pub fn poll(&mut self, fd: impl AsFd, events: u32, tag: u64) -> std::io::Result<()> {
        self.submit(
            opcode::PollAdd::new(types::Fd(fd.as_fd().as_raw_fd()), events)
                .build()
                .user_data(tag),
        )
    }

    /// Submits the cancellation of the request with this tag.
    pub fn cancel(&mut self, target: u64, tag: u64) -> std::io::Result<()> {
        self.submit(opcode::AsyncCancel::new(target).build().user_data(tag))
    }

    fn submit(&mut self, entry: squeue::Entry) -> std::io::Result<()> {
        // SAFETY: the only memory that an entry refers to is the buffer, which lives as long as
        // the ring; a descriptor that is closed too early makes the request fail, no more.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.map_err(std::io::Error::other)?;
        self.ring.submit().map(drop)
    }

    /// The completions that are there.
    pub fn completions(&mut self) -> Vec<Completion> {
        let completion = |entry: io_uring::cqueue::Entry| Completion {
            tag: entry.user_data(),
            result: entry.result(),
        };
        self.ring.completion().map(completion).collect()
    }

    /// Sleeps in `io_uring_enter` until a completion is there.
    pub fn wait(&mut self) -> std::io::Result<Vec<Completion>> {
        self.ring.submit_and_wait(1)?;
        Ok(self.completions())
    }

    /// What the reads have put into the buffer.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer[..]
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Requests that are still pending are cancelled when the ring's descriptor is closed, but
        // not before `close` returns: the buffer must outlive them. A page is a fair price.
        Box::leak(std::mem::replace(&mut self.buffer, Box::new([0; 4096])));
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        super::process::borrow(self.ring.as_raw_fd())
    }
}
