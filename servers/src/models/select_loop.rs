//! One thread, two sets of everything: `select`.
//!
//! ```text
//!                   ┌────────────────────── one thread ──────────────────────┐
//!                   │  to read:  1 1 0 1 0 0 1 …  1024 bits: a bit a number  │
//!                   │  to write: 0 0 0 0 1 0 0 …                             │
//!  clients ──▶ select ──▶ look through the bits ──▶ listener?   accept       │
//!                   │                           └─▶ connection? read, write  │
//!                   └────────────────────────────────────────────────────────┘
//! ```
//!
//! The oldest way to wait for many (4.2BSD, 1983). A set is an array of bits, by the number of the
//! descriptor; the call overwrites it with what is ready, so it is made anew each time. As with
//! `poll_loop` the kernel keeps nothing between two calls, asks every descriptor, and leaves it to
//! the thread to look through all bits.
//!
//! The array has `FD_SETSIZE` bits, 1024, whatever the limit for descriptors is. A larger number
//! would be written behind its end, into whatever lies there: the classic overflow. So this server
//! accepts only while a number below is free, and leaves the others in the accept queue.
//!
//! Good at: a few connections, on anything that has sockets. It breaks at the 1025th descriptor,
//! and where a request computes: everybody waits for it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::Settings;
use crate::connection::Reading;
use crate::reactor::MOST_ACCEPTED;
use crate::roster::Roster;
use crate::socket::Listener;
use crate::stop::Stop;

/// Serves on the calling thread. Fails if the listener itself has too large a number.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    if !fits(&listener) || !fits(&stop) {
        let text = format!("the listener's descriptor is not below {FD_SETSIZE} (FD_SETSIZE)");
        return Err(io::Error::other(text));
    }
    let mut requested = Some(&stop);
    let listens = listener.as_fd().as_raw_fd();
    let mut roster = Roster::new(listener, settings.limits, Reading::Once)?;
    while !roster.is_done() {
        for number in ready(&roster, requested, roster.timeout())? {
            if number == listens {
                accept(&mut roster, &stop);
            } else if number == stop.as_fd().as_raw_fd() {
                requested = None;
                roster.stop();
                accept(&mut roster, &stop);
            } else {
                roster.serve(number);
            }
        }
        roster.keep_time();
    }
    Ok(())
}

/// The numbers of what is ready, of the listener, the connections and `stop`. It sleeps until there
/// are some, for `timeout` at most.
fn ready(roster: &Roster, stop: Option<&Stop>, timeout: Option<Duration>) -> io::Result<Vec<i32>> {
    let (mut read, mut write) = (FdSet::new(), FdSet::new());
    let input = stop.map(Stop::as_fd).into_iter().chain(roster.listener().map(Listener::as_fd));
    input.for_each(|fd| read.insert(fd));
    for (stream, output) in roster.connections() {
        let set = if output { &mut write } else { &mut read };
        set.insert(stream.as_fd());
    }
    let mut time = timeout.map(|time| {
        let micros = i64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX);
        TimeVal::microseconds(micros)
    });
    match select(None, &mut read, &mut write, None, &mut time) {
        Err(Errno::EINTR) => return Ok(Vec::new()),
        count => count?,
    };
    let ready = read.fds(None).chain(write.fds(None));
    Ok(ready.map(|fd| fd.as_raw_fd()).collect())
}

/// Accepts what waits, as long as it gets a number that fits into a set, but not so much that the
/// connections starve: the rest is reported again.
fn accept(roster: &mut Roster, stop: &Stop) {
    for _ in 0..MOST_ACCEPTED {
        // A new descriptor gets the lowest free number, and so does a copy. Where there is none
        // at all, accept will say so.
        if stop.as_fd().try_clone_to_owned().is_ok_and(|copy| !fits(copy)) {
            return roster.rest();
        }
        if roster.accept().is_none() {
            return;
        }
    }
}

/// Whether a set has a bit for this number.
fn fits(fd: impl AsFd) -> bool {
    usize::try_from(fd.as_fd().as_raw_fd()).is_ok_and(|number| number < FD_SETSIZE)
}
