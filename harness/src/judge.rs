//! From what a trial ended in to what that means for the system: expected here, or not.

use std::collections::BTreeMap;

use crate::baseline::Baseline;
use crate::case::{Case, Strength};
use crate::isolate::{Outcome, StartError};
use crate::kernel::expectation;
use crate::record::{Record, System, Verdict};

/// What is said of a deviation from a case that is no MUST.
const RECOMMENDED: &str = "recommended, not required";

/// What a verdict is held against.
#[derive(Debug)]
pub struct Judge {
    /// The system that is judged.
    pub system: System,
    /// The user's own known deviations.
    pub baseline: Option<Baseline>,
    /// A skip that a command could mend counts as unexpected.
    pub strict: bool,
}

impl Judge {
    /// A judge of this machine without a baseline; strict if `IOCONFORM_STRICT` is `1`.
    pub fn here() -> Judge {
        let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
        Judge { system: System::here(), baseline: None, strict }
    }

    /// The record of one trial, of the server `target` if it was about one. A trial that was
    /// cancelled has none.
    pub fn record(
        &self,
        case: &Case,
        target: Option<&str>,
        outcome: Result<Outcome, StartError>,
    ) -> Option<Record> {
        let mut record = match outcome {
            Ok(outcome) => {
                let mut record = Record::new(case, outcome.verdict, outcome.reason);
                record.mend = outcome.mend;
                record.evidence = outcome.evidence;
                record.isolation =
                    outcome.isolation.iter().map(|namespace| namespace.word().to_owned()).collect();
                record.micros = outcome.micros;
                record
            }
            Err(StartError::Cancelled) => return None,
            Err(error) => Record::new(case, Verdict::Error, error.to_string()),
        };
        record.target = target.map(str::to_owned);
        if case.is_about_a_server() {
            self.hold_against_server_contract(case, &mut record);
        } else {
            self.hold_against_contract(case, &mut record);
        }
        if let Some(baseline) = &self.baseline {
            baseline.apply(&self.system, &mut record);
        }
        Some(record)
    }

    /// Ranges are upstream's, and kernels carry backports: what counts is what was seen. A kernel
    /// that conforms earlier than upstream is as good as expected; one that lacks what its
    /// version promises is not.
    fn hold_against_contract(&self, case: &Case, record: &mut Record) {
        let expectation = expectation(case, &self.system.release);
        (record.expected, record.note) = match (record.verdict, expectation.verdict) {
            (Verdict::Error, _) => (false, String::new()),
            (Verdict::Skipped, _) => (!self.strict || record.mend.is_empty(), String::new()),
            (Verdict::Unobservable | Verdict::Blocked, _)
            | (Verdict::Conforms, Verdict::Conforms) => (true, String::new()),
            (seen, promised) if seen == promised => (true, expectation.why),
            (Verdict::Conforms, Verdict::Unsupported) => {
                (true, format!("backport: {}", expectation.why))
            }
            (Verdict::Conforms, _) if case.strength == Strength::Folklore => {
                (false, format!("the belief holds here; elsewhere: {}", expectation.why))
            }
            (Verdict::Conforms, _) => {
                (true, format!("better than upstream, where: {}", expectation.why))
            }
            (Verdict::Unsupported, Verdict::Conforms) => {
                (false, format!("a kernel {} should have it", self.system.release))
            }
            (_, _) => (false, expectation.why),
        };
    }

    /// What a server's protocol or control does not offer is not held against it, nor is what is
    /// only recommended. A model that cannot do something must be seen to fail at it: or else the
    /// sentence that says so is false, or the case cannot fail.
    fn hold_against_server_contract(&self, case: &Case, record: &mut Record) {
        let except =
            case.except.iter().find(|except| Some(except.model) == record.target.as_deref());
        (record.expected, record.note) = match (record.verdict, except) {
            (Verdict::Deviates, Some(except)) => (true, except.why.to_owned()),
            (Verdict::Conforms, Some(except)) => {
                (false, format!("the case says that this model cannot: {}", except.why))
            }
            (Verdict::Deviates, None) => {
                let should = case.strength == Strength::Should;
                (should, if should { RECOMMENDED.to_owned() } else { String::new() })
            }
            (Verdict::Error, _) => (false, String::new()),
            (Verdict::Skipped, _) => (!self.strict || record.mend.is_empty(), String::new()),
            (
                Verdict::Conforms | Verdict::Unsupported | Verdict::Unobservable | Verdict::Blocked,
                _,
            ) => (true, String::new()),
        };
    }

    /// The record of a case that was not tried, because `gate` did not conform.
    pub fn blocked(case: &Case, target: &str, gate: &str) -> Record {
        let mut record = Record::new(case, Verdict::Blocked, format!("`{gate}` does not conform"));
        record.target = Some(target.to_owned());
        record
    }
}

/// Several trials of a case on their way to one record: the first that is unexpected, or else the
/// first that does not conform, or else the first, with the count of verdicts. If verdicts differ,
/// that itself is unexpected.
#[derive(Debug, Default)]
pub struct Tally {
    chosen: Option<Record>,
    verdicts: BTreeMap<Verdict, u32>,
}

impl Tally {
    /// Counts a trial.
    pub fn add(&mut self, record: Record) {
        *self.verdicts.entry(record.verdict).or_insert(0) += 1;
        let weight = |record: &Record| (!record.expected, record.verdict != Verdict::Conforms);
        let better = self.chosen.as_ref().is_none_or(|chosen| weight(&record) > weight(chosen));
        if better {
            self.chosen = Some(record);
        }
    }

