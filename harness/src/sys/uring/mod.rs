//! `io_uring`, a few requests at a time: all that a case about completion needs.

mod buffers;
mod request;
mod setup;

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{Builder, IoUring, Probe, cqueue, opcode, squeue};
use nix::errno::Errno;

use crate::trial::{Result, Stop};

pub use buffers::Buffers;
pub use request::Request;
pub use setup::{Made, feature, flag, operation, setup};

/// A completion: the data that names the request, and its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// What the request was tagged with.
    pub tag: u64,
    /// What the system call of the same name would return.
    pub result: nix::Result<i32>,
    flags: u32,
}

/// Whether a request will complete again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// `IORING_CQE_F_MORE`: there will be more completions of the same request.
    More,
    /// This is the last one.
    Last,
}

impl Completion {
    /// Whether the request will complete again.
    pub fn then(&self) -> Then {
        if cqueue::more(self.flags) { Then::More } else { Then::Last }
    }

    /// `IORING_CQE_F_NOTIF`: whether it tells that the memory of a request is free again.
    pub fn is_notification(&self) -> bool {
        cqueue::notif(self.flags)
    }

    /// `IORING_CQE_F_SOCK_NONEMPTY`: whether the socket had more to give when the request took
    /// its part.
    pub fn left_some(&self) -> bool {
        cqueue::sock_nonempty(self.flags)
    }

    /// `IORING_CQE_F_BUFFER`: which buffer of its group the kernel chose.
    pub fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }

    /// Ends the trial as `unsupported` if the kernel refused the request as one that it does not
    /// know (EINVAL). For requests that are right in themselves.
    pub fn supported(self, what: &str) -> Result<Completion> {
        match self.result {
            Err(Errno::EINVAL) => {
                Err(Stop::Unsupported(format!("{what}: {}", Errno::EINVAL.desc())))
            }
            _ => Ok(self),
        }
    }
}

impl From<cqueue::Entry> for Completion {
    fn from(entry: cqueue::Entry) -> Completion {
        let (tag, flags) = (entry.user_data(), entry.flags());
        let result = if entry.result() < 0 {
            Err(Errno::from_raw(-entry.result()))
        } else {
            Ok(entry.result())
        };
        Completion { tag, result, flags }
    }
}

/// Tag and result.
impl PartialEq<(u64, nix::Result<i32>)> for Completion {
    fn eq(&self, other: &(u64, nix::Result<i32>)) -> bool {
        (self.tag, self.result) == *other
    }
}

/// Tag, result, and whether there is more to come.
impl PartialEq<(u64, nix::Result<i32>, Then)> for Completion {
    fn eq(&self, other: &(u64, nix::Result<i32>, Then)) -> bool {
        (self.tag, self.result, self.then()) == *other
    }
}

