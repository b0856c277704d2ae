//! Trials under a tracer: to rewrite their system calls ([`crate::mutant`]) or to write them down.
//!
//! The tracer is the trial's init: it is the parent of the trial, lives in the same pid namespace,
//! and has to wait for processes anyway. A seccomp filter makes the calls of interest stop, and
//! no others. A stop costs the thread one voluntary switch, which is taken off wherever switches are
//! counted (see [`board`]).

mod act;
mod board;
pub mod lines;
mod names;
mod timeline;
mod tracer;

use std::collections::BTreeSet;
use std::io::Read as _;

use serde::{Deserialize, Serialize};

use crate::mutant::{self, Mutant};
use crate::sys::trace::{Registers, stop_at};

pub use act::{Act, Kind, Memory};
pub(crate) use board::{is_left_stopped, stops};
pub use timeline::{MOST, Span};
pub(crate) use tracer::Tracer;

/// Whether calls can be changed on this architecture, and not only written down.
pub const CHANGES_CALLS: bool = Registers::CHANGE;

/// What is wished of a tracer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tracing {
    /// That it rewrites calls as the mutant with this id does.
    Mutate(String),
    /// That it tells which mutants would change a call, and changes none.
    Ask,
    /// That it writes down every call.
    Record,
}

impl Tracing {
    /// The mutants concerned.
    fn mutants(&self) -> Vec<&'static Mutant> {
        match self {
            Tracing::Mutate(id) => mutant::find(id).into_iter().collect(),
            Tracing::Ask => mutant::all().collect(),
            Tracing::Record => Vec::new(),
        }
    }

    /// Makes the calls of this thread stop that are of interest, and of all that it starts.
    pub(crate) fn stop_calls(&self) -> std::io::Result<()> {
        if *self == Tracing::Record {
            return stop_at(names::LEFT_OUT, true);
        }
        let calls: BTreeSet<i64> =
            self.mutants().iter().flat_map(|mutant| mutant.calls).copied().collect();
        stop_at(&calls.into_iter().collect::<Vec<_>>(), false)
    }
}

/// Finds out whether a trial can be traced here, by tracing one that only ends: a call that never
/// returns. Where that seems to return, the stop for a call's begin was taken for that of its end: it
/// comes after the stop that the filter makes, as in Linux before 4.8 (93e35efb8de4) and in gVisor.
pub(crate) fn probe() -> std::io::Result<()> {
    let (mut told, out) = std::io::pipe()?;
    let tracing = Tracing::Record;
    let mut tracer = Tracer::new(&tracing, out)?;
    let child = Tracer::fork(|| i32::from(tracing.stop_calls().is_err()))?;
    if tracer.follow(child)? != 0 {
        return Err(std::io::Error::other("seccomp(2) is refused"));
    }
    drop(tracer);
    let mut spans = String::new();
    told.read_to_string(&mut spans)?;
    if spans.contains("exit_group(") {
        return Err(std::io::Error::other(
            "ptrace(2) stops at a call after seccomp(2), not before",
        ));
    }
    Ok(())
}

/// What a tracer tells, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Told {
    /// A call that has ended, or in which the thread was at the end of the trial.
    Span(Span),
    /// The mutant with this id has changed a call, or would have.
    Touched(String),
}
