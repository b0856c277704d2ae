//! Who catches whom among servers: cases, tried on servers with a bug each.
//!
//! First every case is tried on the servers without their bugs. Then each mutant is tried on the
//! cases to which its base conforms. A mutant says which cases must catch it, and which may: what
//! comes otherwise is tried once more, with all of its time, before it counts.

use super::{Done, Fate, Means, Reasons, fate, reason_for};
use crate::case::Case;
use crate::isolate::{StartError, Terms};
use crate::record::Verdict;
use crate::target::Target;

/// The part of its time that a trial on a mutant gets. A server needs some to start.
const HASTE: f64 = 0.2;

/// A server with a bug.
#[derive(Debug)]
pub struct Mutant {
    /// What it is called.
    pub id: &'static str,
    /// What is wrong with it, as a sentence.
    pub breaks: &'static str,
    /// How it is started.
    pub target: Target,
    /// The name of the server without the bug.
    pub base: &'static str,
    /// The ids of the cases that must catch it.
    pub caught_by: &'static [&'static str],
    /// The cases that may catch it too, and why.
    pub also: &'static Reasons,
}

/// A case on a server without a bug.
#[derive(Debug)]
pub struct Known {
    /// The server.
    pub base: &'static str,
    /// The case.
    pub case: &'static Case,
    /// How it ended.
    pub verdict: Verdict,
}

/// A case on a mutant.
#[derive(Debug)]
pub struct Cell<'a> {
    /// The mutant.
    pub mutant: &'a Mutant,
    /// The case.
    pub case: &'static Case,
    /// What came of it.
    pub fate: Fate,
    /// Why, in the words of the trial.
    pub reason: String,
}

/// What came of all.
#[derive(Debug, Default)]
pub struct Power<'a> {
    /// The cases on servers without bugs.
    pub known: Vec<Known>,
    /// The cases on the mutants whose bases conform to them.
    pub cells: Vec<Cell<'a>>,
    /// Whether that is all: the user has not ended it before.
    pub complete: bool,
}

impl Mutant {
    /// Whether a case must catch it.
    pub fn is_for(&self, case: &Case) -> bool {
        self.caught_by.contains(&case.id)
    }

    /// Whether a case that comes to this shows something that is not known of it.
    fn surprises(&self, case: &Case, fate: Fate) -> bool {
        match fate {
            Fate::Caught => !self.is_for(case) && reason_for(self.also, case).is_none(),
            _ => self.is_for(case),
        }
    }
}

impl<'a> Power<'a> {
    /// What came of a mutant.
    pub fn of(&self, mutant: &Mutant) -> impl Iterator<Item = &Cell<'a>> {
        self.cells.iter().filter(move |cell| cell.mutant.id == mutant.id)
    }

    /// The cases that must catch a mutant, and do not: because it passes them, or because its base
    /// does not, so that they were not tried on it.
    pub fn missed(&self, mutant: &Mutant) -> impl Iterator<Item = &'static str> {
        let chosen = |id: &&str| self.known.iter().any(|known| known.case.id == *id);
        let caught =
            |id: &&str| self.of(mutant).any(|it| it.case.id == *id && it.fate == Fate::Caught);
        mutant.caught_by.iter().copied().filter(move |id| chosen(id) && !caught(id))
    }

    /// The cases that catch a mutant though nobody says so: they are too sensitive, or it has more
    /// than one bug.
    pub fn accidents(&self, mutant: &Mutant) -> impl Iterator<Item = &Cell<'a>> {
        self.of(mutant)
            .filter(|cell| cell.fate == Fate::Caught && cell.mutant.surprises(cell.case, cell.fate))
    }

    /// The cases that no mutant fails.
    pub fn unproven(&self) -> impl Iterator<Item = &'static Case> {
        let caught = |case: &Case| {
            self.cells.iter().any(|cell| cell.case.id == case.id && cell.fate == Fate::Caught)
        };
        let mut cases: Vec<_> = self.known.iter().map(|known| known.case).collect();
        cases.dedup_by_key(|case| case.id);
        cases.into_iter().filter(move |case| !caught(case))
    }

    /// Whether a mutant is caught by a case.
    pub fn is_caught(&self, mutant: &Mutant) -> bool {
        self.of(mutant).any(|cell| cell.fate == Fate::Caught)
    }

    /// Whether a case must catch a mutant and does not, or catches it by accident.
    pub fn surprises(&self, mutant: &Mutant) -> bool {
        self.missed(mutant).next().is_some() || self.accidents(mutant).next().is_some()
    }

    /// Whether a mutant is caught, by whom it must be, and by nobody by accident.
    pub fn is_as_known(&self, mutant: &Mutant) -> bool {
        self.is_caught(mutant) && !self.surprises(mutant)
    }
}

