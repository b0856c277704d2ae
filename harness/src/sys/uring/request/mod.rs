//! What is asked of a ring.

macro_rules! request {
    ($kind:ident, $operation:expr) => {
        Request {
            entry: $operation.build(),
            code: opcode::$kind::CODE,
            name: stringify!($kind),
            data: &[],
        }
    };
}

mod descriptor;

use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::time::Duration;

use io_uring::types::{CancelBuilder, TimeoutFlags, Timespec};
use io_uring::{opcode, squeue};

use super::Entry;

/// `IORING_POLL_ADD_LEVEL` of `linux/io_uring.h`, which the `io-uring` crate has no word for.
const POLL_ADD_LEVEL: u32 = 1 << 3;
/// `IORING_TIMEOUT_IMMEDIATE_ARG` of Linux 7.1.
const TIMEOUT_IMMEDIATE_ARG: u32 = 1 << 7;

/// A request, not submitted yet. The kernel may use its memory for as long as it is pending, so
/// that is never freed.
#[derive(Debug, Clone)]
pub struct Request {
    entry: Entry,
    code: u8,
    name: &'static str,
    data: &'static [AtomicU8],
}

fn memory(length: u32) -> &'static [AtomicU8] {
    (0..length).map(|_| AtomicU8::new(0)).collect::<Vec<_>>().leak()
}

fn time(duration: Duration) -> &'static Timespec {
    Box::leak(Box::new(Timespec::from(duration)))
}

/// How a request is bound to the one behind it, and when it completes.
impl Request {
    /// Names it.
    #[must_use]
    pub fn tag(mut self, tag: u64) -> Request {
        self.entry.set_user_data(tag);
        self
    }

    /// `IOSQE_IO_LINK`: the next one begins when this one has succeeded.
    #[must_use]
    pub fn linked(self) -> Request {
        self.flagged(squeue::Flags::IO_LINK)
    }

    /// `IOSQE_IO_HARDLINK`: the next one begins when this one has ended.
    #[must_use]
    pub fn hard_linked(self) -> Request {
        self.flagged(squeue::Flags::IO_HARDLINK)
    }

    /// `IOSQE_IO_DRAIN`: it begins when all that were submitted before it have ended.
    #[must_use]
    pub fn drained(self) -> Request {
        self.flagged(squeue::Flags::IO_DRAIN)
    }

    /// `IOSQE_ASYNC`: it is not tried at once, but given to a worker of the kernel.
    #[must_use]
    pub fn by_a_worker(self) -> Request {
        self.flagged(squeue::Flags::ASYNC)
    }

    /// `IOSQE_CQE_SKIP_SUCCESS`: it completes only if it fails.
    #[must_use]
    pub fn silent(self) -> Request {
        self.flagged(squeue::Flags::SKIP_SUCCESS)
    }

    /// `IOSQE_BUFFER_SELECT`: the kernel chooses a buffer of this group when there is data.
    #[must_use]
    pub fn from_group(self, group: u16) -> Request {
        self.flagged(squeue::Flags::BUFFER_SELECT).patched(40, &group.to_ne_bytes())
    }

    fn flagged(mut self, flags: squeue::Flags) -> Request {
        self.entry = self.entry.flags(flags);
        self
    }

    /// Overwrites a field of `struct io_uring_sqe` by its offset, for what the `io-uring` crate has
    /// no words for: `ioprio` is at 2, `addr` at 16, `len` at 24, the operation's flags at 28, and
    /// `buf_group` at 40.
    fn patched(mut self, at: usize, field: &[u8]) -> Request {
        // SAFETY: an entry is a `struct io_uring_sqe`: 64 bytes, every value of which is valid.
        let mut bytes: [u8; 64] = unsafe { std::mem::transmute(self.entry) };
        bytes[at..at + field.len()].copy_from_slice(field);
        // SAFETY: as above.
        self.entry = unsafe { std::mem::transmute::<[u8; 64], Entry>(bytes) };
        self
    }

