//! Who catches whom: cases, tried on the wrong kernels of [`crate::mutant`], and on wrong servers
//! ([`servers`]).
//!
//! First every case is tried twice, plainly and under a tracer that changes nothing and notes which
//! mutants would change one of its calls; the second time with the little patience with which
//! mutants are tried, unless that alone fails it. Then each mutant is tried on the cases that it
//! would touch and that have a verdict here.

pub mod page;
pub mod servers;

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::case::Case;
use crate::isolate::{Outcome, StartError, Terms, Wardens};
use crate::mutant::Mutant;
use crate::record::Verdict;
use crate::trace::Tracing;

/// Trials on mutants get a part of their time: most of those that fail do so by waiting for
/// what never comes.
const HASTE: f64 = 0.1;

/// How trials are made.
pub struct Means<'a> {
    /// How many may run side by side.
    pub jobs: usize,
    /// What they run under.
    pub wardens: &'a Wardens,
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: BorrowedFd<'a>,
    /// Is told how it goes on.
    pub watcher: &'a dyn Watcher,
}

/// Is told how it goes on, from several threads at once.
pub trait Watcher: Sync {
    /// So many trials will be made, of what the word says.
    fn phase(&self, what: &str, trials: usize);
    /// One of them is through.
    fn done(&self);
    /// All are, or no more will be made.
    fn end(&self);
}

/// A case, as it ends without any mutant.
#[derive(Debug)]
pub struct Known {
    /// The case.
    pub case: &'static Case,
    /// How it ended plainly.
    pub plain: Verdict,
    /// How it ended under the tracer; nothing if it was tried without.
    pub traced: Option<Verdict>,
    /// Why, if that is another verdict.
    pub reason: String,
    /// The mutants that would have changed a call.
    pub touched: Vec<String>,
    /// Whether it ends so with little patience, too, and soon enough to be tried in haste.
    pub in_haste: bool,
}

impl Known {
    /// Whether it says something of this kernel.
    fn is_judged(&self) -> bool {
        matches!(self.plain, Verdict::Conforms | Verdict::Deviates)
    }

    /// Whether it ends under the tracer as without.
    fn is_traceable(&self) -> bool {
        self.traced == Some(self.plain)
    }
}

/// A case on a mutant.
#[derive(Debug)]
pub struct Cell {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// The case.
    pub case: &'static Case,
    /// What came of it.
    pub fate: Fate,
    /// Why, in the words of the trial.
    pub reason: String,
}

/// What came of a mutant at a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A check of the case failed (or, of a belief that does not hold, holds): the mutant is found out.
    Caught,
    /// The trial hung or broke: something is wrong, but no check says what.
    Stumbled,
    /// The case took it for a kernel that lacks the behaviour, or does not show it.
    Excused,
    /// The case ended as without the mutant.
    Survived,
}

/// What came of all.
#[derive(Debug, Default)]
pub struct Power {
    /// The cases, without mutants.
    pub known: Vec<Known>,
    /// The cases that have a verdict here, on the mutants that touch them.
    pub cells: Vec<Cell>,
    /// Whether that is all: the user has not ended it before.
    pub complete: bool,
}

