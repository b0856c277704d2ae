//! The fallback of a system that does not show in which call a thread sleeps: to wait for a
//! stated time in which whatever is going to happen would have happened. This is the one file
//! in which the suite waits for time to pass, and evidence that rests on it says so.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::trial::{Result, Stop};

/// The shortest quiet period.
const SHORTEST: Duration = Duration::from_millis(50);
/// The period is so many times the slowest answer of the positive control.
const FACTOR: u32 = 20;
/// How often the control is asked.
const ROUNDS: usize = 5;

/// Whether a quiet period has passed in this process.
static RESTED: AtomicBool = AtomicBool::new(false);

/// Whether something in this trial rests on a quiet period.
pub(crate) fn rested() -> bool {
    RESTED.load(Ordering::Relaxed)
}

/// Lets a quiet period pass. Its length comes from a positive control: how long this system takes,
/// right now, to wake a thread that sleeps in `read` and to hear from it.
pub(crate) fn rest() -> Result {
    RESTED.store(true, Ordering::Relaxed);
    let slowest = control()?;
    let_pass(SHORTEST.max(slowest * FACTOR))
}

/// Lets time pass. For the quiet period, and for a rate, which is a count over a time: how much
/// CPU a server uses while it has nothing to do.
pub(crate) fn let_pass(period: Duration) -> Result {
    let timeout = nix::poll::PollTimeout::try_from(period).unwrap_or(nix::poll::PollTimeout::MAX);
    nix::poll::poll(&mut [], timeout)?;
    Ok(())
}

fn control() -> Result<Duration> {
    let (mut question, mut ask) = std::io::pipe()?;
    let (mut answer, mut reply) = std::io::pipe()?;
    let thread = std::thread::spawn(move || -> std::io::Result<()> {
        let mut byte = [0];
        while question.read(&mut byte)? == 1 {
            reply.write_all(&byte)?;
        }
        Ok(())
    });
    let mut slowest = Duration::ZERO;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        ask.write_all(&[1])?;
        answer.read_exact(&mut [0])?;
        slowest = slowest.max(start.elapsed());
    }
    drop(ask);
    thread.join().map_err(|_| Stop::error("the positive control panicked"))??;
    Ok(slowest)
}
