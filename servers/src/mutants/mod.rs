//! Wrong servers: the reference servers with exactly one bug each, planted against one promise. A
//! case about servers is worth something if it fails on one of them.
//!
//! A bug is a switch (`fault`) in the code that the servers share, or in that of a model, at the
//! place where the correct code does the right thing. What no model can do wrong, because it does
//! not do it at all, has a server of its own here, a *control*: it must conform, and its mutants
//! must not.

mod accepting;
mod ending;
mod fault;
mod limited;
mod plain;
mod reloading;
mod serving;

use std::os::fd::AsFd as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::connection::{Connection, Turn};
use crate::http::{Phase, Wants};
use crate::models::{Model, Workers};
use crate::{stop, sys};

pub(crate) use fault::{Fault, plant, planted};

/// A server that breaks one promise.
#[derive(Debug)]
pub struct Mutant {
    /// `topic.what`, where the topic is one of the cases about servers.
    pub id: &'static str,
    /// What is wrong with it, as a sentence.
    pub breaks: &'static str,
    /// The model or control that it is without its bug.
    pub base: &'static str,
    /// The cases that must catch it.
    pub caught_by: &'static [&'static str],
    /// The cases that may catch it too, by globs, and why.
    pub also: &'static [(&'static str, &'static str)],
    pub(crate) fault: Fault,
}

/// A mutant that nobody catches but those who must.
const fn mutant(
    id: &'static str,
    breaks: &'static str,
    (base, fault): (&'static str, Fault),
    caught_by: &'static [&'static str],
) -> Mutant {
    Mutant { id, breaks, base, caught_by, also: &[], fault }
}

impl Mutant {
    /// The same, and who else may catch it, and why.
    const fn also(self, also: &'static [(&'static str, &'static str)]) -> Mutant {
        Mutant { also, ..self }
    }
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1, with the resources of all models.
    Http,
    /// The text protocol of memcached: a part of it.
    Memcached,
    /// Every byte comes back.
    Echo,
}

/// A healthy server that is no model, but the base of mutants.
#[derive(Debug)]
pub struct Control {
    /// How it is started.
    pub model: Model,
    /// What it speaks.
    pub speaks: Speaks,
    /// How many connections it holds at once, if that is limited.
    pub connections: Option<usize>,
    /// Whether it starts anew at SIGHUP.
    pub reloads: bool,
}

/// Every control, by name.
pub static CONTROLS: &[Control] = &[
    Control {
        model: Model {
            name: "echo",
            sentence: "sends every byte back, and ends with its client",
            workers: Workers::Single,
            own_listeners: false,
            serve: plain::serve_echo,
        },
        speaks: Speaks::Echo,
        connections: None,
        reloads: false,
    },
    Control {
        model: Model {
            name: "limited",
            sentence: "poll_loop with a limit of its connections",
            workers: Workers::Single,
            own_listeners: false,
            serve: limited::serve,
        },
        speaks: Speaks::Http,
        connections: Some(limited::MOST),
        reloads: false,
    },
    Control {
        model: Model {
            name: "reloading",
            sentence: "a master that replaces its worker at SIGHUP",
            workers: Workers::Single,
            own_listeners: true,
            serve: reloading::serve,
        },
        speaks: Speaks::Http,
        connections: None,
        reloads: true,
    },
    Control {
        model: Model {
            name: "store",
            sentence: "keeps values, like memcached",
            workers: Workers::Single,
            own_listeners: false,
            serve: plain::serve_store,
        },
        speaks: Speaks::Memcached,
        connections: None,
        reloads: false,
    },
];

/// All mutants.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    [accepting::MUTANTS, serving::MUTANTS, ending::MUTANTS].into_iter().flatten()
}

/// The mutant with this id.
pub fn find(id: &str) -> Option<&'static Mutant> {
    all().find(|mutant| mutant.id == id)
}

/// The control of that name.
pub fn control(name: &str) -> Option<&'static Control> {
    CONTROLS.iter().find(|control| control.model.name == name)
}

/// The model or control of that name.
pub(crate) fn base(name: &str) -> Option<&'static Model> {
    crate::find(name).or_else(|| control(name).map(|control| &control.model))
}

/// How often a mutant wakes that has a timer for nothing.
const OFTEN: Duration = Duration::from_millis(2);
/// Who asks more often than this is a mutant's favourite.
const FAVOURED: u64 = 1;
/// How long a mutant takes to start.
const DAWDLE: Duration = Duration::from_millis(300);

/// The time-out of a wait.
pub(crate) fn timeout(right: PollTimeout) -> PollTimeout {
    if planted(Fault::NeverSleeps) {
        PollTimeout::ZERO
    } else if planted(Fault::WakesForNothing) {
        stop::round_up(OFTEN)
    } else {
        right
    }
}

/// Whether a connection is to be closed, because its end was reported, with what is under way.
pub(crate) fn takes_for_gone(hung_up: bool, connection: &Connection) -> bool {
    let writes = connection.exchange.wants() == Wants::Write;
    hung_up
        && (planted(Fault::TakesAHangUpForTheLastWord)
            || planted(Fault::DropsRepliesAtAHalfClose) && writes)
}

/// Sleeps until a client goes on, if it is waited for, whoever else is there. Whether it went on.
pub(crate) fn waits_for(connection: &Connection, turn: Turn) -> bool {
    let often = connection.exchange.replies() > FAVOURED;
    let awaited = match connection.exchange.phase() {
        _ if turn == Turn::Close => return false,
        Phase::Write if planted(Fault::WaitsForReaders) => PollFlags::POLLOUT,
        Phase::Request if planted(Fault::WaitsForSenders) => PollFlags::POLLIN,
        Phase::Idle if often && planted(Fault::StaysWithAFavourite) => PollFlags::POLLIN,
        _ => return false,
    };
    let mut fds = [PollFd::new(connection.stream().as_fd(), awaited)];
    poll(&mut fds, PollTimeout::NONE).is_ok_and(|count| count > 0)
}

/// A start that takes a while, as one with much to read does: clients come before it is over.
pub(crate) fn dawdle() {
    stop::pause(DAWDLE);
}

/// A lock that nobody needs, for as long as a request is processed.
pub(crate) fn lock() -> Option<MutexGuard<'static, ()>> {
    static LOCKS: [Mutex<()>; 4] = [const { Mutex::new(()) }; 4];
    let number = if planted(Fault::LocksAll) {
        0
    } else if planted(Fault::LocksSome) {
        usize::try_from(sys::Thread::current().thread).unwrap_or_default()
    } else {
        return None;
    };
    Some(LOCKS[number % LOCKS.len()].lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_has_an_id_of_its_own_a_sentence_a_base_and_a_case_that_must_catch_it() {
        let mut ids: Vec<_> = all().map(|mutant| mutant.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        for mutant in all() {
            assert!(mutant.breaks.ends_with('.') && mutant.id.contains('.'), "{}", mutant.id);
            assert!(base(mutant.base).is_some() && !mutant.caught_by.is_empty(), "{}", mutant.id);
        }
    }

    #[test]
    fn a_healthy_server_has_no_bug() {
        assert!(!planted(Fault::NeverSleeps) && lock().is_none());
        assert_eq!(timeout(PollTimeout::NONE), PollTimeout::NONE);
    }
}
