//! An instance that watches another one, which watches a socket: two registrations, each with a mode of
//! its own. A report of the outer one does not take anything out of the inner one, so that the inner
//! one stays ready, and it is the outer mode that decides whether it is told again.

use std::sync::Arc;

use harness::prelude::*;

use super::{EDGE, How, LEVEL, Sockets, get};

/// The modes of the outer and of the inner registration.
const MODES: [(EpollFlags, EpollFlags); 4] =
    [(LEVEL, LEVEL), (LEVEL, EDGE), (EDGE, LEVEL), (EDGE, EDGE)];

/// The instances, one inside the other.
struct Nest {
    outer: Arc<Epoll>,
    inner: Vec<Arc<Epoll>>,
    sockets: Sockets,
}

/// An outer instance that watches `count` others, each of which watches a socket.
fn nest((outer, inner): (EpollFlags, EpollFlags), count: usize) -> Result<Nest> {
    let (sockets, epoll) = (Sockets::new(count)?, Epoll::new()?);
    let mut instances = Vec::new();
    for socket in &sockets.watched {
        let instance = Epoll::watching(socket, inner)?;
        epoll.add(&instance, outer)?;
        instances.push(Arc::new(instance));
    }
    Ok(Nest { outer: Arc::new(epoll), inner: instances, sockets })
}

fn row(modes: (EpollFlags, EpollFlags)) -> String {
    format!("outer {:?}, inner {:?}", modes.0, modes.1)
}

/// Checks what one thread is told that asks the outer instance again and again.
fn follows_the_outer_mode(t: &mut Trial, how: How, count: usize) -> Result {
    for modes in MODES {
        let nest = nest(modes, count)?;
        let row = row(modes);
        let [before] = how.ask(&nest.outer)?;
        nest.sockets.feed()?;
        let again = if modes.0 == EDGE { 0 } else { count };
        check!(
            t,
            (before, how.ask(&nest.outer)?) == (0, [count, again, again]),
            "{row}, {how:?}: reports before data comes to {count} sockets, and three times after"
        );
    }
    Ok(())
}

/// Of a nested instance `epoll_wait` reports each time that it is ready, unless the outer registration
/// is edge-triggered; that the inner one is does not matter.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_item_poll", "tools/testing/selftests: epoll17 to epoll20"], since = "2.6.0", strength = Implementation)]
fn the_outer_mode_decides(t: &mut Trial) -> Result {
    follows_the_outer_mode(t, How::Wait, 1)
}

/// To poll an instance around another one is readable each time, unless the outer registration is
/// edge-triggered and its edge was reported.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_eventpoll_poll", "tools/testing/selftests: epoll21 to epoll24"], since = "2.6.0", strength = Implementation)]
fn poll_follows_the_outer_mode(t: &mut Trial) -> Result {
    follows_the_outer_mode(t, How::Poll, 1)
}

/// Checks how many of two threads that wait outside get a report.
fn two_outside(t: &mut Trial, hows: [How; 2]) -> Result {
    for modes in MODES {
        let nest = nest(modes, 1)?;
        let reports = if modes.0 == EDGE { 1 } else { 2 };
        let whom = hows.map(|how| (how, &nest.outer));
        get(t, &row(modes), &whom, &nest.sockets, reports..=reports)?;
    }
    Ok(())
}

/// Of two threads that sleep in `epoll_wait` of the outer instance both get a report, unless the outer
/// registration is edge-triggered: then one does.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["tools/testing/selftests: epoll25 to epoll28"], since = "2.6.0", strength = Implementation, deadline = 60)]
fn two_threads_outside(t: &mut Trial) -> Result {
    two_outside(t, [How::Wait, How::Wait])
}

/// The same is so if one of the two sleeps in poll of the outer instance.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_poll_safewake", "tools/testing/selftests: epoll29 to epoll32"], since = "2.6.0", strength = Implementation, deadline = 60)]
fn poll_and_epoll_wait_outside(t: &mut Trial) -> Result {
    two_outside(t, [How::Wait, How::Poll])
}

/// Of two threads, one at the inner and one at the outer instance, both get a report if the inner
/// registration is level-triggered. If it is an edge, the inner one gets it, and the outer one may come
/// too late.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_eventpoll_poll", "tools/testing/selftests: epoll33 to epoll48"], since = "2.6.0", strength = Implementation, deadline = 60)]
fn one_thread_inside_and_one_outside(t: &mut Trial) -> Result {
    for inside in How::BOTH {
        for outside in How::BOTH {
            for modes in MODES {
                let nest = nest(modes, 1)?;
                let row = format!("{}, {inside:?} inside, {outside:?} outside", row(modes));
                let whom = [(inside, &nest.inner[0]), (outside, &nest.outer)];
                let reports = if modes.1 == EDGE { 1..=2 } else { 2..=2 };
                let got = get(t, &row, &whom, &nest.sockets, reports)?;
                check!(t, got[0] == 1, "{row}: the one inside gets a report");
            }
        }
    }
    Ok(())
}

/// An instance around two others reports both, each time or once, as its own registrations say.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["tools/testing/selftests: epoll49 to epoll52"], since = "2.6.0", strength = Implementation)]
fn over_two_instances(t: &mut Trial) -> Result {
    for how in How::BOTH {
        follows_the_outer_mode(t, how, 2)?;
    }
    Ok(())
}

/// Two events in two inner instances are a report for each of two threads that sleep at the outer one,
/// in `epoll_wait` or in poll.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_poll_safewake", "tools/testing/selftests: epoll53 to epoll58"], since = "2.6.0", strength = Implementation, deadline = 60)]
fn two_events_for_two_threads(t: &mut Trial) -> Result {
    for hows in [[How::Wait, How::Wait], [How::Wait, How::Poll], [How::Poll, How::Poll]] {
        for modes in MODES {
            let nest = nest(modes, 2)?;
            let row = format!("{}, {hows:?}", row(modes));
            get(t, &row, &hows.map(|how| (how, &nest.outer)), &nest.sockets, 2..=2)?;
        }
    }
    Ok(())
}
