//! An `io_uring` for a server: what is submitted and completed, and the memory that the kernel
//! reads and writes meanwhile.
//!
//! The memory belongs to the ring and not to a connection, so a connection can be dropped at any
//! moment. It is never freed while the kernel may use it, which is longer than the ring's
//! descriptor is open: the buffers for input are leaked, and so is output that is on its way when
//! the ring is dropped.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

/// Requests that are collected before they must be submitted.
const SUBMISSIONS: u32 = 1024;
/// Completions that may pile up.
const COMPLETIONS: u32 = 8192;
/// The buffers that are lent to the kernel, a power of two, and their size.
const BUFFERS: u16 = 256;
const BUFFER: u32 = 8 * 1024;
/// The group of the buffers: the only one.
const GROUP: u16 = 0;

/// What was asked for. With the number of a descriptor it makes the tag of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A connection, again and again.
    Accept,
    /// Input, again and again.
    Receive,
    /// Output.
    Send,
    /// That something becomes readable.
    Poll,
    /// The end of another request.
    Cancel,
    /// To give a descriptor to another ring: completes here only if it failed.
    HandOver,
    /// Nothing: a descriptor was given to this ring.
    Handed,
}

const KINDS: [Kind; 7] = [
    Kind::Accept,
    Kind::Receive,
    Kind::Send,
    Kind::Poll,
    Kind::Cancel,
    Kind::HandOver,
    Kind::Handed,
];

/// What a request came to.
#[derive(Debug)]
pub(crate) struct Completion {
    /// What was asked for.
    pub(crate) kind: Kind,
    /// The descriptor for which it was asked.
    pub(crate) number: RawFd,
    /// What the system call of the same name would return, or minus the errno.
    pub(crate) result: i32,
    /// The request goes on, and will complete again.
    pub(crate) more: bool,
    /// The buffer that holds the input.
    buffer: Option<u16>,
}

/// Output on its way.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    busy: bool,
}

/// See the module.
pub(crate) struct Ring {
    queues: IoUring,
    /// The entries that lend buffers to the kernel, in a ring of their own.
    entries: *mut BufRingEntry,
    buffers: &'static mut [Buffer],
    tail: u16,
    /// By the number of the descriptor: it sends one thing at a time.
    outgoing: Vec<Outgoing>,
}

