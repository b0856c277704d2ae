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
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::socket::SockFlag;

use crate::socket::{Accepted, Listener, REST};
use crate::stop::{self, Stop};
use crate::threads::Crew;
use crate::{Settings, blocking};

/// Starts the workers, and waits for the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    listener.set_blocking()?;
    let listener = Arc::new(listener);
    let crew = Crew::new();
    for number in 0..settings.workers {
        let listener = listener.clone();
        crew.start(&format!("worker {number}"), move |crew| {
            run(&listener, settings, crew.stopping());
            Ok(())
        })?;
    }
    stop.wait(None)?;
    // Who is asleep in accept is woken by the signal, who is just about to sleep sees EAGAIN.
    listener.set_nonblocking()?;
    crew.interrupt_and_finish()
}

/// The loop of a worker: serves one connection after the other. Once `stopping` is set, and a
/// signal has ended the sleep, it serves those that are in the queue, and returns.
pub(super) fn run(listener: &Listener, settings: Settings, stopping: &AtomicBool) {
    loop {
        // Looked at before the queue is: the signal may come in between.
        if stopping.load(Ordering::SeqCst) && !listener.has_waiting() {
            return listener.shut_down();
        }
        match listener.accept(SockFlag::empty()) {
            Accepted::Stream(stream) => blocking::serve(stream, settings.limits, stopping),
            Accepted::Exhausted => stop::pause(REST),
            Accepted::Nothing => {}
            Accepted::Closed => return,
        }
    }
}
