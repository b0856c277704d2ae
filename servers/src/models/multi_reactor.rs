//! One thread accepts; N threads have an epoll instance each, and the connections in turn.
//!
//! ```text
//!                                       ┌─▶ mailbox 0 ─▶ worker 0: epoll_wait: its connections
//!  clients ──▶ acceptor: epoll_wait ────┼─▶ mailbox 1 ─▶ worker 1: epoll_wait: its connections
//!              accept, hand over        └─▶ mailbox N ─▶ worker N: epoll_wait: its connections
//! ```
//!
//! A connection belongs to one worker for its whole life, so nothing about it needs a lock. The
//! hand-over costs one wakeup, by an eventfd that the worker watches beside its connections. These
//! are edge-triggered: registered once, for everything, and reported when something is new. So a
//! worker reads until the socket is empty, or it would wait for news that it already had.
//!
//! Good at: long-lived connections on many CPUs; the turn is fair whatever the clients' ports are.
//! It breaks where connections differ much: each stays where it was put, though its neighbours are
//! busy. One thread accepts for all, which bounds how fast connections can come.

use std::io;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use crate::Settings;
use crate::mailbox::{self, Mailbox};
use crate::mutants::{Fault, planted};
use crate::reactor::{Events, Reactor, Trigger};
use crate::socket::{Listener, Stream};
use crate::stop::Stop;
use crate::threads::Crew;

/// Starts the workers, and accepts for them on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    let listener = Arc::new(listener);
    listener.set_nonblocking()?;
    let crew = Crew::new();
    let mut workers = Vec::new();
    for number in 0..settings.workers {
        let (sender, mailbox) = mailbox::new()?;
        let reactor = Reactor::new(Trigger::Edge, settings.limits)?;
        workers.push(sender);
        crew.start(&format!("worker {number}"), move |_| work(reactor, &mailbox))?;
    }
    let most = if planted(Fault::FavoursOneWorker) { 1 } else { workers.len() };
    let mut turns = workers.iter().take(most).cycle();
    let mut hand_over = |_: &mut Reactor, stream: Stream| {
        if let Some(worker) = turns.next() {
            worker.send(stream);
        }
    };

    let mut reactor = Reactor::new(Trigger::Level, settings.limits)?;
    reactor.listen(&listener, EpollFlags::EPOLLIN)?;
    reactor.watch(&stop, EpollFlags::EPOLLIN)?;
    let mut events = Events::new();
    while !reactor.is_done() {
        for event in reactor.wait(&mut events)? {
            if event.is(&listener) {
                reactor.accept_with(&mut hand_over);
            } else {
                reactor.stop_with(&stop, &mut hand_over);
            }
        }
        reactor.keep_time()?;
    }
    // The workers learn from their mailboxes that nothing more will come.
    drop(workers);
    crew.finish()
}

/// A worker's loop.
fn work(mut reactor: Reactor, mailbox: &Mailbox<Stream>) -> io::Result<()> {
    reactor.watch(mailbox, EpollFlags::EPOLLIN)?;
    let mut events = Events::new();
    while !reactor.is_done() {
        for event in reactor.wait(&mut events)? {
            if event.is(mailbox) {
                let (streams, more) = mailbox.take();
                for stream in streams {
                    reactor.add(stream);
                }
                if !more {
                    reactor.stop(mailbox);
                }
            } else {
                reactor.serve(event);
            }
        }
        reactor.keep_time()?;
    }
    Ok(())
}
