//! What is said of the herd. Each of these is true of some arrangement, and not of the one here.

use std::sync::Arc;

use harness::prelude::*;

use super::{WORKERS, connect_each, nonblocking_listener, serve_with};

/// Since Linux 2.6 a connection wakes only one of the workers that wait for it.
#[case(
    kernel = ["ep_poll_callback", "__wake_up_common"],
    notes = ["S25", "S40"],
    strength = Folklore,
    changed = [("", "", deviates, "only workers that block in accept are woken one at a time: those that wait in poll, in select or in an epoll instance of their own are all woken")],
)]
fn solved_in_2_6(t: &mut Trial) -> Result {
    let listener = Arc::new(nonblocking_listener()?);
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| serve_with(worker, &listener, &Epoll::watching(&*listener, EPOLLIN)?)
    })?;
    let rounds = connect_each(t, &crew, &listener)?;
    check!(
        t,
        rounds.iter().all(|(woken, _)| woken.len() == 1),
        "each worker has an epoll instance: workers woken, and wakeups: {rounds:?}"
    );
    Ok(())
}

/// On a listener with `SO_REUSEPORT` there is no herd.
#[case(
    man = ["socket(7), SO_REUSEPORT"],
    notes = ["S29", "S37"],
    strength = Folklore,
    changed = [("", "", deviates, "the option lets every worker have a listener of its own: workers that share one are all woken, with or without it")],
)]
fn solved_by_reuseport(t: &mut Trial) -> Result {
    let listener = net::reuseport_listener(0)?;
    listener.set_nonblocking(true)?;
    let crew = t.processes(WORKERS, Call::EPOLL_WAIT, |worker| {
        serve_with(worker, &listener, &Epoll::watching(&listener, EPOLLIN)?)
    })?;
    let rounds = connect_each(t, &crew, &listener)?;
    check!(
        t,
        rounds.iter().all(|(woken, _)| woken.len() == 1),
        "the listener has the option and several workers: workers woken, and wakeups: {rounds:?}"
    );
    Ok(())
}