    /// Whether every trial so far ended in this verdict.
    pub fn only(&self, verdict: Verdict) -> bool {
        self.verdicts.keys().all(|seen| *seen == verdict)
    }

    /// The record that stands for the trials so far.
    pub fn so_far(&self) -> Option<&Record> {
        self.chosen.as_ref()
    }

    /// The one record; nothing if there was no trial.
    pub fn record(self) -> Option<Record> {
        let mut record = self.chosen?;
        if self.verdicts.len() > 1 {
            let count = |(verdict, count): (&Verdict, &u32)| format!("{count} {verdict}");
            let counts: Vec<_> = self.verdicts.iter().map(count).collect();
            record.expected = false;
            record.note = format!("verdicts differ: {}", counts.join(", "));
        }
        if self.verdicts.values().sum::<u32>() > 1 {
            record.verdicts = self.verdicts;
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Evidence;
    use rstest::rstest;

    fn case(strength: Strength) -> Case {
        let text = Box::leak(Box::new(crate::case::Change {
            from: "5.5",
            until: "5.14",
            verdict: Verdict::Deviates,
            why: "broken",
        }));
        Case { strength, since: "4.5", changed: std::slice::from_ref(text), ..crate::case::BLANK }
    }

    fn outcome(verdict: Verdict, mend: &str) -> Outcome {
        Outcome {
            verdict,
            reason: String::new(),
            mend: mend.to_owned(),
            evidence: Evidence::default(),
            isolation: std::collections::BTreeSet::new(),
            touched: Vec::new(),
            micros: 1,
        }
    }

    #[rstest]
    #[case::as_promised("6.1", Verdict::Conforms, true)]
    #[case::plain_deviation("6.1", Verdict::Deviates, false)]
    #[case::known_range("5.10.1", Verdict::Deviates, true)]
    #[case::better_than_its_range("5.10.1", Verdict::Conforms, true)]
    #[case::too_old("4.4", Verdict::Unsupported, true)]
    #[case::backport("4.4", Verdict::Conforms, true)]
    #[case::built_without("6.1", Verdict::Unsupported, false)]
    #[case::not_to_be_seen("6.1", Verdict::Unobservable, true)]
    #[case::skipped("6.1", Verdict::Skipped, true)]
    #[case::error("6.1", Verdict::Error, false)]
    fn a_verdict_is_held_against_the_kernels_version(
        #[case] release: &str,
        #[case] verdict: Verdict,
        #[case] expected: bool,
    ) {
        let mut judge = Judge::here();
        judge.system.release = release.to_owned();
        let record =
            judge.record(&case(Strength::Documented), None, Ok(outcome(verdict, ""))).unwrap();
        assert_eq!(record.expected, expected, "{record:?}");
    }

    #[rstest]
    #[case::plain(Strength::Must, "nginx", Verdict::Conforms, true)]
    #[case::must(Strength::Must, "nginx", Verdict::Deviates, false)]
    #[case::should(Strength::Should, "nginx", Verdict::Deviates, true)]
    #[case::cannot_be_asked_for(Strength::Must, "nginx", Verdict::Unsupported, true)]
    #[case::blocked(Strength::Must, "nginx", Verdict::Blocked, true)]
    #[case::error(Strength::Should, "nginx", Verdict::Error, false)]
    #[case::a_model_that_cannot(Strength::Must, "one_thread", Verdict::Deviates, true)]
    #[case::a_model_that_should_not_be_able_to(
        Strength::Must,
        "one_thread",
        Verdict::Conforms,
        false
    )]
    fn a_server_is_held_to_what_it_must_do(
        #[case] strength: Strength,
        #[case] target: &str,
        #[case] verdict: Verdict,
        #[case] expected: bool,
    ) {
        let except = &[crate::case::Except { model: "one_thread", why: "it has one thread" }];
        let case = Case { strength, except, ..crate::case::BLANK };
        let record = Judge::here().record(&case, Some(target), Ok(outcome(verdict, ""))).unwrap();
        assert_eq!(record.expected, expected, "{record:?}");
        assert_eq!(record.name(), format!("{target}/a.b"));
    }

    #[rstest]
    #[case(false, "", true)]
    #[case(false, "sysctl", true)]
    #[case(true, "", true)]
    #[case(true, "sysctl", false)]
    fn strict_refuses_a_skip_that_can_be_mended(
        #[case] strict: bool,
        #[case] mend: &str,
        #[case] expected: bool,
    ) {
        let judge = Judge { strict, ..Judge::here() };
        let record = judge
            .record(&case(Strength::Documented), None, Ok(outcome(Verdict::Skipped, mend)))
            .unwrap();
        assert_eq!(record.expected, expected);
    }

    #[test]
    fn differing_verdicts_are_never_expected() {
        let judge = Judge::here();
        let case = case(Strength::Documented);
        let record = |verdict| judge.record(&case, None, Ok(outcome(verdict, ""))).unwrap();
        let merge = |records: [Record; 2]| {
            let mut tally = Tally::default();
            for record in records {
                tally.add(record);
            }
            tally.record().unwrap()
        };
        let same = merge([record(Verdict::Conforms), record(Verdict::Conforms)]);
        assert!(same.expected && !same.flaky() && same.verdicts[&Verdict::Conforms] == 2);
        let mixed = merge([record(Verdict::Conforms), record(Verdict::Skipped)]);
        assert!(!mixed.expected && mixed.flaky());
        let bad = merge([record(Verdict::Conforms), record(Verdict::Deviates)]);
        assert_eq!(bad.verdict, Verdict::Deviates);
        assert_eq!(Tally::default().record(), None);
    }
}
