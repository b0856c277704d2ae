//! `O_NONBLOCK`: calls that would sleep fail instead. What carries the flag, who shares it, and
//! which waits take no notice of it.

mod again;
mod connect;
mod exempt;
mod flag;
mod nosignal;
mod nowait;
mod waits;

use harness::prelude::*;
use harness::watch::Task;

/// A call to make again and again.
type Attempt<'a, T> = Box<dyn Fn() -> nix::Result<T> + 'a>;

/// Whether `attempt` ends in `outcome` each time, and the fewest sleeps of the calling thread over
/// a few runs of a hundred attempts: those that the attempts cannot do without.
fn sleeps_of<T: PartialEq>(attempt: &Attempt<T>, outcome: nix::Result<T>) -> Result<(bool, u64)> {
    let hidden =
        || Stop::Unobservable("this system does not count voluntary context switches".to_owned());
    let task = Task::current();
    let (mut same, mut fewest) = (true, u64::MAX);
    for _ in 0..3 {
        let before = task.voluntary_switches()?.ok_or_else(hidden)?;
        for _ in 0..100 {
            same &= attempt() == outcome;
        }
        fewest = fewest.min(task.voluntary_switches()?.ok_or_else(hidden)? - before);
    }
    Ok((same, fewest))
}
