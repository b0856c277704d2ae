//! One thread that never sleeps: it asks everybody, all the time.
//!
//! ```text
//!      ┌──────────────────── one thread, one whole CPU ────────────────────┐
//!      └─▶ accept: EAGAIN ─▶ recv: EAGAIN ─▶ recv: 80 bytes ─▶ send ─▶ … ──┘
//! ```
//!
//! What `O_NONBLOCK` alone gives: a call that cannot go on returns `EAGAIN` at once. It tells how
//! things are and not when they change, and whoever cannot wait for that must ask again. There is no
//! epoll here, no pause, and no `sched_yield`, which would only be a nicer name for asking.
//!
//! Good at: nothing but latency, on a CPU that has nothing else to do (with the network card asked
//! in the same way, that is how DPDK works). It breaks everything else: the CPU is busy when nobody
//! is there, each idle connection costs a system call a round, and on a machine with fewer CPUs
//! than such threads, the clients do not get to run while it asks them for requests.

use std::io;
use std::time::Duration;

use crate::Settings;
use crate::connection::Reading;
use crate::roster::Roster;
use crate::socket::Listener;
use crate::stop::Stop;

/// Serves on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    let stop = Stop::new()?;
    let mut stopping = false;
    let mut roster = Roster::new(listener, settings.limits, Reading::Once)?;
    while !roster.is_done() {
        // With no time to wait, this is a question too.
        if !stopping && stop.wait(Some(Duration::ZERO))? {
            stopping = true;
            roster.stop();
        }
        roster.accept();
        for number in roster.numbers() {
            roster.serve(number);
        }
        roster.keep_time();
    }
    Ok(())
}