    /// The same poll with `IORING_POLL_ADD_LEVEL`.
    #[must_use]
    pub fn level(self) -> Request {
        let flags = self.word(24) | POLL_ADD_LEVEL;
        self.patched(24, &flags.to_ne_bytes())
    }

    /// A field of four bytes, by its offset.
    fn word(&self, at: usize) -> u32 {
        // SAFETY: an entry is a `struct io_uring_sqe`: 64 bytes, all of which are initialised.
        let bytes: [u8; 64] = unsafe { std::mem::transmute(self.entry.clone()) };
        u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn code(&self) -> u8 {
        self.code
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The first bytes of its memory, as they are now.
    pub fn data(&self, length: usize) -> Vec<u8> {
        self.data.iter().take(length).map(|byte| byte.load(Ordering::SeqCst)).collect()
    }
}

/// Requests that are about no descriptor.
impl Request {
    /// Nothing.
    pub fn nop() -> Request {
        request!(Nop, opcode::Nop::new())
    }

    /// An operation that no kernel has: its number is the last one.
    pub fn unknown() -> Request {
        Request::nop().patched(0, &[u8::MAX])
    }

    /// The cancellation of the request with this tag.
    pub fn cancel(target: u64) -> Request {
        request!(AsyncCancel, opcode::AsyncCancel::new(target))
    }

    /// The cancellation of all requests.
    pub fn cancel_everything() -> Request {
        request!(AsyncCancel2, opcode::AsyncCancel2::new(CancelBuilder::any()))
    }

    /// The end of a time, or of `count` requests; 0 is none.
    pub fn timeout(after: Duration, count: u32) -> Request {
        request!(Timeout, opcode::Timeout::new(time(after)).count(count))
    }

    /// So many ends of a time, one after the other.
    pub fn timeout_multishot(period: Duration, times: u32) -> Request {
        let operation =
            opcode::Timeout::new(time(period)).count(times).flags(TimeoutFlags::MULTISHOT);
        request!(Timeout, operation)
    }

    /// The end of a time that stands in the request itself.
    pub fn timeout_immediate(after: Duration) -> Request {
        let nanoseconds = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        request!(Timeout, opcode::Timeout::new(std::ptr::null()))
            .patched(16, &nanoseconds.to_ne_bytes())
            .patched(28, &TIMEOUT_IMMEDIATE_ARG.to_ne_bytes())
    }

    /// The removal of the time-out with this tag.
    pub fn timeout_remove(target: u64) -> Request {
        request!(TimeoutRemove, opcode::TimeoutRemove::new(target))
    }

    /// The time that the request before, which must be linked to it, may take.
    pub fn link_timeout(after: Duration) -> Request {
        request!(LinkTimeout, opcode::LinkTimeout::new(time(after)))
    }

    /// A new TCP socket.
    pub fn socket() -> Request {
        request!(
            Socket,
            opcode::Socket::new(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0)
        )
    }

    /// A new pipe; the numbers of its ends are written to `ends`.
    pub fn pipe(ends: &'static [AtomicI32; 2]) -> Request {
        request!(Pipe, opcode::Pipe::new(ends.as_ptr().cast_mut().cast()))
    }

    /// The end of a child of this process.
    pub fn wait_for_child(child: nix::unistd::Pid) -> Request {
        let id = libc::id_t::from(child.as_raw().unsigned_abs());
        request!(WaitId, opcode::WaitId::new(libc::P_PID, id, libc::WEXITED))
    }

    /// Room for `count` reads of up to `length` bytes, for requests of [`Request::from_group`].
    pub fn provide_buffers(group: u16, count: u16, length: u32) -> Request {
        let data = memory(u32::from(count) * length);
        let start = data.as_ptr().cast_mut().cast();
        let size = i32::try_from(length).unwrap_or(i32::MAX);
        let operation = opcode::ProvideBuffers::new(start, size, count, group, 0);
        Request { data, ..request!(ProvideBuffers, operation) }
    }
}
