//! The kernel's own asynchronous I/O (io_setup(2), `linux/aio_abi.h`), which has no wrappers in the
//! C library.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;

/// The size of a request's buffer.
const SIZE: usize = 64;

/// `IOCB_FLAG_RESFD`: completions are counted by an eventfd.
const FLAG_RESFD: u32 = 1;

/// What a request asks for: `IOCB_CMD_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Command {
    /// `pread(2)` of up to 64 bytes at offset 0.
    Read = 0,
    /// `poll(2)` for the event mask, once.
    Poll = 5,
    /// A number that no kernel knows.
    Unknown = 999,
}

/// A control block and its buffer. The kernel may look at the block, and write to the buffer, for as
/// long as the request is pending, so neither is ever freed.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    block: *mut libc::iocb,
    buffer: &'static [AtomicU8; SIZE],
}

// SAFETY: the block belongs to the kernel from the submission on; the fields are not looked at.
unsafe impl Send for Request {}

impl Request {
    /// A read of up to 64 bytes, tagged with `tag`.
    pub fn read(fd: impl AsFd, tag: u64) -> Request {
        Request::new(Command::Read, fd, tag, None)
    }

    /// A wait for `events` (poll(2)), tagged with `tag`.
    pub fn poll(fd: impl AsFd, events: super::poll::PollFlags, tag: u64) -> Request {
        Request::new(Command::Poll, fd, tag, Some(events))
    }

    /// A request with a command that no kernel knows.
    pub fn unknown(fd: impl AsFd) -> Request {
        Request::new(Command::Unknown, fd, 0, None)
    }

    fn new(
        command: Command,
        fd: impl AsFd,
        tag: u64,
        events: Option<super::poll::PollFlags>,
    ) -> Request {
        let buffer: &'static [AtomicU8; SIZE] =
            Box::leak(Box::new([const { AtomicU8::new(0) }; SIZE]));
        // SAFETY: an all-zero iocb is valid.
        let mut block: Box<libc::iocb> = Box::new(unsafe { std::mem::zeroed() });
        block.aio_data = tag;
        block.aio_lio_opcode = command as u16;
        block.aio_fildes = fd.as_fd().as_raw_fd().cast_unsigned();
        match events {
            Some(events) => block.aio_buf = u64::from(events.bits().cast_unsigned()),
            None => {
                block.aio_buf = buffer.as_ptr() as u64;
                block.aio_nbytes = SIZE as u64;
            }
        }
        Request { block: Box::into_raw(block), buffer }
    }

    /// The same request, to be told by this eventfd too when it is complete. To be called before it
    /// is submitted.
    #[must_use]
    pub fn told_by(self, eventfd: impl AsFd) -> Request {
        // SAFETY: the block lives for ever, and the kernel does not know of it yet.
        unsafe {
            (*self.block).aio_flags |= FLAG_RESFD;
            (*self.block).aio_resfd = eventfd.as_fd().as_raw_fd().cast_unsigned();
        }
        self
    }

    /// The first bytes of the buffer, as they are now.
    pub fn buffer(&self, length: usize) -> Vec<u8> {
        self.buffer.iter().take(length).map(|byte| byte.load(Ordering::SeqCst)).collect()
    }
}

/// A request that is complete: its tag, and its result (a negative errno on failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// What the request was tagged with.
    pub tag: u64,
    /// What the system call of the same name would return, or minus the errno.
    pub result: i64,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Event {
    data: u64,
    block: u64,
    result: i64,
    second: i64,
}

/// A context, which the kernel gives back at the end of the process: `io_destroy` would wait for
/// requests that a case has left.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    id: libc::c_ulong,
}

impl Context {
    /// `io_setup(2)` for so many requests.
    pub fn new(requests: u32) -> nix::Result<Context> {
        Context::over(0, requests)
    }

    /// The same with what stands in the place for the new context's id before the call: it must
    /// be 0.
    pub fn over(before: libc::c_ulong, requests: u32) -> nix::Result<Context> {
        let mut id = before;
        // SAFETY: the id lives across the call.
        Errno::result(unsafe { libc::syscall(libc::SYS_io_setup, requests, &raw mut id) })?;
        Ok(Context { id })
    }

    /// A context that is none.
    pub fn nowhere() -> Context {
        Context { id: 0 }
    }

    /// `io_submit(2)`: how many of the requests were taken, in their order.
    pub fn submit(self, requests: &[Request]) -> nix::Result<usize> {
        let mut blocks: Vec<_> = requests.iter().map(|request| request.block).collect();
        // SAFETY: the array lives across the call, and the blocks and their buffers for ever.
        let taken = Errno::result(unsafe {
            libc::syscall(libc::SYS_io_submit, self.id, blocks.len(), blocks.as_mut_ptr())
        })?;
        usize::try_from(taken).map_err(|_| Errno::ERANGE)
    }

    /// `io_getevents(2)`: waits for at least `least` completions and takes up to `most`, 8 at most.
    pub fn events(
        self,
        least: libc::c_long,
        most: libc::c_long,
        timeout: Option<Duration>,
    ) -> nix::Result<Vec<Completion>> {
        let (mut events, most) = ([Event::default(); 8], most.min(8));
        let time = timeout.map(TimeSpec::from_duration);
        let time = time.as_ref().map_or(std::ptr::null(), |time| std::ptr::from_ref(time.as_ref()));
        // SAFETY: up to `most` events fit, and the timespec lives across the call.
        let count = Errno::result(unsafe {
            libc::syscall(libc::SYS_io_getevents, self.id, least, most, events.as_mut_ptr(), time)
        })?;
        let count = usize::try_from(count).map_err(|_| Errno::ERANGE)?;
        let completion = |event: &Event| Completion { tag: event.data, result: event.result };
        Ok(events[..count].iter().map(completion).collect())
    }

    /// `io_cancel(2)`.
    pub fn cancel(self, request: &Request) -> nix::Result<()> {
        let mut event = Event::default();
        // SAFETY: the block lives for ever, and one event fits.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_io_cancel, self.id, request.block, &raw mut event)
        })
        .map(drop)
    }
}
