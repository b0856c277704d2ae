//! epoll: one call that waits for many descriptors. The kernel remembers what a program is
//! interested in, and a descriptor that becomes ready puts itself on a list that `epoll_wait`
//! takes from. When it does so, and how often it is reported, is a matter of the trigger mode.

mod control;
mod create;
mod edge;
mod exclusive;
mod folklore;
mod interest;
mod kinds;
mod level;
mod lifetime;
mod masks;
mod nesting;
mod oneshot;
mod params;
mod sharing;
mod wait;
mod wakeup;

use harness::prelude::*;
use nix::sys::eventfd::{EfdFlags, EventFd};

/// A counter that is readable while it is not zero, to make a descriptor ready at will.
fn counter() -> nix::Result<EventFd> {
    EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
}

/// A line of the table of an epoll instance, as /proc shows it (proc_pid_fdinfo(5)).
#[derive(Debug, PartialEq, Eq)]
struct Registration {
    /// The number with which the descriptor was added.
    fd: i32,
    /// What is asked, with what the kernel adds.
    events: EpollFlags,
    /// What is handed back with a report.
    data: u64,
    /// The inode of the file; since Linux 4.13.
    inode: Option<u64>,
}

impl Registration {
    /// Reads `tfd: 5 events: 19 data: 5 pos:0 ino:2a sdev:d`.
    fn read(line: &str) -> Option<Registration> {
        let mut fields = line.strip_prefix("tfd:")?.split_whitespace();
        let fd = fields.next()?.parse().ok()?;
        let events = u32::from_str_radix(fields.nth(1)?, 16).ok()?;
        let data = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
        let inode =
            fields.find_map(|field| u64::from_str_radix(field.strip_prefix("ino:")?, 16).ok());
        Some(Registration {
            fd,
            events: EpollFlags::from_bits_retain(events.cast_signed()),
            data,
            inode,
        })
    }

    /// The lines of the table that `fdinfo`, a file of /proc, shows.
    fn all(fdinfo: &str) -> Result<Vec<Registration>> {
        let text = std::fs::read_to_string(fdinfo)
            .map_err(|error| Stop::Unobservable(format!("fdinfo cannot be read: {error}")))?;
        Ok(text.lines().filter_map(Registration::read).collect())
    }
}

/// The table of an epoll instance. Ends the trial as `unobservable` where /proc does not show that
/// of an instance made for the purpose.
fn table(epoll: impl AsFd) -> Result<Vec<Registration>> {
    let read = |fd: i32| Registration::all(&format!("/proc/self/fdinfo/{fd}"));
    let counter = counter()?;
    let control = Epoll::watching(&counter, EPOLLIN)?;
    if read(control.as_fd().as_raw_fd())?.len() == 1 {
        read(epoll.as_fd().as_raw_fd())
    } else {
        Err(Stop::Unobservable("fdinfo does not show the table".to_owned()))
    }
}

/// The numbers with which the descriptors in a table were added.
fn registered(epoll: impl AsFd) -> Result<Vec<i32>> {
    Ok(table(epoll)?.iter().map(|registration| registration.fd).collect())
}