/// No completion at all.
pub const NOTHING: [Completion; 0] = [];

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
    /// A ring with eight entries. Ends the trial as `unobservable` on a system whose ring does not
    /// tell its operations yet (Linux before 5.6), and as `unsupported` on one that should.
    pub fn new() -> Result<Ring> {
        Ring::with(8, |_| ())
    }

    /// A ring with so many entries that is set up in a way of its own. Ends the trial as
    /// `unsupported` if the kernel does not know that way (EINVAL).
    pub fn with(entries: u32, set: impl FnOnce(&mut Builder)) -> Result<Ring> {
        let mut builder = IoUring::builder();
        set(&mut builder);
        let queues = builder.build(entries).map_err(|error| match errno(&error) {
            errno @ Errno::EINVAL => Stop::unsupported_if(errno, &[errno], "io_uring_setup"),
            _ => error.into(),
        })?;
        let mut probe = Probe::new();
        // `IORING_FEAT_RW_CUR_POS` came with 5.6 too, and shows in a ring that was only made.
        let should_tell = queues.params().is_feature_rw_cur_pos();
        queues.submitter().register_probe(&mut probe).map_err(|error| {
            let why = format!("io_uring does not tell its operations here: {error}");
            if should_tell { Stop::Unsupported(why) } else { Stop::Unobservable(why) }
        })?;
        let buffer = Box::leak(Box::new([const { AtomicU8::new(0) }; SIZE]));
        Ok(Ring { queues, probe, buffer })
    }

    /// Whether the ring is one of Linux 6.0 or later, told by the operation that came with it
    /// (`IORING_OP_SEND_ZC`): flags of operations, such as multishot receive, do not show.
    pub fn knows_linux_6_0(&self) -> bool {
        self.knows(opcode::SendZc::CODE)
    }

    /// Whether the ring has the operation of this number (`IORING_REGISTER_PROBE`).
    pub fn knows(&self, code: u8) -> bool {
        self.probe.is_supported(code)
    }

    /// Submits a read of up to 4096 bytes into the ring's buffer.
    pub fn read(&mut self, fd: impl AsFd, tag: u64) -> Result {
        self.submit([Request::read_into(fd, self.buffer).tag(tag)])
    }

    /// Submits an accept.
    pub fn accept(&mut self, fd: impl AsFd, tag: u64) -> Result {
        self.submit([Request::accept(fd).tag(tag)])
    }

    /// Submits a one-shot poll.
    pub fn poll(&mut self, fd: impl AsFd, events: u32, tag: u64) -> Result {
        self.submit([Request::poll(fd, events).tag(tag)])
    }

    /// Submits the cancellation of the request with this tag.
    pub fn cancel(&mut self, target: u64, tag: u64) -> Result {
        self.submit([Request::cancel(target).tag(tag)])
    }

    /// Submits requests, all by one system call. Ends the trial as `unsupported` if the system's
    /// ring does not have one of the operations.
    pub fn submit<const COUNT: usize>(&mut self, requests: [Request; COUNT]) -> Result {
        for request in &requests {
            if !self.knows(request.code()) {
                let name = request.name();
                return Err(Stop::Unsupported(format!("io_uring has no operation `{name}` here")));
            }
        }
        self.push(&requests)?;
        self.enter().map_err(Stop::from)?;
        Ok(())
    }

    /// Puts requests into the queue, whether the ring has their operations or not.
    pub fn push(&mut self, requests: &[Request]) -> Result {
        for request in requests {
            // SAFETY: memory that a request refers to lives for ever and is made of atomics, or is
            // only read; a descriptor that is closed makes the request fail, no more.
            let pushed = unsafe { self.queues.submission().push(request.entry()) };
            pushed.map_err(std::io::Error::other)?;
        }
        Ok(())
    }

    /// Submits what is in the queue, and returns how many requests the kernel took from it.
    pub fn enter(&mut self) -> nix::Result<usize> {
        self.queues.submit().map_err(|error| errno(&error))
    }

    /// The completions that are there.
    pub fn completions(&mut self) -> Vec<Completion> {
        self.queues.completion().map(Completion::from).collect()
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

    /// The same, sorted by tag: for requests whose order is nobody's business.
    pub fn wait_by_tag(&mut self, count: usize) -> std::io::Result<Vec<Completion>> {
        let mut completions = self.wait_for(count)?;
        completions.sort_by_key(|completion| completion.tag);
        Ok(completions)
    }

    /// Sleeps in one call of `io_uring_enter` until a completion is there, or a signal comes.
    pub fn wait_once(&mut self) -> nix::Result<usize> {
        self.queues.submit_and_wait(1).map_err(|error| errno(&error))
    }

    /// The same, for so long at most. Ends the trial as `unsupported` on a ring whose waits have no
    /// time-out (`IORING_FEAT_EXT_ARG`, Linux 5.11).
    pub fn wait_at_most(&mut self, limit: Duration) -> Result<nix::Result<usize>> {
        if !self.queues.params().is_feature_ext_arg() {
            return Err(Stop::Unsupported("io_uring_enter takes no time-out here".to_owned()));
        }
        let time = Timespec::from(limit);
        let waited =
            self.queues.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time));
        Ok(waited.map_err(|error| errno(&error)))
    }

    /// Whether completions wait that found no room in the queue (`IORING_SQ_CQ_OVERFLOW`).
    pub fn has_overflowed(&mut self) -> bool {
        self.queues.submission().cq_overflow()
    }

    /// How many completions were lost because they found no room.
    pub fn lost(&mut self) -> u32 {
        self.queues.completion().overflow()
    }

    /// Lets a ring that was made disabled begin (`IORING_REGISTER_ENABLE_RINGS`).
    pub fn enable(&self) -> nix::Result<()> {
        self.queues.submitter().register_enable_rings().map_err(|error| errno(&error))
    }

    /// The first bytes of the buffer, as they are now.
    pub fn buffer(&self, length: usize) -> Vec<u8> {
        self.buffer.iter().take(length).map(|byte| byte.load(Ordering::SeqCst)).collect()
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

impl AsFd for Ring {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        super::process::borrow(self.queues.as_raw_fd())
    }
}

/// The kind of entries of which the rings here are made.
type Entry = squeue::Entry;
