//! One thread accepts, and starts a thread for each connection.
//!
//! ```text
//!  clients ──▶ acceptor: accept ─┬─ start ─▶ thread: read ── process ── write ── … ── close, end
//!                                ├─ start ─▶ thread: read …
//!                                └─ start ─▶ …           as many as there are connections
//! ```
//!
//! Everybody sleeps in the call that says what they wait for: the acceptor in `accept4`, a thread
//! in `recvfrom` or `sendto` of its one connection.
//!
//! Good at: code that reads from top to bottom, and slow requests that delay nobody else; memory
//! for an idle thread is some 20 KiB. It breaks at many short connections, each of which costs the
//! start of a thread, and at very many connections, where stacks and the limit on threads run out:
//! then the connection waits in the acceptor's hand until another one has ended.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::SockFlag;

use crate::socket::{Accepted, Listener, Stream};
use crate::stop::Stop;
use crate::threads::Crew;
use crate::{Settings, blocking};

/// How long the acceptor waits when descriptors or threads have run out.
const REST: Duration = Duration::from_millis(100);

/// Starts the acceptor, and waits for the request to stop.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Arc::new(Stop::new()?);
    listener.set_blocking()?;
    let listener = Arc::new(listener);
    let crew = Crew::new();
    let start = {
        let (crew, listener, stop) = (crew.clone(), listener.clone(), stop.clone());
        move |_: &Crew| {
            accept(&listener, settings, &crew, &stop);
            Ok(())
        }
    };
    crew.start("acceptor", start)?;
    stop.wait(None)?;
    listener.set_nonblocking()?;
    crew.interrupt_and_finish()
}

/// Accepts, and starts threads; after a request to stop, for those that are in the queue.
fn accept(listener: &Listener, settings: Settings, crew: &Arc<Crew>, stop: &Stop) {
    for number in 0_u64.. {
        let stopping = crew.stopping().load(Ordering::SeqCst);
        match listener.accept(SockFlag::empty()) {
            Accepted::Stream(stream) => start(number, stream, settings, crew, stop),
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

/// Starts the thread of a connection, as soon as the system grants one.
fn start(number: u64, stream: Stream, settings: Settings, crew: &Arc<Crew>, stop: &Stop) {
    // A thread that cannot be started must not take the connection with it.
    let hand = Arc::new(Mutex::new(Some(stream)));
    let take = |hand: &Mutex<Option<Stream>>| hand.lock().map_or(None, |mut hand| hand.take());
    loop {
        let shared = hand.clone();
        let started = crew.start(&format!("connection {number}"), move |crew| {
            if let Some(stream) = take(&shared) {
                blocking::serve(stream, settings.limits, crew.stopping());
            }
            Ok(())
        });
        if started.is_ok() || stop.wait(Some(REST)).unwrap_or(true) {
            return;
        }
    }
}
