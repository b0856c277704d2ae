//! A wait with a signal mask. A program that must not miss a signal keeps it blocked, and lets it
//! through only while it waits: to do both in one call is what ppoll, pselect and `epoll_pwait` are
//! for. Between unblocking and sleeping there is then no moment at which the signal could be lost.

use std::sync::Arc;
use std::time::Duration;

use harness::prelude::*;
use harness::sys::epoll_raw::pwait;
use harness::sys::signal::{block, handled, take_notes_of};
use nix::poll::{PollFd, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::select::{FdSet, pselect};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::time::TimeSpec;

use super::counter;

const SIGNAL: Signal = Signal::SIGUSR1;
const CALLS: [(&str, Call); 3] =
    [("ppoll", Call::POLL), ("pselect", Call::SELECT), ("epoll_pwait", Call::EPOLL_WAIT)];

/// Waits until `counter` is readable, for ever without a time-out, with `mask` as the signal mask.
fn wait(
    call: Call,
    counter: &EventFd,
    timeout: Option<Duration>,
    mask: SigSet,
) -> nix::Result<i32> {
    let time = timeout.map(TimeSpec::from);
    match call {
        Call::POLL => {
            let mut entries = [PollFd::new(counter.as_fd(), nix::poll::PollFlags::POLLIN)];
            ppoll(&mut entries, time, Some(mask))
        }
        Call::SELECT => {
            let mut set = FdSet::new();
            set.insert(counter.as_fd());
            pselect(None, &mut set, None, None, time.as_ref(), &mask)
        }
        _ => {
            let epoll = Epoll::watching(counter, EPOLLIN)?;
            let timeout = timeout.map_or(-1, |time| i32::try_from(time.as_millis()).unwrap_or(0));
            pwait(&epoll, timeout, &mask)
        }
    }
}

/// Makes the signal, which is blocked, pending for this thread, and returns how often its handler
/// has run before.
fn make_pending() -> Result<u64> {
    take_notes_of(SIGNAL as i32, false)?;
    block(SIGNAL as i32, true)?;
    let before = handled();
    raise(SIGNAL)?;
    Ok(before)
}

/// Whether no handler has run since then, and one runs as soon as the signal is unblocked.
fn is_still_pending(before: u64) -> Result<bool> {
    let during = handled();
    block(SIGNAL as i32, false)?;
    Ok((during, handled()) == (before, before + 1))
}

/// ppoll, pselect and `epoll_pwait` let a signal through that was pending before they were called:
/// the handler runs, and they fail with EINTR.
#[case(man = ["poll(2), ppoll()", "select(2), pselect()", "epoll_wait(2), epoll_pwait()"], strength = Documented)]
fn pending_signal_ends_the_wait(t: &mut Trial) -> Result {
    for (name, call) in CALLS {
        let job = t.spawn(name, move || {
            let before = make_pending()?;
            let waited = wait(call, &counter()?, None, SigSet::empty());
            Ok((waited, handled() - before))
        })?;
        let ended = job.join_soon(t)?;
        check!(
            t,
            ended == Some((Err(Errno::EINTR), 1)),
            "{name}: nothing is ready, it fails, and the handler has run once"
        );
    }
    Ok(())
}

/// A descriptor that is ready comes before a pending signal: ppoll, pselect and `epoll_pwait` return
/// it, and the signal stays pending.
#[case(man = ["epoll_wait(2), epoll_pwait()"], kernel = ["restore_saved_sigmask_unless"], since = "5.3", strength = Implementation)]
fn ready_descriptor_goes_first(t: &mut Trial) -> Result {
    for (name, call) in CALLS {
        let job = t.spawn(name, move || {
            let (counter, before) = (counter()?, make_pending()?);
            counter.write(1)?;
            let waited = wait(call, &counter, None, SigSet::empty());
            Ok((waited, is_still_pending(before)?))
        })?;
        let (waited, pending) = job.join_soon(t)?.unzip();
        check!(t, waited == Some(Ok(1)), "{name}: the counter is ready, and reported");
        check!(t, pending == Some(true), "{name}: the signal waits until it is unblocked");
    }
    Ok(())
}

/// With a time-out of zero `epoll_pwait` returns 0 in spite of a pending signal, which stays
/// pending.
#[case(kernel = ["ep_poll"], since = "5.3", strength = Implementation)]
fn epoll_pwait_with_zero_ignores_it(t: &mut Trial) -> Result {
    let before = make_pending()?;
    let waited = wait(Call::EPOLL_WAIT, &counter()?, Some(Duration::ZERO), SigSet::empty());
    check!(t, waited == Ok(0), "nothing is ready, and there is no time");
    check!(t, is_still_pending(before)?, "the signal waits until it is unblocked");
    Ok(())
}

/// With a time-out of zero ppoll and pselect fail with EINTR if a signal is pending.
#[case(kernel = ["do_poll", "core_sys_select"], strength = Implementation)]
fn ppoll_and_pselect_with_zero_do_not(t: &mut Trial) -> Result {
    for (name, call) in CALLS.into_iter().take(2) {
        let before = make_pending()?;
        let waited = wait(call, &counter()?, Some(Duration::ZERO), SigSet::empty());
        check!(t, waited == Err(Errno::EINTR), "{name}: nothing is ready, and there is no time");
        check!(t, handled() == before + 1, "{name}: the handler has run");
    }
    Ok(())
}

/// A signal that the mask of the wait blocks does not end it, although the thread lets it through
/// at other times; its handler runs when the wait is over.
#[case(man = ["poll(2), ppoll()", "select(2), pselect()", "epoll_wait(2), epoll_pwait()"], strength = Documented)]
fn mask_holds_a_signal_back(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, false)?;
    for (name, call) in CALLS {
        let before = handled();
        let counter = Arc::new(counter()?);
        let job = t.spawn(name, {
            let counter = counter.clone();
            move || Ok((wait(call, &counter, None, SigSet::from(SIGNAL)), handled()))
        })?;
        check!(t, job.sleeps_in(t, call)?, "{name} sleeps");
        job.signal(SIGNAL)?;
        check!(t, job.sleeps_in(t, call)?, "{name} sleeps on when the signal is sent");
        check!(t, handled() == before, "{name}: no handler has run");
        counter.write(1)?;
        let expected = Some((Ok(1), before + 1));
        check!(t, job.join_soon(t)? == expected, "{name} returns, and the handler has run by then");
    }
    Ok(())
}
