//! One thread does all input and output and never waits for a request; N threads process requests
//! and know no socket.
//!
//! ```text
//!              ┌── the async half ──┐   requests (a queue)   ┌── the sync half ──┐
//!  clients ◀──▶│ epoll_wait:        │ ─────────────────────▶ │ worker 0: process │
//!              │ accept, read,      │                        │ worker 1: process │
//!              │ parse, write       │ ◀───────────────────── │ worker N: process │
//!              └────────────────────┘  responses (a mailbox) └───────────────────┘
//! ```
//!
//! What crosses the line is a whole request in one direction and its response in the other. The
//! workers compete for the queue (they sleep in `futex`), and ring an eventfd when a response is
//! ready. The queue is bounded: when it is full, the async half waits for a worker, and reads
//! nothing meanwhile, so that the clients wait and not the memory grows.
//!
//! Good at: slow processing behind many connections; the protocol is in one thread, the work on all
//! CPUs. It breaks at many cheap requests: each one switches threads twice for a computation that
//! costs less than a switch.

use std::io;
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;

use crate::Settings;
use crate::http::{Request, Response};
use crate::mailbox::{self, Sender};
use crate::queue::Queue;
use crate::reactor::{Events, Reactor, Ticket, Trigger};
use crate::socket::Listener;
use crate::stop::Stop;
use crate::threads::Crew;

/// The requests that wait for a worker.
const QUEUE: usize = 1024;

/// Starts the workers, and is the async half on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    let listener = Arc::new(listener);
    listener.set_nonblocking()?;
    let crew = Crew::new();
    let requests = Arc::new(Queue::new(QUEUE));
    let (sender, responses) = mailbox::new()?;
    for number in 0..settings.workers {
        let (requests, sender) = (requests.clone(), sender.clone());
        crew.start(&format!("worker {number}"), move |_| {
            work(&requests, &sender);
            Ok(())
        })?;
    }

    // Edges, because a peer that goes away while its request is processed would be reported over
    // and over by a level.
    let mut reactor = Reactor::new(Trigger::Edge, settings.limits)?;
    reactor.listen(&listener, EpollFlags::EPOLLIN)?;
    reactor.watch(&stop, EpollFlags::EPOLLIN)?;
    reactor.watch(&responses, EpollFlags::EPOLLIN)?;
    let queue = requests.clone();
    reactor.process_elsewhere(Box::new(move |ticket, request| queue.push((ticket, request))));
    let mut events = Events::new();
    while !reactor.is_done() {
        for event in reactor.wait(&mut events)? {
            if event.is(&listener) {
                reactor.accept();
            } else if event.is(&stop) {
                reactor.stop(&stop);
            } else if event.is(&responses) {
                for (ticket, response) in responses.take().0 {
                    reactor.respond(ticket, response);
                }
            } else {
                reactor.serve(event);
            }
        }
        reactor.keep_time()?;
    }
    requests.close();
    crew.finish()
}

/// A worker: from requests to responses.
fn work(requests: &Queue<(Ticket, Request)>, responses: &Sender<(Ticket, Response)>) {
    while let Some((ticket, request)) = requests.pop() {
        responses.send((ticket, request.process()));
    }
}
