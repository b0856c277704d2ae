//! `O_NONBLOCK`: calls that would sleep fail instead. What carries the flag, who shares it, and
//! which waits take no notice of it.

mod again;
mod connect;
mod flag;
mod waits;

use harness::prelude::*;
use harness::watch::Task;

/// The fewest sleeps of the calling thread over a few runs of `work`: what it cannot do without.
fn fewest_sleeps(mut work: impl FnMut() -> Result) -> Result<u64> {
    let hidden = || Stop::Unobservable("this system does not count voluntary context switches".to_owned());
    let task = Task::current();
    let mut fewest = u64::MAX;
    for _ in 0..3 {
        let before = task.voluntary_switches()?.ok_or_else(hidden)?;
        work()?;
        fewest = fewest.min(task.voluntary_switches()?.ok_or_else(hidden)? - before);
    }
    Ok(fewest)
}
