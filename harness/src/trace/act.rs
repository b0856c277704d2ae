//! A system call, seen and changed from outside: what a mutant is given.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

use crate::sys::trace::Registers;

/// What a mutant remembers from one call to the next, by keys of its own.
pub type Memory = BTreeMap<(u64, u64), u64>;

/// A system call of a traced thread, stopped before it begins or after it has ended.
///
/// Addresses are those of the thread. What is written to its memory before the call is as it was
/// again after it.
#[derive(Debug)]
pub struct Act<'a> {
    pub(super) thread: Pid,
    pub(super) registers: Registers,
    /// The call and its arguments as the thread made it.
    pub(super) made: (i64, [u64; 6]),
    pub(super) ended: bool,
    /// Nothing is to be changed: it only matters whether something would be.
    pub(super) dry: bool,
    pub(super) touched: bool,
    /// What stood where something was written.
    pub(super) undo: Vec<(u64, Vec<u8>)>,
    pub(super) then: Then,
    /// A note that the mutant makes before the call, for itself after it.
    pub note: u64,
    /// What the mutant remembers.
    pub memory: &'a mut Memory,
}

/// What the thread does beside its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Then {
    #[default]
    Nothing,
    /// Another call in front of it.
    Before,
    /// Another call behind it.
    After(i64, [u64; 6]),
}

/// What a descriptor is, as the links of `/proc/PID/fd` show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A socket of any family.
    Socket,
    /// A pipe or a FIFO without a name.
    Pipe,
    /// `[eventpoll]`.
    Epoll,
    /// `[eventfd]`.
    Eventfd,
    /// `[timerfd]`.
    Timerfd,
    /// `[signalfd]`.
    Signalfd,
    /// `[pidfd]`.
    Pidfd,
    /// `[io_uring]`.
    Uring,
    /// Something with a path, or not open.
    Other,
}

