//! Waiting calls whose arguments were made before: for measuring, where nothing but the call is to
//! count. None of them waits; each returns how many descriptors, or bits, are ready.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nix::errno::Errno;

use super::epoll::Epoll;
use super::poll::{Entry, PollFlags, bitmap, select_bits};

fn count(returned: i32) -> nix::Result<usize> {
    usize::try_from(Errno::result(returned)?).map_err(|_| Errno::ERANGE)
}

/// An array for `poll`. It knows its descriptors by number only.
#[derive(Debug)]
pub struct PollArray(Vec<libc::pollfd>);

impl PollArray {
    /// Asks the same of all of them.
    pub fn new(fds: impl IntoIterator<Item = impl AsFd>, events: PollFlags) -> PollArray {
        let number = |fd: &dyn AsFd| fd.as_fd().as_raw_fd();
        let entry = |fd| libc::pollfd { fd, events: events.bits(), revents: 0 };
        PollArray(fds.into_iter().map(|fd| entry(number(&fd))).collect())
    }

    /// `poll`.
    pub fn now(&mut self) -> nix::Result<usize> {
        let length = libc::nfds_t::try_from(self.0.len()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the array and its length belong together and live across the call.
        count(unsafe { libc::poll(self.0.as_mut_ptr(), length, 0) })
    }
}

/// A set of `select`, of descriptors to be read from, and empty sets beside it.
#[derive(Debug)]
pub struct SelectSets {
    nfds: i32,
    wanted: Vec<u64>,
    read: Vec<u64>,
    write: Vec<u64>,
    except: Vec<u64>,
}

impl SelectSets {
    /// The bits of these numbers, which are below `nfds`.
    pub fn new(nfds: i32, numbers: impl IntoIterator<Item = i32>) -> SelectSets {
        let words = usize::try_from(nfds).unwrap_or(0).div_ceil(64);
        let (wanted, empty) = (bitmap(words, numbers), bitmap(words, []));
        SelectSets { nfds, wanted, read: empty.clone(), write: empty.clone(), except: empty }
    }

    /// The sets are made anew, as every program must, and then `select`.
    pub fn now(&mut self) -> nix::Result<usize> {
        self.read.copy_from_slice(&self.wanted);
        self.write.fill(0);
        self.except.fill(0);
        let time = Some(Duration::ZERO);
        let (returned, _) =
            select_bits(self.nfds, &mut self.read, &mut self.write, &mut self.except, time);
        count(returned?)
    }
}

/// A buffer for `epoll_wait`.
#[derive(Debug)]
pub struct EventBuffer(Vec<libc::epoll_event>);

impl EventBuffer {
    /// With room for so many events.
    pub fn new(room: usize) -> EventBuffer {
        EventBuffer(vec![libc::epoll_event { events: 0, u64: 0 }; room])
    }

    /// `epoll_wait`.
    pub fn now(&mut self, epoll: &Epoll) -> nix::Result<usize> {
        let room = i32::try_from(self.0.len()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the buffer has this room and lives across the call.
        count(unsafe { libc::epoll_wait(epoll.as_fd().as_raw_fd(), self.0.as_mut_ptr(), room, 0) })
    }
}

/// An entry of `poll` as one number, so that another thread can see and change all of it at once.
pub fn pack(entry: Entry) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&entry.fd.to_ne_bytes());
    bytes[4..6].copy_from_slice(&entry.events.bits().to_ne_bytes());
    bytes[6..].copy_from_slice(&entry.revents.bits().to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

/// The entry that a number stands for.
pub fn unpack(entry: u64) -> Entry {
    let bytes = entry.to_ne_bytes();
    let flags =
        |at: usize| PollFlags::from_bits_retain(i16::from_ne_bytes([bytes[at], bytes[at + 1]]));
    let fd = i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Entry { fd, events: flags(4), revents: flags(6) }
}

/// Waits in `poll` on entries that other threads may change meanwhile: see [`pack`].
pub fn poll_shared(entries: &[AtomicU64]) -> nix::Result<usize> {
    const { assert!(size_of::<libc::pollfd>() == 8 && align_of::<libc::pollfd>() <= 8) };
    let length = libc::nfds_t::try_from(entries.len()).map_err(|_| Errno::EINVAL)?;
    let array = entries.as_ptr().cast_mut().cast::<libc::pollfd>();
    // SAFETY: a pollfd is eight bytes of integers. The kernel reads and writes memory that is only
    // ever used as atomics, and lives across the call.
    count(unsafe { libc::poll(array, length, -1) })
}
