//! `io_uring`, one request at a time: all that a case about completion needs.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU8, Ordering};

use io_uring::{IoUring, Probe, opcode, squeue, types};

use crate::trial::{Result, Stop};

/// A completion: the data that names the request, and its result (a negative errno on failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// What the request was tagged with.
    pub tag: u64,
    /// What the system call of the same name would return, or minus the errno.
    pub result: i32,
}

/// The size of a ring's buffer.
const SIZE: usize = 4096;

/// A ring with a few entries, and the buffer into which its requests read. The kernel may write
/// to the buffer for as long as a request is pending, which is longer than until the ring's
/// descriptor is closed: so the buffer is never freed.
pub struct Ring {
    queues: IoUring,
    probe: Probe,
    buffer: &'static [AtomicU8; SIZE],
}

impl Ring {
    /// A ring with eight entries. Ends the trial as `unsupported` on a system whose ring does not
    /// tell its operations (Linux before 5.6; gVisor).
    pub fn new() -> Result<Ring> {
        let queues = IoUring::new(8)?;
        let mut probe = Probe::new();
        queues.submitter().register_probe(&mut probe).map_err(|error| {
            Stop::Unsupported(format!("io_uring does not tell its operations here: {error}"))
        })?;
        let buffer = Box::leak(Box::new([const { AtomicU8::new(0) }; SIZE]));
        Ok(Ring { queues, probe, buffer })
    }

    /// Whether the ring is one of Linux 6.0 or later, told by the operation that came with it
    /// (`IORING_OP_SEND_ZC`): flags of operations, such as multishot receive, do not show.
    pub fn knows_linux_6_0(&self) -> bool {
        self.probe.is_supported(opcode::SendZc::CODE)
    }

    /// Submits a read of up to 4096 bytes into the ring's buffer.
    pub fn read(&mut self, fd: impl AsFd, tag: u64) -> Result {
        self.require(opcode::Read::CODE, "read")?;
        let (address, length) = (self.buffer.as_ptr().cast_mut().cast(), 4096);
        self.submit(
            opcode::Read::new(types::Fd(fd.as_fd().as_raw_fd()), address, length)
                .build()
                .user_data(tag),
        )
    }

    /// Submits an accept.
    pub fn accept(&mut self, fd: impl AsFd, tag: u64) -> Result {
        self.require(opcode::Accept::CODE, "accept")?;
        let fd = types::Fd(fd.as_fd().as_raw_fd());
        self.submit(
            opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut())
                .build()
                .user_data(tag),
        )
    }

    /// Submits a one-shot poll.
    pub fn poll(&mut self, fd: impl AsFd, events: u32, tag: u64) -> Result {
        self.require(opcode::PollAdd::CODE, "poll")?;
        self.submit(
            opcode::PollAdd::new(types::Fd(fd.as_fd().as_raw_fd()), events).build().user_data(tag),
        )
    }

    /// Submits the cancellation of the request with this tag.
    pub fn cancel(&mut self, target: u64, tag: u64) -> Result {
        self.require(opcode::AsyncCancel::CODE, "cancel")?;
        self.submit(opcode::AsyncCancel::new(target).build().user_data(tag))
    }

    /// Ends the trial as `unsupported` if the system's ring does not have an operation.
    fn require(&self, code: u8, name: &str) -> Result {
        if self.probe.is_supported(code) {
            Ok(())
        } else {
            Err(Stop::Unsupported(format!("io_uring has no operation `{name}` here")))
        }
    }

    fn submit(&mut self, entry: squeue::Entry) -> Result {
        // SAFETY: the only memory that an entry refers to is the buffer, which lives for ever and
        // is made of atomics; a descriptor that is closed makes the request fail, no more.
        let pushed = unsafe { self.queues.submission().push(&entry) };
        pushed.map_err(std::io::Error::other)?;
        self.queues.submit()?;
        Ok(())
    }

    /// The completions that are there.
    pub fn completions(&mut self) -> Vec<Completion> {
        let completion = |entry: io_uring::cqueue::Entry| Completion {
            tag: entry.user_data(),
            result: entry.result(),
        };
        self.queues.completion().map(completion).collect()
    }

    /// Sleeps in `io_uring_enter` until a completion is there.
    pub fn wait(&mut self) -> std::io::Result<Vec<Completion>> {
        self.wait_for(1)
    }

    /// Sleeps until `count` completions are there. Their order is the kernel's.
    pub fn wait_for(&mut self, count: usize) -> std::io::Result<Vec<Completion>> {
        loop {
            match self.queues.submit_and_wait(count) {
                Ok(_) => return Ok(self.completions()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first bytes of the buffer, as they are now.
    pub fn buffer(&self, length: usize) -> Vec<u8> {
        self.buffer.iter().take(length).map(|byte| byte.load(Ordering::SeqCst)).collect()
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        super::process::borrow(self.queues.as_raw_fd())
    }
}
