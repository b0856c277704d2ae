//! poll and select, with what they write back.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
pub use nix::poll::PollFlags;

macro_rules! flags {
    ($($name:ident),+) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of `poll(2)`.")]
            pub const $name: PollFlags = PollFlags::$name;
        )+
    };
}
flags!(POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLNVAL);

/// `POLLRDHUP` of `poll(2)`, which nix leaves out.
pub const POLLRDHUP: PollFlags = PollFlags::from_bits_retain(libc::POLLRDHUP);

/// What `poll` writes back for one descriptor at this moment.
pub fn poll_now(fd: impl AsFd, events: PollFlags) -> nix::Result<PollFlags> {
    poll_for(fd, events, Duration::ZERO)
}

/// The same, after waiting up to `limit`.
pub fn poll_for(fd: impl AsFd, events: PollFlags, limit: Duration) -> nix::Result<PollFlags> {
    let mut raw = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events: events.bits(), revents: 0 };
    let timeout = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one pollfd, alive across the call.
    Errno::result(unsafe { libc::poll(&raw mut raw, 1, timeout) })?;
    Ok(PollFlags::from_bits_retain(raw.revents))
}

/// Waits in `poll` until something of `events` (or an error) is there.
pub fn poll_wait(fd: impl AsFd, events: PollFlags) -> nix::Result<PollFlags> {
    let mut raw = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events: events.bits(), revents: 0 };
    // SAFETY: one pollfd, alive across the call.
    Errno::result(unsafe { libc::poll(&raw mut raw, 1, -1) })?;
    Ok(PollFlags::from_bits_retain(raw.revents))
}

/// An entry of the array of `poll`: what is asked of which number, and what was written back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The descriptor's number, open or not, negative or not.
    pub fd: i32,
    /// What is asked.
    pub events: PollFlags,
    /// What is written back.
    pub revents: PollFlags,
}

impl Entry {
    /// An entry whose `revents` is full of bits, so that one sees whether the kernel writes it.
    pub fn new(fd: i32, events: PollFlags) -> Entry {
        Entry { fd, events, revents: PollFlags::from_bits_retain(0x7fff) }
    }
}

/// `poll` on a whole array, which is overwritten as the kernel does it; returns its count. The
/// timeout is in milliseconds, -1 for ever.
pub fn poll_entries(entries: &mut [Entry], timeout: i32) -> nix::Result<i32> {
    let raw = |entry: &Entry| libc::pollfd {
        fd: entry.fd,
        events: entry.events.bits(),
        revents: entry.revents.bits(),
    };
    let mut array: Vec<libc::pollfd> = entries.iter().map(raw).collect();
    let length = libc::nfds_t::try_from(array.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the array and its length belong together and live across the call.
    let returned = Errno::result(unsafe { libc::poll(array.as_mut_ptr(), length, timeout) });
    for (entry, raw) in entries.iter_mut().zip(array) {
        let flags = PollFlags::from_bits_retain;
        *entry = Entry { fd: raw.fd, events: flags(raw.events), revents: flags(raw.revents) };
    }
    returned
}

/// `clock_nanosleep` by the monotonic clock, for cases about what interrupts it.
pub fn nanosleep(length: Duration) -> nix::Result<()> {
    let time = nix::sys::time::TimeSpec::from_duration(length);
    let nowhere = std::ptr::null_mut::<libc::timespec>();
    // SAFETY: the timespec lives across the call, and what is left is not asked for.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_clock_nanosleep,
            libc::CLOCK_MONOTONIC,
            0,
            std::ptr::from_ref(time.as_ref()),
            nowhere,
        )
    };
    Errno::result(returned).map(drop)
}

/// The three sets of `select`, by descriptor number. Holds numbers up to 1023 or beyond: the
/// kernel's limit is not that of the C library's `fd_set`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sets {
    /// Watched for reading; then, ready for reading.
    pub read: Vec<i32>,
    /// For writing.
    pub write: Vec<i32>,
    /// For exceptional conditions.
    pub except: Vec<i32>,
}

/// What a call of `select` returned and wrote back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// What it returned, or why it failed.
    pub returned: nix::Result<i32>,
    /// The sets as it left them.
    pub sets: Sets,
    /// The timeout as it left it; `None` if there was none.
    pub left: Option<Duration>,
}

/// The bits of these numbers, in so many words; negative ones have none.
pub(super) fn bitmap(words: usize, numbers: impl IntoIterator<Item = i32>) -> Vec<u64> {
    let mut bits = vec![0; words];
    for number in numbers.into_iter().filter_map(|number| usize::try_from(number).ok()) {
        bits[number / 64] |= 1 << (number % 64);
    }
    bits
}

/// The raw `select` system call (`pselect6` where there is none) with bitmaps for `nfds` numbers.
pub fn select(nfds: i32, sets: &Sets, timeout: Option<Duration>) -> Selected {
    let words = usize::try_from(nfds).unwrap_or(0).max(1024).div_ceil(64);
    let [mut read, mut write, mut except] =
        [&sets.read, &sets.write, &sets.except].map(|set| bitmap(words, set.iter().copied()));
    let (returned, left) = select_bits(nfds, &mut read, &mut write, &mut except, timeout);
    let unpack = |bits: &[u64]| {
        let numbers =
            (0..bits.len() * 64).filter(|number| bits[number / 64] >> (number % 64) & 1 == 1);
        numbers.filter_map(|number| i32::try_from(number).ok()).collect()
    };
    Selected {
        returned,
        sets: Sets { read: unpack(&read), write: unpack(&write), except: unpack(&except) },
        left,
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) fn select_bits(
    nfds: i32,
    read: &mut [u64],
    write: &mut [u64],
    except: &mut [u64],
    timeout: Option<Duration>,
) -> (nix::Result<i32>, Option<Duration>) {
    let mut time = timeout.map(|timeout| libc::timeval {
        tv_sec: timeout.as_secs().cast_signed(),
        tv_usec: timeout.subsec_micros().into(),
    });
    let time_pointer = time.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: the bitmaps hold at least nfds bits each, and the timeval lives across the call.
    let returned = Errno::result(unsafe {
        libc::syscall(
            super::abi::SYS_select,
            nfds,
            read.as_mut_ptr(),
            write.as_mut_ptr(),
            except.as_mut_ptr(),
            time_pointer,
        )
    });
    let left = time.map(|left| {
        Duration::from_secs(left.tv_sec.unsigned_abs())
            + Duration::from_micros(left.tv_usec.unsigned_abs())
    });
    (returned.map(|count| i32::try_from(count).unwrap_or(i32::MAX)), left)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn select_bits(
    nfds: i32,
    read: &mut [u64],
    write: &mut [u64],
    except: &mut [u64],
    timeout: Option<Duration>,
) -> (nix::Result<i32>, Option<Duration>) {
    let mut time = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().cast_signed(),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let time_pointer = time.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: the bitmaps hold at least nfds bits each, the timespec lives across the call, and
    // there is no signal mask.
    let returned = Errno::result(unsafe {
        libc::syscall(
            libc::SYS_pselect6,
            nfds,
            read.as_mut_ptr(),
            write.as_mut_ptr(),
            except.as_mut_ptr(),
            time_pointer,
            0,
        )
    });
    let left = time.map(|left| {
        Duration::from_secs(left.tv_sec.unsigned_abs())
            + Duration::from_nanos(left.tv_nsec.unsigned_abs())
    });
    (returned.map(|count| i32::try_from(count).unwrap_or(i32::MAX)), left)
}
