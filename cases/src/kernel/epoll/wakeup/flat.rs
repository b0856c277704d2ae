//! One instance that watches sockets: what one thread is told, and what two are that wait side by
//! side, in `epoll_wait` or in poll of the instance.

use std::sync::Arc;

use harness::prelude::*;

use super::{EDGE, How, LEVEL, Sockets, get};

/// An instance that watches sockets with `mode`.
fn watching(sockets: &Sockets, mode: EpollFlags) -> Result<Arc<Epoll>> {
    let epoll = Epoll::new()?;
    for socket in &sockets.watched {
        epoll.add(socket, mode)?;
    }
    Ok(Arc::new(epoll))
}

/// Checks that one thread that asks again and again is told of levels each time, and of edges once.
fn repeats_levels_only(t: &mut Trial, how: How) -> Result {
    for count in [1, 2] {
        for (mode, again) in [(LEVEL, count), (EDGE, 0)] {
            let sockets = Sockets::new(count)?;
            let epoll = watching(&sockets, mode)?;
            let [before] = how.ask(&epoll)?;
            sockets.feed()?;
            check!(
                t,
                (before, how.ask(&epoll)?) == (0, [count, again, again]),
                "{mode:?}: reports before data comes to {count} sockets, and three times after"
            );
        }
    }
    Ok(())
}

/// `epoll_wait` reports one socket or two with unread data each time if they are levels, and once if
/// they are edges.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["tools/testing/selftests: epoll1 to epoll4"], since = "2.6.0", strength = Documented)]
fn a_wait_repeats_levels_only(t: &mut Trial) -> Result {
    repeats_levels_only(t, How::Wait)
}

/// An instance is readable to poll each time if what it watches are levels, and if they are edges, until
/// `epoll_wait` has reported them.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_eventpoll_poll", "tools/testing/selftests: epoll5 to epoll8"], since = "2.6.0", strength = Documented)]
fn poll_of_an_instance_repeats_levels_only(t: &mut Trial) -> Result {
    repeats_levels_only(t, How::Poll)
}

/// Checks that of two threads both get a report, unless there is one edge for them.
fn two_get(t: &mut Trial, hows: [How; 2]) -> Result {
    for (mode, count, reports) in [(LEVEL, 1, 2), (EDGE, 1, 1), (LEVEL, 2, 2), (EDGE, 2, 2)] {
        let sockets = Sockets::new(count)?;
        let epoll = watching(&sockets, mode)?;
        let row = format!("{mode:?}, {count} sockets");
        get(t, &row, &hows.map(|how| (how, &epoll)), &sockets, reports..=reports)?;
    }
    Ok(())
}

/// Of two threads that sleep in `epoll_wait` of one instance a level wakes both, one edge wakes one, and
/// two edges wake both.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["tools/testing/selftests: epoll9 to epoll12, epoll64"], since = "2.6.0", strength = Implementation, deadline = 60)]
fn two_threads_in_epoll_wait(t: &mut Trial) -> Result {
    two_get(t, [How::Wait, How::Wait])
}

/// The same is so if one of the two threads sleeps in poll of the instance: one edge is reported once.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_poll_safewake", "tools/testing/selftests: epoll13 to epoll16"], since = "2.6.0", strength = Implementation, deadline = 60)]
fn one_in_epoll_wait_and_one_in_poll(t: &mut Trial) -> Result {
    two_get(t, [How::Wait, How::Poll])
}
