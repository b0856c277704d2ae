//! One thread, one list of everything: `poll`.
//!
//! ```text
//!                 ┌────────────────────── one thread ──────────────────────┐
//!                 │  list: listener, connection, connection, …             │
//!  clients ──▶ poll ──▶ look through the list ──▶ listener?   accept       │
//!                 │                           └─▶ connection? read, write  │
//!                 └────────────────────────────────────────────────────────┘
//! ```
//!
//! `single_reactor` before there was epoll. The kernel keeps nothing between two calls: each time
//! it gets the whole list, asks every descriptor, and puts the thread into as many wait queues; and
//! the thread looks through the list to find who was meant. `poll` is level-triggered by nature: it
//! tells how things are, not what happened.
//!
//! Good at: a hundred connections, anywhere: it is POSIX, needs no set-up, and forgets nothing
//! because it remembers nothing. It breaks at ten thousand connections, of which each wakeup looks
//! at all, and where a request computes: everybody waits for it.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Settings;
use crate::connection::Reading;
use crate::reactor::MOST_ACCEPTED;
use crate::roster::Roster;
use crate::socket::Listener;
use crate::stop::{self, Stop};

/// Serves on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    run(listener, settings, accept)
}

/// The loop, in which `accept` takes in what waits.
pub(crate) fn run(
    listener: Listener,
    settings: Settings,
    accept: fn(&mut Roster),
) -> io::Result<()> {
    let stop = Stop::new()?;
    let mut requested = Some(&stop);
    let listens = listener.as_fd().as_raw_fd();
    let mut roster = Roster::new(listener, settings.limits, Reading::Once)?;
    while !roster.is_done() {
        for number in ready(&roster, requested, roster.timeout())? {
            if number == listens {
                accept(&mut roster);
            } else if number == stop.as_fd().as_raw_fd() {
                requested = None;
                roster.stop();
                accept(&mut roster);
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
pub(super) fn ready(
    roster: &Roster,
    stop: Option<&Stop>,
    timeout: Option<Duration>,
) -> io::Result<Vec<i32>> {
    let input = stop.map(Stop::as_fd).into_iter().chain(roster.listener().map(Listener::as_fd));
    let mut list: Vec<PollFd> = input.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    for (stream, output) in roster.connections() {
        let awaited = if output { PollFlags::POLLOUT } else { PollFlags::POLLIN };
        list.push(PollFd::new(stream.as_fd(), awaited));
    }
    match poll(&mut list, timeout.map_or(PollTimeout::NONE, stop::round_up)) {
        Err(Errno::EINTR) => return Ok(Vec::new()),
        count => count?,
    };
    // An error or a hang-up is reported unasked: whoever has it finds it in its turn.
    let ready = list.iter().filter(|entry| entry.any() == Some(true));
    Ok(ready.map(|entry| entry.as_fd().as_raw_fd()).collect())
}

/// Accepts what waits, but not so much that the connections starve: the rest is reported again.
fn accept(roster: &mut Roster) {
    for _ in 0..MOST_ACCEPTED {
        if roster.accept().is_none() {
            return;
        }
    }
}
