//! Threads and processes seen from outside: asleep in which system call, woken how often.
//!
//! Nothing here ever sleeps to give another thread time. A thread is *asleep in a call* when
//! `/proc/…/syscall` names the call, `/proc/…/stat` says `S`, and its count of voluntary context
//! switches stands still over two readings. The kernel fills `syscall` only for a thread that has
//! left its CPU (`task_current_syscall`), so a thread on its way to sleep is not mistaken for one.
//! A *wakeup* is a voluntary switch: a thread that was woken must switch away again to sleep.
//!
//! A system without `/proc/…/syscall` (gVisor) leaves only quiet: see [`quiet`].

mod call;
mod crew;
mod job;
mod nap;
mod quiet;
mod task;
mod tree;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nix::time::ClockId;

use crate::trial::{Result, Stop};

pub use call::Call;
pub use crew::{Crew, Worker};
pub use job::Job;
pub(crate) use job::{asleep, asleep_in};
pub use nap::slept;
pub(crate) use quiet::{let_pass, rest, rested};
pub use task::{Counts, State, Task, Turns};
pub(crate) use tree::{descendants, threads};

/// A budget of waiting that a stalled machine does not use up: the time between two looks at it
/// counts for no more than [`Patience::GLANCE`], so that a guest that was stopped for a minute, or
/// a thread that did not get its turn, gets as many looks as any other.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
    last: Instant,
}

impl Patience {
    /// The most that the time between two looks counts for.
    const GLANCE: Duration = Duration::from_millis(10);

    /// A budget of so much time.
    pub fn new(budget: Duration) -> Patience {
        Patience { left: budget, last: Instant::now() }
    }

    /// Whether there is some left. To be asked again and again.
    pub fn lasts(&mut self) -> bool {
        let now = Instant::now();
        self.left = self.left.saturating_sub((now - self.last).min(Patience::GLANCE));
        self.last = now;
        !self.left.is_zero()
    }
}

/// Gives way to other threads until `condition` holds, for as long as the trial may last.
pub fn until(mut condition: impl FnMut() -> Result<bool>) -> Result {
    while !condition()? {
        nix::sched::sched_yield()?;
    }
    Ok(())
}

/// A time that is measured as the kernel measures the time-outs of sockets: in its own ticks. Those
/// that a virtual machine has missed, because its host had other things to do, are counted later, all
/// at once: by any other clock a time-out that was set meanwhile is over too early.
#[derive(Debug, Clone, Copy)]
pub struct Ticks(Duration);

impl Ticks {
    /// From now on.
    pub fn begin() -> Result<Ticks> {
        Ok(Ticks(Duration::from(COARSE.now()?)))
    }

    /// How much time may have passed, at most: a part of a tick counts as a whole one.
    pub fn elapsed(self) -> Result<Duration> {
        let now = Duration::from(COARSE.now()?);
        Ok(now.saturating_sub(self.0) + Duration::from(COARSE.res()?))
    }
}

/// The clock that goes on by ticks (clock_gettime(2)).
const COARSE: ClockId = ClockId::CLOCK_MONOTONIC_COARSE;

/// How this system shows that a thread sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The system call of a sleeping thread can be read.
    Syscall,
    /// Only its state can be read, if that.
    Quiet,
}

impl Sight {
    /// Asks the system, by reading the system call of the calling thread's own task.
    pub fn here() -> Sight {
        match Task::current().syscall() {
            Ok(_) => Sight::Syscall,
            Err(_) => Sight::Quiet,
        }
    }

    /// The word for it in evidence.
    pub fn word(self) -> &'static str {
        match self {
            Sight::Syscall => "by system call",
            Sight::Quiet => "by quiet period",
        }
    }
}

/// Whether the locks of this kernel sleep (`PREEMPT_RT`, as `uname -v` says): a thread may then leave
/// the CPU for one of them in any system call, and mostly does so once more when it was woken.
pub fn locks_sleep() -> bool {
    static SLEEP: LazyLock<bool> =
        LazyLock::new(|| crate::record::System::here().version.contains("PREEMPT_RT"));
    *SLEEP
}

/// What a stimulus cost, from how often it made each thread leave the CPU: every such time is a
/// wakeup. Where locks sleep, it is the threads that count.
pub fn cost(wakeups: impl IntoIterator<Item = u64>) -> u64 {
    let count = |count: u64| if locks_sleep() { count.min(1) } else { count };
    wakeups.into_iter().map(count).sum()
}

/// The refusal of a case that counts wakeups on a system that does not tell them.
pub(crate) fn wakeups_hidden() -> Stop {
    Stop::Unobservable("this system does not tell how often a thread was woken (/proc/PID/task/TID/status has no voluntary_ctxt_switches)".to_owned())
}
