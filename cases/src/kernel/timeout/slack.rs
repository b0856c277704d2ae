//! Timer slack: by how much the kernel may delay the end of a thread's waits, so that it can let
//! several threads wake up together. Each thread has its own, 50 us unless somebody chose otherwise.

use harness::prelude::*;
use harness::sys::schedule::become_real_time;
use nix::sys::prctl::{get_timerslack, set_timerslack};

/// The timer slack of the calling thread, in nanoseconds.
fn slack() -> Result<i32> {
    get_timerslack().map_err(lacks_it)
}

fn set_slack(nanoseconds: u64) -> Result {
    set_timerslack(nanoseconds).map_err(lacks_it)
}

fn lacks_it(error: Errno) -> Stop {
    Stop::unsupported_if(error, &[Errno::EINVAL, Errno::ENOSYS], "PR_SET_TIMERSLACK")
}

/// A thread sets its timer slack for itself, and zero gives it back what it began with.
#[case(man = ["PR_SET_TIMERSLACK(2const)"], since = "2.6.28", strength = Documented)]
fn zero_is_the_default(t: &mut Trial) -> Result {
    let default = slack()?;
    set_slack(1_234_567)?;
    check!(t, slack()? == 1_234_567, "in nanoseconds");
    set_slack(0)?;
    check!(t, slack()? == default, "as it was at the beginning");
    Ok(())
}

/// A new thread begins with the timer slack of the thread that made it, which becomes its default.
#[case(man = ["PR_SET_TIMERSLACK(2const)"], kernel = ["copy_process"], since = "2.6.28", strength = Documented)]
fn thread_inherits_it(t: &mut Trial) -> Result {
    set_slack(1_234_567)?;
    let job = t.spawn("heir", || {
        let inherited = slack()?;
        set_slack(1)?;
        let own = slack()?;
        set_slack(0)?;
        Ok((inherited, own, slack()?))
    })?;
    check!(
        t,
        job.join_soon(t)? == Some((1_234_567, 1, 1_234_567)),
        "a new thread's slack, the one that it sets, and its default"
    );
    check!(t, slack()? == 1_234_567, "its own has no effect on its maker");
    Ok(())
}

/// A thread with a real-time scheduling policy has no timer slack, and cannot set any.
#[case(
    man = ["PR_SET_TIMERSLACK(2const)"],
    kernel = ["__sched_setscheduler"],
    strength = Documented,
    changed = [("", "6.12", deviates, "select and poll took the slack of such a thread for none, and PR_GET_TIMERSLACK told the one that it had before; \"hrtimer: Use and report correct timerslack values for realtime tasks\"")]
)]
fn real_time_has_none(t: &mut Trial) -> Result {
    set_slack(1_234_567)?;
    become_real_time().map_err(|error| match error {
        Errno::EPERM => Stop::Skipped {
            reason: "needs to become real-time (prlimit --rtprio=1, where root may do that)"
                .to_owned(),
            mend: String::new(),
        },
        other => other.into(),
    })?;
    check!(t, slack()? == 0, "the policy is SCHED_FIFO");
    set_slack(1_234_567)?;
    check!(t, slack()? == 0, "a slack was set");
    Ok(())
}
