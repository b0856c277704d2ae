//! What others must know of the tracer's work: how often it has stopped each thread, and which threads
//! it leaves stopped because their process is.
//!
//! A stop takes a thread off its CPU as a sleep does, and the kernel counts it as a voluntary switch:
//! `ptrace_stop` calls `schedule` once, and no request of the tracer is carried out before the thread
//! is off its CPU (`ptrace_check_attach`). The tracer counts its stops on this board, so that whoever
//! counts wakeups can take them away. A traced thread that a signal has stopped is shown as `t`
//! (`TASK_TRACED`), as any that stops for its tracer is, and not as `T`: the board tells them apart.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::unistd::Pid;

use crate::sys::shared;

/// How many threads a trial may have in all; of more, none is found.
const THREADS: usize = 8192;

/// What the board has of a thread: its number, how often it has stopped, and whether it is left so.
const FIELDS: usize = 3;

/// The threads, each at the place of its number or, if that is taken, behind it.
static BOARD: OnceLock<&'static [AtomicU64]> = OnceLock::new();

/// Puts the board where this process and all that it will fork see it.
pub(super) fn put_up() -> nix::Result<()> {
    let board = shared::counters(FIELDS * THREADS)?;
    let _ = BOARD.set(board);
    Ok(())
}

/// Counts a stop, and says whether the thread is left in it until its process goes on. To be called by
/// the tracer alone, before the thread goes on.
pub(super) fn count(thread: Pid, left: bool) {
    if let Some([_, stops, stays]) = place(thread, true) {
        stops.fetch_add(1, Ordering::Release);
        stays.store(left.into(), Ordering::Release);
    }
}

/// A thread is gone: another may get its number.
pub(super) fn forget(thread: Pid) {
    if let Some([_, stops, stays]) = place(thread, false) {
        stops.store(0, Ordering::Release);
        stays.store(0, Ordering::Release);
    }
}

/// How often this thread has stopped since it began; 0 where nobody traces.
pub(crate) fn stops(thread: Pid) -> u64 {
    place(thread, false).map_or(0, |[_, stops, _]| stops.load(Ordering::Acquire))
}

/// Whether this thread is traced, and stopped because its process is.
pub(crate) fn is_left_stopped(thread: Pid) -> bool {
    place(thread, false).is_some_and(|[_, _, stays]| stays.load(Ordering::Acquire) != 0)
}

fn place(thread: Pid, take: bool) -> Option<&'static [AtomicU64; FIELDS]> {
    let (entries, _) = BOARD.get()?.as_chunks::<FIELDS>();
    let number = u64::try_from(thread.as_raw()).ok()?;
    let start = usize::try_from(number).ok()? % THREADS;
    for entry in (0..THREADS).map(|step| &entries[(start + step) % THREADS]) {
        match entry[0].load(Ordering::Acquire) {
            0 if take => {
                entry[0].store(number, Ordering::Release);
                return Some(entry);
            }
            0 => return None,
            owner if owner == number => return Some(entry),
            _ => {}
        }
    }
    None
}
