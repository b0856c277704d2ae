//! Whether a call sleeps before it returns by itself, seen by the thread that makes it.

use super::{Task, wakeups_hidden};
use crate::trial::Result;

/// Makes a call, and tells what it returned and whether the thread slept in it.
///
/// This is for a bound that the kernel keeps in ticks, as that of `SO_RCVTIMEO`: it is over early by
/// the clock where ticks were late when it began, as in a guest that was stopped for a while.
pub fn slept<T>(call: impl FnOnce() -> T) -> Result<(T, bool)> {
    let task = Task::current();
    let before = task.voluntary_switches()?.ok_or_else(wakeups_hidden)?;
    let returned = call();
    let after = task.voluntary_switches()?.ok_or_else(wakeups_hidden)?;
    Ok((returned, after > before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_sleeps_and_a_question_does_not() {
        let wait = |milliseconds: u16| slept(|| nix::poll::poll(&mut [], milliseconds)).unwrap();
        assert!(wait(20).1);
        // The thread may have given way to another once, but not always.
        assert!((0..10).any(|_| !wait(0).1));
    }
}
