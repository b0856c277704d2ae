//! N processes, forked after `listen`, all asleep in one epoll instance that was made before the
//! fork and watches their listener; and then each in its one connection.
//!
//! ```text
//!  master: rt_sigtimedwait (a worker died? a request to stop?)
//!    ├─ fork ─▶ worker 0: epoll_wait ─┐             ┌─ accept ── read ── write ── … ── close ─┐
//!    ├─ fork ─▶ worker 1: epoll_wait ─┼─ one epoll ─┤                                         │
//!    └─ fork ─▶ worker N: epoll_wait ─┘      ▲      └──────── back to the front ◀─────────────┘
//!                                   listener ┘
//! ```
//!
//! What an epoll instance that is inherited over `fork` is: one object, with one list of who waits
//! and one list of what is ready. A report goes to one sleeper, and the most recent one is woken
//! first: the last to have served serves again, and has everything in its caches. But the listener
//! is level-triggered, and as long as its queue was not found empty it stays ready: whoever takes
//! the report wakes the next sleeper to have a look too. So two or three wake for a connection,
//! and most of them find nothing: less than the herd of `prefork_epoll`, more than one.
//!
//! Why the connections are not in there: a registration is of an open file, but what is reported is
//! the number that the registering process chose, and any of the processes may get the report. The
//! number of worker 0's connection means nothing in worker 1, and once forgotten it cannot even be
//! taken out from there. So what is shared can watch only what all have: the listener. A worker
//! that watched an epoll instance of its own beside it would sleep there, and not here. This one
//! serves its connection as `blocking_acceptors` does, to its end.
//!
//! Good at: little to do for many workers, of which the same few serve and the others sleep on. It
//! breaks at N connections, idle or slow: each holds its process to its end. And as nothing in the
//! epoll instance can be meant for one worker alone, the request to stop is a signal.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::SockFlag;

use crate::socket::{Accepted, Listener, REST};
use crate::{Settings, blocking, processes, stop};

/// Makes the epoll instance, forks the workers, and minds them until the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    listener.set_nonblocking()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    processes::supervise(vec![listener], settings.workers, &|listener| {
        work(&epoll, &listener, settings, processes::interrupted_by_stop()?)
    })
}

/// Serves one connection after the other; after a request to stop, those that are in the queue.
fn work(
    epoll: &Epoll,
    listener: &Listener,
    settings: Settings,
    stopping: &AtomicBool,
) -> io::Result<()> {
    loop {
        let stops = stopping.load(Ordering::SeqCst);
        if !stops {
            match epoll.wait(&mut [EpollEvent::empty()], PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                count => count?,
            };
        }
        match listener.accept(SockFlag::empty()) {
            Accepted::Stream(stream) => blocking::serve(stream, settings.limits, stopping),
            // To take the listener out of what all share would make all deaf: so this one stays
            // away for a while.
            Accepted::Exhausted => stop::pause(REST),
            Accepted::Nothing if stops => return Ok(()),
            // Another one was faster.
            Accepted::Nothing => {}
            Accepted::Closed => return Ok(()),
        }
    }
}
