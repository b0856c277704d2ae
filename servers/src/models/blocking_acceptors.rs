//! N threads, each asleep in `accept` on the same listener, and then in its one connection.
//!
//! ```text
//!               ┌── worker 0: accept ── read ── process ── write ── read ── … ── close ──┐
//!  clients ──▶ queue                                                                     │
//!               ├── worker 1: accept …   (asleep, next in turn)                          │
//!               └── worker N: accept …                         back to the end ◀─────────┘
//! ```
//!
//! The kernel keeps the sleepers of `accept` in a queue and wakes exactly one for a connection,
//! the one that has waited longest: no herd, and connections go round in turn.
//!
//! Good at: code that reads from top to bottom, a slow request that delays nobody else, the least
//! latency there is. It breaks at N connections: each holds its thread to its end, idle or not,
//! and the next one waits in the accept queue, connected, without an answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::socket::SockFlag;

use crate::socket::{Accepted, Listener};
use crate::stop::Stop;
use crate::threads::Crew;
use crate::{Settings, blocking};

/// How long a worker waits when descriptors have run out.
const REST: Duration = Duration::from_millis(100);

/// Starts the workers, and waits for the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Arc::new(Stop::new()?);
    listener.set_blocking()?;
    let listener = Arc::new(listener);
    let crew = Crew::new();
    for number in 0..settings.workers {
        let (listener, stop) = (listener.clone(), stop.clone());
        crew.start(&format!("worker {number}"), move |crew| {
            work(&listener, settings, crew, &stop);
            Ok(())
        })?;
    }
    stop.wait(None)?;
    // Who is asleep in accept is woken by the signal, who is just about to sleep sees EAGAIN.
    listener.set_nonblocking()?;
    crew.interrupt_and_finish()
}

/// Serves one connection after the other; after a request to stop, those that are in the queue.
fn work(listener: &Listener, settings: Settings, crew: &Crew, stop: &Stop) {
    loop {
        let stopping = crew.stopping().load(Ordering::SeqCst);
        match listener.accept(SockFlag::empty()) {
            Accepted::Stream(stream) => {
                blocking::serve(stream, settings.limits, crew.stopping());
            }
            // Looked at before the queue was found empty: the signal may have come in between.
            Accepted::Nothing | Accepted::Exhausted if stopping => return listener.shut_down(),
            Accepted::Exhausted => {
                let _ = stop.wait(Some(REST));
            }
            Accepted::Nothing => {}
            Accepted::Closed => return,
        }
    }
}
