//! One thread waits for everybody; a pool of N threads does what is to be done.
//!
//! ```text
//!                                            ┌─▶ worker 0: read, process, write ─┐
//!  clients ──▶ reactor: epoll_wait ─▶ queue ─┼─▶ worker 1: read, process, write ─┤
//!              ▲        accept               └─▶ worker N: read, process, write ─┤
//!              └────────────── armed again for what is awaited (EPOLLONESHOT) ───┘
//! ```
//!
//! What is queued is an event: this connection can be read, or written. A worker does as much as
//! goes without waiting and arms the connection again, for input or for room. `EPOLLONESHOT` keeps
//! it silent in between: with an ordinary registration, level or edge, a second report would put a
//! second worker into the same connection. The queue is bounded: when it is full, the reactor
//! waits for a worker.
//!
//! Good at: uneven requests, since any free worker takes the next event and no connection is bound
//! to a thread. It breaks at many cheap requests: one thread harvests for all, and every event
//! costs a hand-over, a lock and a system call to arm again.

use std::io;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use crate::Settings;
use crate::connection::{Connection, Reading, Turn};
use crate::pool::{Pool, Shared};
use crate::queue::Queue;
use crate::reactor::{Events, Reactor, Trigger};
use crate::socket::{Listener, Stream};
use crate::stop::Stop;
use crate::threads::Crew;

/// The events that wait for a worker.
const QUEUE: usize = 1024;

/// Serves with workers that do what goes without waiting.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    run(listener, settings, |connection| connection.turn(Reading::Once))
}

/// Starts the workers, which serve a connection that was reported by `work`, and is the reactor on
/// the calling thread.
pub(super) fn run(
    listener: Listener,
    settings: Settings,
    work: fn(&mut Connection) -> Turn,
) -> io::Result<()> {
    let stop = Stop::new()?;
    let listener = Arc::new(listener);
    listener.set_nonblocking()?;
    let mut reactor = Reactor::new(Trigger::Level, settings.limits)?;
    reactor.listen(&listener, EpollFlags::EPOLLIN)?;
    reactor.watch(&stop, EpollFlags::EPOLLIN)?;
    let pool = Pool::new(reactor.epoll(), settings.limits);
    let queue = Arc::new(Queue::<Shared>::new(QUEUE));
    let crew = Crew::new();
    for number in 0..settings.workers {
        let (pool, queue) = (pool.clone(), queue.clone());
        crew.start(&format!("worker {number}"), move |_| {
            while let Some(connection) = queue.pop() {
                pool.serve(&connection, work);
            }
            Ok(())
        })?;
    }

    let mut take_in = |_: &mut Reactor, stream: Stream| pool.add(stream);
    let mut events = Events::new();
    while !reactor.is_done() || !pool.is_done() {
        reactor.wake_by(pool.keep_time());
        for event in reactor.wait(&mut events)? {
            if event.is(&listener) {
                reactor.accept_with(&mut take_in);
            } else if event.is(&stop) {
                reactor.stop_with(&stop, &mut take_in);
                pool.stop().into_iter().for_each(|connection| queue.push(connection));
            } else if let Some(connection) = pool.find(event) {
                queue.push(connection);
            }
        }
        reactor.keep_time()?;
    }
    queue.close();
    crew.finish()
}