/// Tries `cases` on `mutants`, and on the servers without bugs, each of which stands here under the
/// name that mutants call it by.
pub fn run<'m>(
    cases: &[&'static Case],
    bases: &[(&'static str, Target)],
    mutants: &'m [Mutant],
    means: &Means,
) -> Result<Power<'m>, StartError> {
    let trial = |case: &Case, target: &Target, timeout_scale: f64| {
        means.trial(case, Terms { target: Some(target), timeout_scale, ..Terms::default() })
    };
    let on_all = |case: &&'static Case| {
        let case = *case;
        bases.iter().map(move |base| (base, case))
    };
    let alone = |case: &Case| case.alone;
    let done = means.each(
        "cases on servers without a bug",
        cases.iter().flat_map(on_all).collect(),
        |(_, case)| alone(case),
        |(base, case)| {
            let verdict = trial(case, &base.1, 1.0)?.verdict;
            Ok(Known { base: base.0, case, verdict })
        },
    )?;
    let Done { results: known, complete } = done;
    if !complete {
        return Ok(Power { known, cells: Vec::new(), complete });
    }
    let conforming = known.iter().filter(|known| known.verdict == Verdict::Conforms);
    let pairs: Vec<_> = conforming
        .flat_map(|known| {
            let of_it = mutants.iter().filter(|mutant| mutant.base == known.base);
            of_it.map(|mutant| (mutant, known.case))
        })
        .collect();
    let Done { results: cells, complete } = means.each(
        "cases on mutants",
        pairs,
        |(_, case)| alone(case),
        |(mutant, case)| {
            let mut outcome = trial(case, &mutant.target, HASTE)?;
            if mutant.surprises(case, fate(Verdict::Conforms, outcome.verdict)) {
                outcome = trial(case, &mutant.target, 1.0)?;
            }
            let fate = fate(Verdict::Conforms, outcome.verdict);
            Ok(Cell { mutant, case, fate, reason: outcome.reason })
        },
    )?;
    Ok(Power { known, cells, complete })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::BLANK;
    use crate::dialect::Dialect;

    const WANTED: Case = Case { id: "server.a.wanted", ..BLANK };
    const RELATED: Case = Case { id: "server.a.related", ..BLANK };
    const FOREIGN: Case = Case { id: "server.b.foreign", ..BLANK };

    fn mutant() -> Mutant {
        Mutant {
            id: "a.bug",
            breaks: "It has a bug.",
            target: Target::command(Vec::new(), Dialect::http(), 1),
            base: "base",
            caught_by: &[WANTED.id],
            also: &[("server.a.*", "a relative")],
        }
    }

    #[rstest::rstest]
    #[case::as_known(&[(&WANTED, Fate::Caught), (&FOREIGN, Fate::Survived)], true)]
    #[case::relative(&[(&WANTED, Fate::Caught), (&RELATED, Fate::Caught)], true)]
    #[case::missed(&[(&WANTED, Fate::Stumbled), (&RELATED, Fate::Caught)], false)]
    #[case::not_tried(&[(&RELATED, Fate::Caught)], false)]
    #[case::nobody(&[(&FOREIGN, Fate::Survived)], false)]
    #[case::accident(&[(&WANTED, Fate::Caught), (&FOREIGN, Fate::Caught)], false)]
    #[case::no_check_failed(&[(&WANTED, Fate::Caught), (&FOREIGN, Fate::Stumbled)], true)]
    fn a_mutant_is_caught_by_whom_it_must_and_by_no_stranger(
        #[case] fates: &[(&'static Case, Fate)],
        #[case] as_known: bool,
    ) {
        let mutant = mutant();
        let cell = |&(case, fate)| Cell { mutant: &mutant, case, fate, reason: String::new() };
        let cells = fates.iter().map(cell).collect();
        let known = Known { base: "base", case: &WANTED, verdict: Verdict::Conforms };
        let power = Power { known: vec![known], cells, complete: true };
        assert_eq!(power.is_as_known(&mutant), as_known);
        assert_eq!(power.surprises(&mutant), !as_known);
    }

    #[test]
    fn a_mutant_may_survive_if_who_must_catch_it_was_not_chosen() {
        let mutant = mutant();
        let known = Known { base: "base", case: &RELATED, verdict: Verdict::Conforms };
        let (fate, reason) = (Fate::Survived, String::new());
        let cell = Cell { mutant: &mutant, case: &RELATED, fate, reason };
        let power = Power { known: vec![known], cells: vec![cell], complete: true };
        assert!(!power.surprises(&mutant) && !power.is_as_known(&mutant));
    }
}