impl Act<'_> {
    /// The number of the call, as the thread made it (`libc::SYS_…`).
    pub fn number(&self) -> i64 {
        self.made.0
    }

    /// The number of the thread that makes it, in its pid namespace.
    pub fn thread_id(&self) -> u64 {
        self.thread.as_raw().unsigned_abs().into()
    }

    /// An argument, as the thread gave it.
    pub fn argument(&self, place: usize) -> u64 {
        self.made.1.get(place).copied().unwrap_or(0)
    }

    /// An argument that is an `int`.
    pub fn int(&self, place: usize) -> i32 {
        int(self.argument(place))
    }

    /// Changes an argument, before the call.
    pub fn set_argument(&mut self, place: usize, value: u64) {
        self.touched = true;
        if !self.dry {
            self.registers.set_argument(place, value);
        }
    }

    /// What the call returned; an error as the negative of its number.
    pub fn result(&self) -> i64 {
        self.registers.result()
    }

    /// Whether the call has failed with this error.
    pub fn failed_with(&self, error: Errno) -> bool {
        self.ended && self.result() == -i64::from(error as i32)
    }

    /// Whether the call has succeeded.
    pub fn succeeded(&self) -> bool {
        self.ended && self.result() >= 0
    }

    /// Before the call: it is not made, and returns this. After it: it returns this.
    pub fn answer(&mut self, result: i64) {
        self.touched = true;
        if self.dry {
            return;
        }
        if !self.ended {
            self.registers.set_number(-1);
        }
        self.registers.set_result(result);
    }

    /// The same with an error.
    pub fn refuse(&mut self, error: Errno) {
        self.answer(-i64::from(error as i32));
    }

    /// After the call: if it has failed with the first of these errors, it fails with the second.
    pub fn confuse(&mut self, error: Errno, with: Errno) {
        if self.failed_with(error) {
            self.refuse(with);
        }
    }

    /// After the call: if it has failed with this error, it returns 0.
    pub fn forgive(&mut self, error: Errno) {
        if self.failed_with(error) {
            self.answer(0);
        }
    }

    /// Makes it another call with other arguments.
    pub fn replace(&mut self, number: i64, arguments: [u64; 6]) {
        self.touched = true;
        if self.dry {
            return;
        }
        self.registers.set_number(number);
        for (place, value) in arguments.into_iter().enumerate() {
            self.registers.set_argument(place, value);
        }
    }

    /// Before the call: makes this one first, whatever comes of it.
    pub fn first(&mut self, number: i64, arguments: [u64; 6]) {
        self.replace(number, arguments);
        self.then = Then::Before;
    }

    /// After the call: makes this one too, whatever comes of it.
    pub fn also(&mut self, number: i64, arguments: [u64; 6]) {
        self.touched = true;
        self.then = Then::After(number, arguments);
    }

    /// Wakes another thread of the trial out of its call, which it then makes again, as if nothing had
    /// been.
    pub fn disturb(&mut self, thread: u64) {
        self.touched = true;
        if let (false, Ok(thread)) = (self.dry, i32::try_from(thread)) {
            // It may have ended.
            let _ = nix::sys::ptrace::interrupt(Pid::from_raw(thread));
        }
    }

    /// An address of memory that the thread does not use.
    pub fn scratch(&self) -> u64 {
        self.registers.scratch()
    }

    /// Reads memory of the thread; nothing if it is not all there.
    pub fn bytes(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        read(self.thread, address, length)
    }

    /// Writes memory of the thread, if it is there.
    pub fn put(&mut self, address: u64, bytes: &[u8]) {
        let Some(old) = self.bytes(address, bytes.len()) else { return };
        if old == bytes {
            return;
        }
        self.touched = true;
        if !self.dry {
            write(self.thread, address, bytes);
            self.undo.push((address, old));
        }
    }

    /// A number of 16 bits in the thread's memory.
    pub fn u16(&self, address: u64) -> Option<u16> {
        Some(u16::from_ne_bytes(self.bytes(address, 2)?.try_into().ok()?))
    }

    /// A number of 32 bits in the thread's memory.
    pub fn u32(&self, address: u64) -> Option<u32> {
        Some(u32::from_ne_bytes(self.bytes(address, 4)?.try_into().ok()?))
    }

    /// A number of 64 bits in the thread's memory.
    pub fn u64(&self, address: u64) -> Option<u64> {
        Some(u64::from_ne_bytes(self.bytes(address, 8)?.try_into().ok()?))
    }

    /// Whether this number of its is open on a pipe, with a name or without.
    pub fn is_fifo(&self, descriptor: i32) -> bool {
        use std::os::unix::fs::FileTypeExt as _;
        let file = std::fs::metadata(format!("/proc/{}/fd/{descriptor}", self.thread));
        file.is_ok_and(|file| file.file_type().is_fifo())
    }

    /// What this number of its is open on.
    pub fn kind(&self, descriptor: i32) -> Kind {
        match &*self.path(descriptor) {
            "anon_inode:[eventpoll]" => Kind::Epoll,
            "anon_inode:[eventfd]" => Kind::Eventfd,
            "anon_inode:[timerfd]" => Kind::Timerfd,
            "anon_inode:[signalfd]" => Kind::Signalfd,
            "anon_inode:[pidfd]" => Kind::Pidfd,
            "anon_inode:[io_uring]" => Kind::Uring,
            link if link.starts_with("socket:") => Kind::Socket,
            link if link.starts_with("pipe:") => Kind::Pipe,
            _ => Kind::Other,
        }
    }

    /// The path that this number of its is open on, or what `/proc/PID/fd` shows instead; empty if
    /// it is not open.
    pub fn path(&self, descriptor: i32) -> String {
        let link = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", self.thread));
        link.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The flags of this open file description (`O_NONBLOCK` and the like), from
    /// `/proc/PID/fdinfo/N`; 0 if it is not open.
    pub fn file_flags(&self, descriptor: i32) -> i32 {
        let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/{descriptor}", self.thread));
        let info = info.unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0)
    }

    /// How often this was asked for this key, this time included.
    pub fn count(&mut self, key: u64) -> u64 {
        let count = self.memory.entry((u64::MAX, key)).or_insert(0);
        *count += 1;
        *count
    }
}

/// A register that holds an `int`: of its upper half nothing is said.
pub(super) fn int(register: u64) -> i32 {
    let [a, b, c, d, ..] = register.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Reads memory of a stopped thread; nothing if it is not all there.
pub(super) fn read(thread: Pid, address: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let base = usize::try_from(address).ok().filter(|base| *base != 0)?;
    let remote = [RemoteIoVec { base, len: length }];
    let read = process_vm_readv(thread, &mut [IoSliceMut::new(&mut bytes)], &remote);
    (read == Ok(length)).then_some(bytes)
}

/// Writes memory of a stopped thread, as far as it may.
pub(super) fn write(thread: Pid, address: u64, bytes: &[u8]) {
    let Ok(base) = usize::try_from(address) else { return };
    let remote = [RemoteIoVec { base, len: bytes.len() }];
    let _ = process_vm_writev(thread, &[IoSlice::new(bytes)], &remote);
}
