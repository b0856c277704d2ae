//! The claims of the study notes that the project grew out of, as data: `claims.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::case::Strength;
use crate::record::{Record, Verdict};

/// A claim, and what is true.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What cases call it: `S43`.
    pub id: String,
    /// It as a sentence.
    pub text: String,
    /// Whether it is true.
    pub verdict: Truth,
    /// What is true instead, or what makes it true.
    pub truth: String,
}

/// How true a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It is.
    True,
    /// It is under conditions that the notes do not name.
    Partly,
    /// It is not.
    False,
}

impl Truth {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Truth::True => "true",
            Truth::Partly => "partly true",
            Truth::False => "false",
        }
    }
}

/// Every claim, in the order of the notes.
pub fn all() -> &'static [Claim] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        claim: Vec<Claim>,
    }
    static CLAIMS: LazyLock<Vec<Claim>> = LazyLock::new(|| {
        let file: Result<File, _> = toml::from_str(include_str!("../claims.toml"));
        file.map(|file| file.claim).expect("a test reads claims.toml")
    });
    &CLAIMS
}

impl Claim {
    /// Whether the case of a record decides it.
    pub fn is_decided_by(&self, record: &Record) -> bool {
        record.sources.iter().any(|source| source.strip_prefix("notes ") == Some(&*self.id))
    }
}

/// How what is written of a claim stands on a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every case that decides it, and was judged, bears it out.
    Confirmed,
    /// One of them says otherwise.
    Contradicted,
    /// None was judged.
    Undecided,
}

impl Standing {
    /// What the records of one system say of a claim that their cases decide.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Standing {
        let says: Vec<bool> = records.into_iter().filter_map(bears_out).collect();
        match (says.is_empty(), says.iter().all(|agrees| *agrees)) {
            (true, _) => Standing::Undecided,
            (false, true) => Standing::Confirmed,
            (false, false) => Standing::Contradicted,
        }
    }
}

/// Whether a record bears out what is written of the claims that its case decides; nothing if the
/// case was not judged. A belief is to end as is expected of it, which mostly is to be refuted; any
/// other sentence is to hold.
fn bears_out(record: &Record) -> Option<bool> {
    let belief = record.strength == Strength::Folklore;
    match record.verdict {
        Verdict::Conforms => Some(record.expected || !belief),
        Verdict::Deviates => Some(record.expected && belief),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn record(strength: Strength, verdict: Verdict, expected: bool) -> Record {
        Record { expected, ..Record::bare("a.b", "It does.", strength, verdict, "") }
    }

    #[rstest]
    #[case(Strength::Documented, Verdict::Conforms, true, Standing::Confirmed)]
    #[case::better_than_the_baseline(
        Strength::Documented,
        Verdict::Conforms,
        false,
        Standing::Confirmed
    )]
    #[case(Strength::Documented, Verdict::Deviates, false, Standing::Contradicted)]
    #[case::on_a_kernel_known_for_it(
        Strength::Documented,
        Verdict::Deviates,
        true,
        Standing::Contradicted
    )]
    #[case::a_belief_that_is_refuted(
        Strength::Folklore,
        Verdict::Deviates,
        true,
        Standing::Confirmed
    )]
    #[case::a_belief_that_holds(
        Strength::Folklore,
        Verdict::Conforms,
        false,
        Standing::Contradicted
    )]
    #[case(Strength::Documented, Verdict::Skipped, true, Standing::Undecided)]
    fn a_claim_stands_as_its_cases_end(
        #[case] strength: Strength,
        #[case] verdict: Verdict,
        #[case] expected: bool,
        #[case] standing: Standing,
    ) {
        let decides = record(strength, verdict, expected);
        assert_eq!(Standing::of([&decides]), standing);
        if standing != Standing::Undecided {
            let silent = record(Strength::Documented, Verdict::Unobservable, true);
            assert_eq!(Standing::of([&silent, &decides]), standing);
        }
    }

    #[test]
    fn a_case_decides_the_claims_that_it_names() {
        let mut record = record(Strength::Documented, Verdict::Conforms, true);
        record.sources = vec!["poll(2)".to_owned(), "notes S43".to_owned()];
        let ids = all().iter().filter(|claim| claim.is_decided_by(&record)).map(|claim| &*claim.id);
        assert_eq!(ids.collect::<Vec<_>>(), ["S43"]);
    }

    #[test]
    fn claims_are_in_order_and_sentences() {
        let claims = all();
        assert!(claims.is_sorted_by(|a, b| a.id < b.id), "unique and sorted");
        for Claim { id, text, truth, .. } in claims {
            assert!(id.len() == 3 && id.starts_with('S'), "{id}");
            assert!(text.ends_with('.') && truth.ends_with('.'), "{id}: {text} {truth}");
        }
    }
}
