//! Wrong kernels: system calls of a trial rewritten on their way to the kernel, each against one
//! promise. A case that is worth something fails under one of them.

mod accept;
mod believed;
mod bind;
mod connect;
mod connections;
mod eintr;
mod epoll;
mod epoll_table;
mod eventfd;
mod herd;
mod listen;
mod means;
mod messages;
mod older;
mod options;
mod pipe;
mod poll;
mod processes;
mod reuseport;
mod ring;
mod select;
mod sockets;
mod uring;
mod uring_setup;
mod watching;

use crate::power::Fate;
use crate::trace::Act;

/// A kernel that breaks one promise.
#[derive(Debug)]
pub struct Mutant {
    /// `area.what`, where the area is one of the catalogue.
    pub id: &'static str,
    /// What is wrong with it, as a sentence.
    pub breaks: &'static str,
    /// Where the promise stands.
    pub source: &'static str,
    /// The calls that it changes (`libc::SYS_…`).
    pub calls: &'static [i64],
    /// What it does to a call that is about to begin.
    pub enter: Option<fn(&mut Act)>,
    /// What it does to one that has ended.
    pub leave: Option<fn(&mut Act)>,
    /// Why no case can fail under it; `""` if one must.
    pub survives: &'static str,
    /// Whether it is not wrong but old: it lacks something, and says so.
    pub is_old: bool,
    /// Whether it also sees calls that a signal has interrupted and that are to be made again: their
    /// result is one of `ERESTARTSYS` to `ERESTART_RESTARTBLOCK`.
    pub sees_restarts: bool,
}

impl Mutant {
    /// What the promise is about: the first part of the id.
    pub fn area(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(area, _)| area)
    }

    /// How a case must end under it that finds it out.
    pub fn wanted(&self) -> Fate {
        if self.is_old { Fate::Excused } else { Fate::Caught }
    }
}

/// A mutant that does nothing yet.
const fn idle(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
) -> Mutant {
    Mutant {
        id,
        breaks,
        source,
        calls,
        enter: None,
        leave: None,
        survives: "",
        is_old: false,
        sees_restarts: false,
    }
}

/// A mutant that changes calls before they begin.
const fn before(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
    enter: fn(&mut Act),
) -> Mutant {
    Mutant { enter: Some(enter), ..idle(id, breaks, source, calls) }
}

/// A mutant that changes what has come of calls.
const fn after(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
    leave: fn(&mut Act),
) -> Mutant {
    Mutant { leave: Some(leave), ..idle(id, breaks, source, calls) }
}

/// A mutant that changes calls before they begin, and what has come of them.
const fn both(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
    enter: fn(&mut Act),
    leave: fn(&mut Act),
) -> Mutant {
    Mutant { enter: Some(enter), leave: Some(leave), ..idle(id, breaks, source, calls) }
}

/// A mutant that changes what has come of calls that a signal has interrupted, too.
const fn interrupted(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
    leave: fn(&mut Act),
) -> Mutant {
    Mutant { sees_restarts: true, ..after(id, breaks, source, calls, leave) }
}

/// A kernel that is not wrong but older: it refuses what it does not know.
const fn old(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
    enter: fn(&mut Act),
) -> Mutant {
    Mutant { is_old: true, ..before(id, breaks, source, calls, enter) }
}

/// The same, where it says itself what it does not know.
const fn old_answer(
    id: &'static str,
    breaks: &'static str,
    source: &'static str,
    calls: &'static [i64],
    leave: fn(&mut Act),
) -> Mutant {
    Mutant { is_old: true, ..after(id, breaks, source, calls, leave) }
}

/// Whether a call of setsockopt(2) sets this option.
fn sets(call: &Act, level: i32, name: i32) -> bool {
    call.number() == libc::SYS_setsockopt && (call.int(1), call.int(2)) == (level, name)
}

/// Whether a call of write(2) sets this sysctl of `/proc/sys/net`.
fn writes(call: &Act, sysctl: &str) -> bool {
    call.number() == libc::SYS_write
        && call.path(call.int(0)).strip_prefix("/proc/sys/net/") == Some(sysctl)
}

/// All mutants.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    [
        accept::MUTANTS,
        believed::MUTANTS,
        bind::MUTANTS,
        connect::MUTANTS,
        connections::MUTANTS,
        eintr::MUTANTS,
        epoll::MUTANTS,
        epoll_table::MUTANTS,
        eventfd::EVENTFD,
        eventfd::SIGNALFD,
        eventfd::TIMERFD,
        herd::MUTANTS,
        listen::MUTANTS,
        messages::MUTANTS,
        older::MUTANTS,
        options::MUTANTS,
        pipe::MUTANTS,
        poll::MUTANTS,
        processes::AIO,
        processes::PIDFD,
        processes::SIGIO,
        reuseport::MUTANTS,
        select::MUTANTS,
        sockets::BLOCKING,
        sockets::NONBLOCKING,
        uring::MUTANTS,
        uring_setup::MUTANTS,
        watching::OBSERVE,
        watching::TIMEOUT,
    ]
    .into_iter()
    .flatten()
}

/// The mutant with this id.
pub fn find(id: &str) -> Option<&'static Mutant> {
    all().find(|mutant| mutant.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_has_an_id_of_its_own_a_sentence_and_something_to_do() {
        let mut ids: Vec<_> = all().map(|mutant| mutant.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        for mutant in all() {
            assert!(mutant.breaks.ends_with('.') && mutant.id.contains('.'), "{}", mutant.id);
            assert!(mutant.enter.is_some() || mutant.leave.is_some(), "{}", mutant.id);
            assert!(!mutant.calls.is_empty() && !mutant.source.is_empty(), "{}", mutant.id);
        }
    }
}