/// Tries `cases` on `mutants`. Those that are known to be `untraceable` end otherwise under a tracer:
/// they are tried without one.
pub fn run(
    cases: &[&'static Case],
    mutants: &[&'static Mutant],
    untraceable: &Reasons,
    means: &Means,
) -> Result<Power, StartError> {
    let trial = |case: &Case, tracing: Option<&Tracing>, timeout_scale: f64, in_haste: bool| {
        means.trial(case, Terms { timeout_scale, in_haste, tracing, ..Terms::default() })
    };
    let Done { results: known, complete } = means.each(
        "cases without a mutant",
        cases.to_vec(),
        |case| case.alone,
        |case| {
            let untraced = trial(case, None, 1.0, false)?;
            let plain = untraced.verdict;
            let can_be = reason_for(untraceable, case).is_none();
            // Who asks after every mutant stops every call: that takes all of its time.
            let ask = |in_haste| trial(case, Some(&Tracing::Ask), 1.0, in_haste);
            let mut traced = can_be.then(|| ask(true)).transpose()?;
            let ends_so = traced.as_ref().is_some_and(|traced| traced.verdict == plain);
            if can_be && !ends_so {
                traced = Some(ask(false)?);
            }
            let in_haste = ends_so && is_quick(&untraced, case);
            let verdict = traced.as_ref().map(|traced| traced.verdict);
            let (reason, touched) =
                traced.map(|traced| (traced.reason, traced.touched)).unwrap_or_default();
            Ok(Known { case, plain, traced: verdict, reason, touched, in_haste })
        },
    )?;
    if !complete {
        return Ok(Power { known, cells: Vec::new(), complete });
    }
    let Done { results: cells, complete } = means.each(
        "cases on mutants",
        pairs(&known, mutants),
        |(_, known)| known.case.alone,
        |(mutant, known)| {
            let case = known.case;
            let tracing = Tracing::Mutate(mutant.id.to_owned());
            let on_it = |in_haste| -> Result<_, StartError> {
                let scale = if in_haste { HASTE } else { 1.0 };
                let outcome = trial(case, Some(&tracing), scale, in_haste)?;
                Ok((fate(known.plain, outcome.verdict), outcome))
            };
            let (mut fate, mut outcome) = on_it(known.in_haste)?;
            if mutant.is_old && fate == Fate::Caught {
                // Nobody is blamed in haste.
                (fate, outcome) = on_it(false)?;
            }
            Ok(Cell { mutant, case, fate, reason: outcome.reason })
        },
    )?;
    Ok(Power { known, cells, complete })
}

/// Whether a trial that was not traced leaves as much of the time that a mutant gets as it took.
fn is_quick(untraced: &Outcome, case: &Case) -> bool {
    2 * Duration::from_micros(untraced.micros) < case.deadline.mul_f64(HASTE)
}

/// Each mutant with each case that it touches, if that has a verdict here, with a tracer as without.
fn pairs<'a>(known: &'a [Known], mutants: &[&'static Mutant]) -> Vec<(&'static Mutant, &'a Known)> {
    let usable = known.iter().filter(|known| known.is_judged() && known.is_traceable());
    usable
        .flat_map(|known| {
            let touches = |mutant: &&&Mutant| known.touched.iter().any(|id| id == mutant.id);
            mutants.iter().filter(touches).map(move |mutant| (*mutant, known))
        })
        .collect()
}

fn fate(plain: Verdict, now: Verdict) -> Fate {
    match now {
        now if now == plain => Fate::Survived,
        Verdict::Conforms | Verdict::Deviates => Fate::Caught,
        Verdict::Error => Fate::Stumbled,
        _ => Fate::Excused,
    }
}

/// What came of some items: of all, or of those that were done when the user ended it.
struct Done<R> {
    results: Vec<R>,
    complete: bool,
}

impl Means<'_> {
    /// A trial. One that is lost costs itself, and not all that were made before.
    fn trial(&self, case: &Case, terms: Terms) -> Result<Outcome, StartError> {
        match self.wardens.run(case, Terms { cancel: Some(self.cancel), ..terms }) {
            Err(lost @ StartError::Lost(_)) => Ok(Outcome::failed(lost.to_string())),
            other => other,
        }
    }

    /// Does something with each item, several at a time, and then with those that must be alone. The
    /// results are in the order of the items. `what` says to a watcher what these items are.
    fn each<T: Copy + Send, R: Send>(
        &self,
        what: &str,
        items: Vec<T>,
        alone: impl Fn(&T) -> bool,
        work: impl Fn(T) -> Result<R, StartError> + Sync,
    ) -> Result<Done<R>, StartError> {
        self.watcher.phase(what, items.len());
        let numbered = items.into_iter().enumerate();
        let (alone, together): (Vec<_>, Vec<_>) = numbered.partition(|(_, item)| alone(item));
        let results = Mutex::new(Vec::<(usize, R)>::new());
        let failure = Mutex::new(None);
        let lock = || failure.lock().unwrap_or_else(PoisonError::into_inner);
        for (items, jobs) in [(together, self.jobs.max(1)), (alone, 1)] {
            let queue = Mutex::new(VecDeque::from(items));
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let take_turns = || {
                while lock().is_none() {
                    let Some((number, item)) = next() else { return };
                    match work(item) {
                        Ok(result) => {
                            self.watcher.done();
                            let mut all = results.lock().unwrap_or_else(PoisonError::into_inner);
                            all.push((number, result));
                        }
                        Err(error) => drop(lock().get_or_insert(error)),
                    }
                }
            };
            std::thread::scope(|scope| {
                for _ in 0..jobs {
                    scope.spawn(take_turns);
                }
            });
        }
        self.watcher.end();
        let complete = match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => true,
            Some(StartError::Cancelled) => false,
            Some(error) => return Err(error),
        };
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(number, _)| *number);
        Ok(Done { results: results.into_iter().map(|(_, result)| result).collect(), complete })
    }
}

