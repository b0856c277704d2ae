//! How often the tracer has stopped each thread.
//!
//! A stop takes a thread off its CPU as a sleep does, and the kernel counts it as a voluntary switch:
//! `ptrace_stop` calls `schedule` once, and no request of the tracer is carried out before the thread
//! is off its CPU (`ptrace_check_attach`). The tracer counts its stops on this board, so that whoever
//! counts wakeups can take them away.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::unistd::Pid;

use crate::sys::shared;

/// How many threads a trial may have in all; of more, none is found.
const THREADS: usize = 8192;

/// Pairs of a thread's number and its stops, at the place of the number or, if that is taken, behind
/// it.
static BOARD: OnceLock<&'static [AtomicU64]> = OnceLock::new();

/// Puts the board where this process and all that it will fork see it.
pub(super) fn put_up() -> nix::Result<()> {
    let board = shared::counters(2 * THREADS)?;
    let _ = BOARD.set(board);
    Ok(())
}

/// Counts a stop. To be called by the tracer alone, before the thread goes on.
pub(super) fn count(thread: Pid) {
    if let Some(stops) = place(thread, true) {
        stops.fetch_add(1, Ordering::Release);
    }
}

/// A thread is gone: another may get its number.
pub(super) fn forget(thread: Pid) {
    if let Some(stops) = place(thread, false) {
        stops.store(0, Ordering::Release);
    }
}

/// How often this thread has stopped since it began; 0 where nobody traces.
pub(crate) fn stops(thread: Pid) -> u64 {
    place(thread, false).map_or(0, |stops| stops.load(Ordering::Acquire))
}

fn place(thread: Pid, take: bool) -> Option<&'static AtomicU64> {
    let board = BOARD.get()?;
    let number = u64::try_from(thread.as_raw()).ok()?;
    let start = usize::try_from(number).ok()? % THREADS;
    for at in (0..THREADS).map(|step| (start + step) % THREADS) {
        let owner = board[2 * at].load(Ordering::Acquire);
        if owner == 0 && take {
            board[2 * at].store(number, Ordering::Release);
        }
        match owner {
            0 if take => return Some(&board[2 * at + 1]),
            0 => return None,
            owner if owner == number => return Some(&board[2 * at + 1]),
            _ => {}
        }
    }
    None
}