impl Ring {
    /// A ring for the calling thread. Fails with `Unsupported` where the kernel lacks what it
    /// takes: buffer rings and multishot receive (Linux 6.0), in a kernel that allows `io_uring`.
    pub(crate) fn new() -> io::Result<Ring> {
        let lacks = |what: &'static str| {
            move |error: io::Error| match error.raw_os_error() {
                Some(libc::ENOSYS | libc::EINVAL) => {
                    io::Error::other(format!("{what} is not supported by this kernel"))
                }
                _ => io::Error::new(error.kind(), format!("{what}: {error}")),
            }
        };
        let queues = IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(SUBMISSIONS)
            // Linux 6.1 runs completions when this thread asks for them; before, whenever.
            .or_else(|_| IoUring::builder().setup_cqsize(COMPLETIONS).build(SUBMISSIONS))
            .map_err(lacks("the ring"))?;
        let size = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        let entries = leak(size.div_ceil(BUFFER as usize)).as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the entries are page-aligned, zeroed, and leaked.
        unsafe {
            queues.submitter().register_buf_ring_with_flags(entries as u64, BUFFERS, GROUP, 0)
        }
        .map_err(lacks("a ring of buffers"))?;
        let buffers = leak(usize::from(BUFFERS));
        let mut ring = Ring { queues, entries, buffers, tail: 0, outgoing: Vec::new() };
        for buffer in 0..BUFFERS {
            ring.lend(buffer);
        }
        ring.probe().map_err(lacks("multishot receive"))?;
        Ok(ring)
    }

    /// The descriptor, for other rings to give something to.
    pub(crate) fn number(&self) -> RawFd {
        self.queues.as_raw_fd()
    }

    /// Asks for every connection that comes to `listener`, a blocking socket.
    pub(crate) fn accept(&mut self, listener: impl AsFd) {
        let number = listener.as_fd().as_raw_fd();
        let entry = opcode::AcceptMulti::new(Fd(number)).flags(libc::SOCK_CLOEXEC).build();
        self.push(entry.user_data(tag(Kind::Accept, number)));
    }

    /// Asks for all input from the blocking socket `number`.
    pub(crate) fn receive(&mut self, number: RawFd) {
        let entry = opcode::RecvMulti::new(Fd(number), GROUP).build();
        self.push(entry.user_data(tag(Kind::Receive, number)));
    }

    /// Sends a copy of `output` to the blocking socket `number`, whose last output is gone.
    pub(crate) fn send(&mut self, number: RawFd, output: &[u8]) {
        let index = usize::try_from(number).unwrap_or_default();
        if self.outgoing.len() <= index {
            self.outgoing.resize_with(index + 1, Outgoing::default);
        }
        let outgoing = &mut self.outgoing[index];
        assert!(!outgoing.busy, "one output at a time");
        outgoing.busy = true;
        outgoing.bytes.clear();
        outgoing.bytes.extend_from_slice(output);
        let length = u32::try_from(output.len()).unwrap_or(u32::MAX);
        let entry = opcode::Send::new(Fd(number), outgoing.bytes.as_ptr(), length)
            .flags(libc::MSG_NOSIGNAL)
            .build();
        self.push(entry.user_data(tag(Kind::Send, number)));
    }

    /// Asks to be told once when `fd` is readable.
    pub(crate) fn poll(&mut self, fd: impl AsFd) {
        let number = fd.as_fd().as_raw_fd();
        let readable = u32::try_from(libc::POLLIN).unwrap_or_default();
        let entry = opcode::PollAdd::new(Fd(number), readable).build();
        self.push(entry.user_data(tag(Kind::Poll, number)));
    }

    /// Ends the request of this kind for the descriptor `number`: it completes, with `ECANCELED`
    /// if nothing else.
    pub(crate) fn cancel(&mut self, kind: Kind, number: RawFd) {
        let entry = opcode::AsyncCancel::new(tag(kind, number)).build();
        self.push(entry.user_data(tag(Kind::Cancel, number)));
    }

    /// Gives the descriptor `number` to the ring `other` (`IORING_OP_MSG_RING`).
    pub(crate) fn hand_over(&mut self, number: RawFd, other: RawFd) {
        let handed = tag(Kind::Handed, number);
        let entry = opcode::MsgRingData::new(Fd(other), number, handed, None).build();
        let entry = entry.flags(squeue::Flags::SKIP_SUCCESS);
        self.push(entry.user_data(tag(Kind::HandOver, number)));
    }

    /// Submits what was asked for, and sleeps in `io_uring_enter` until something is complete, or
    /// for as long as `timeout`. Then `completions` holds what is complete.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        completions: &mut Vec<Completion>,
    ) -> io::Result<()> {
        let time = timeout.map(Timespec::from);
        let submitter = self.queues.submitter();
        let result = match &time {
            Some(time) => submitter.submit_with_args(1, &SubmitArgs::new().timespec(time)),
            None => submitter.submit_and_wait(1),
        };
        match result.map_err(|error| (error.raw_os_error(), error)) {
            // EBUSY: completions piled up, and are to be taken first.
            Ok(_) | Err((Some(libc::ETIME | libc::EINTR | libc::EBUSY), _)) => {}
            Err((_, error)) => return Err(error),
        }
        completions.clear();
        for entry in self.queues.completion() {
            let completion = completion(&entry);
            if completion.kind == Kind::Send {
                let index = usize::try_from(completion.number).unwrap_or_default();
                self.outgoing[index].busy = false;
            }
            completions.push(completion);
        }
        Ok(())
    }

    /// Shows the input of a completion to `taker`, and lends its buffer to the kernel again.
    pub(crate) fn take(&mut self, completion: Completion, taker: impl FnOnce(&[u8])) {
        let Some(buffer) = completion.buffer else { return };
        let length = usize::try_from(completion.result).unwrap_or_default();
        taker(&self.buffers[usize::from(buffer)].0[..length]);
        self.lend(buffer);
    }

    /// Forgets the memory of a descriptor that will be closed.
    pub(crate) fn forget(&mut self, number: RawFd) {
        let index = usize::try_from(number).unwrap_or_default();
        if let Some(outgoing) = self.outgoing.get_mut(index).filter(|outgoing| !outgoing.busy) {
            *outgoing = Outgoing::default();
        }
    }

    fn lend(&mut self, buffer: u16) {
        let slot = usize::from(self.tail % BUFFERS);
        let address = self.buffers[usize::from(buffer)].0.as_mut_ptr();
        // SAFETY: the slot is within the entries, and the kernel reads it only when the tail has
        // passed it. The tail lies where the first entry has its spare field.
        unsafe {
            let entry = &mut *self.entries.add(slot);
            entry.set_addr(address as u64);
            entry.set_len(BUFFER);
            entry.set_bid(buffer);
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(self.entries).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: what entries point to is the memory of this ring, which outlives the requests;
        // a descriptor that is closed makes a request fail, no more.
        while unsafe { self.queues.submission().push(&entry) }.is_err() {
            // Full: submitting makes room. If it fails, so will the next wait.
            if self.queues.submit().is_err() {
                return;
            }
        }
    }

    /// Receives a byte the way it will be done: older kernels refuse that with `EINVAL`.
    fn probe(&mut self) -> io::Result<()> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        io::Write::write_all(&mut &theirs, b"?")?;
        drop(theirs);
        self.receive(ours.as_raw_fd());
        let mut completions = Vec::new();
        loop {
            self.wait(None, &mut completions)?;
            for completion in completions.drain(..) {
                let (result, more) = (completion.result, completion.more);
                self.take(completion, |_| {});
                if result < 0 {
                    return Err(io::Error::from_raw_os_error(-result));
                } else if !more {
                    return Ok(());
                }
            }
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.outgoing.iter().any(|outgoing| outgoing.busy) {
            std::mem::forget(std::mem::take(&mut self.outgoing));
        }
    }
}

fn tag(kind: Kind, number: RawFd) -> u64 {
    (kind as u64) << 32 | u64::from(number.unsigned_abs())
}

fn completion(entry: &cqueue::Entry) -> Completion {
    let tag = entry.user_data();
    Completion {
        kind: usize::try_from(tag >> 32)
            .ok()
            .and_then(|kind| KINDS.get(kind).copied())
            .unwrap_or(Kind::Cancel),
        number: i32::try_from(tag & u64::from(u32::MAX)).unwrap_or(-1),
        result: entry.result(),
        more: cqueue::more(entry.flags()),
        buffer: cqueue::buffer_select(entry.flags()),
    }
}

/// A buffer, which begins at a page.
#[derive(Clone)]
#[repr(align(4096))]
struct Buffer([u8; BUFFER as usize]);

/// Zeroed memory that is never freed.
fn leak(count: usize) -> &'static mut [Buffer] {
    vec![Buffer([0; BUFFER as usize]); count].leak()
}