/// Cases of which something is known beforehand, by a glob of ids, and why.
pub type Reasons = [(&'static str, &'static str)];

/// The reason that stands there for a case.
pub fn reason_for(reasons: &Reasons, case: &Case) -> Option<&'static str> {
    let matches = |glob: &str| crate::filter::Pattern::new(glob).is_ok_and(|p| p.matches(case.id));
    reasons.iter().find(|(glob, _)| matches(glob)).map(|(_, reason)| *reason)
}

impl Power {
    /// What came of a mutant.
    pub fn of<'a>(&'a self, mutant: &'a Mutant) -> impl Iterator<Item = &'a Cell> {
        self.cells.iter().filter(|cell| cell.mutant.id == mutant.id)
    }

    /// Whether a mutant is found out by a case: one that is an older kernel, by a case that takes it
    /// for that.
    pub fn is_caught(&self, mutant: &Mutant) -> bool {
        self.of(mutant).any(|cell| cell.fate == mutant.wanted())
    }

    /// The cases that take an older kernel for a wrong one: it would be accused. Not those that know
    /// of older kernels on which they deviate.
    pub fn blamed(&self) -> impl Iterator<Item = &Cell> {
        let knows =
            |case: &Case| case.changed.iter().any(|range| range.verdict == Verdict::Deviates);
        self.cells.iter().filter(move |cell| {
            cell.mutant.is_old && cell.fate == Fate::Caught && !knows(cell.case)
        })
    }

    /// The cases that cannot be judged on this kernel, with a mutant or without.
    pub fn unjudged(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(|known| !known.is_judged())
    }

    /// The cases that no mutant fails, though they are judged here and can be traced.
    pub fn unproven(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(|known| {
            let caught = |cell: &Cell| {
                cell.case.id == known.case.id && cell.fate == Fate::Caught && !cell.mutant.is_old
            };
            known.is_judged() && known.is_traceable() && !self.cells.iter().any(caught)
        })
    }

    /// The cases that are judged here, and end otherwise under a tracer.
    pub fn untraceable(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(|known| known.is_judged() && !known.is_traceable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::BLANK;

    #[rstest::rstest]
    #[case(Verdict::Conforms, Verdict::Deviates, Fate::Caught)]
    #[case(Verdict::Deviates, Verdict::Conforms, Fate::Caught)]
    #[case(Verdict::Conforms, Verdict::Conforms, Fate::Survived)]
    #[case(Verdict::Conforms, Verdict::Error, Fate::Stumbled)]
    #[case(Verdict::Conforms, Verdict::Unsupported, Fate::Excused)]
    #[case(Verdict::Unsupported, Verdict::Unsupported, Fate::Survived)]
    fn a_mutant_is_caught_by_a_check_alone(
        #[case] plain: Verdict,
        #[case] now: Verdict,
        #[case] expected: Fate,
    ) {
        assert_eq!(fate(plain, now), expected);
    }

    #[rstest::rstest]
    #[case::conforms(Verdict::Conforms, Some(Verdict::Conforms), true)]
    #[case::deviates(Verdict::Deviates, Some(Verdict::Deviates), true)]
    #[case::without_a_verdict(Verdict::Unsupported, Some(Verdict::Unsupported), false)]
    #[case::otherwise_under_a_tracer(Verdict::Conforms, Some(Verdict::Error), false)]
    #[case::not_traced(Verdict::Conforms, None, false)]
    fn a_case_with_a_verdict_is_tried_on_the_mutants_that_touch_it(
        #[case] plain: Verdict,
        #[case] traced: Option<Verdict>,
        #[case] is_tried: bool,
    ) {
        let mutants: Vec<_> = crate::mutant::all().take(2).collect();
        let touched = vec![mutants[1].id.to_owned()];
        let (reason, in_haste) = (String::new(), true);
        let known = [Known { case: &BLANK, plain, traced, reason, touched, in_haste }];
        let tried: Vec<_> = pairs(&known, &mutants).iter().map(|(it, _)| it.id).collect();
        let expected = if is_tried { vec![mutants[1].id] } else { Vec::new() };
        assert_eq!(tried, expected);
    }
}
