//! What changed between two runs, or two matrices.

use std::collections::BTreeMap;

use crate::matrix::{Column, Matrix};
use crate::record::{Record, Run, Verdict};

/// A case whose outcome is not the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The case, behind the name of the server if one was judged; in a matrix, behind `@` the
    /// system too.
    pub id: String,
    /// Its verdict in the old run; `None` if it was not there.
    pub old: Option<Verdict>,
    /// Its verdict in the new run; `None` if it is not there any more.
    pub new: Option<Verdict>,
    /// Whether the new run is worse: it no longer conforms, or can no longer be judged.
    pub regression: bool,
    /// Why the new verdict is what it is.
    pub reason: String,
}

/// The cases that differ, sorted by id. The diff of a run with itself is empty.
pub fn diff(old: &Run, new: &Run) -> Vec<Change> {
    let mut pairs: BTreeMap<String, (Option<&Record>, Option<&Record>)> = BTreeMap::new();
    for record in &old.records {
        pairs.entry(record.name()).or_default().0 = Some(record);
    }
    for record in &new.records {
        pairs.entry(record.name()).or_default().1 = Some(record);
    }
    let change = |(id, (old, new)): (&String, &(Option<&Record>, Option<&Record>))| {
        let (before, after) = (old.map(|record| record.verdict), new.map(|record| record.verdict));
        let flaky = new.is_some_and(Record::flaky) && !old.is_some_and(Record::flaky);
        (before != after || flaky).then(|| Change {
            id: id.clone(),
            old: before,
            new: after,
            regression: flaky || worse(before, after),
            reason: new
                .map(|record| if flaky { record.note.clone() } else { record.reason.clone() })
                .unwrap_or_default(),
        })
    };
    pairs.iter().filter_map(change).collect()
}

/// The cases that differ, system by system, of those that stand in both. A system that broke, or is
/// mended, is a change itself.
pub fn diff_matrices(old: &Matrix, new: &Matrix) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &old.columns {
        let Some(after) = new.columns.iter().find(|column| column.name == before.name) else {
            continue;
        };
        let fate = |column: &Column| column.broken.as_ref().map(|broken| broken.how);
        if fate(before) != fate(after) {
            let verdict = |column| fate(column).map_or(Verdict::Conforms, |_| Verdict::Error);
            changes.push(Change {
                id: format!("system@{}", after.name),
                old: Some(verdict(before)),
                new: Some(verdict(after)),
                regression: after.broken.is_some(),
                reason: after.broken.as_ref().map_or_else(String::new, |broken| {
                    format!("{}: {}", broken.how.word(), broken.reason)
                }),
            });
        }
        if let (Some(old), Some(new)) = (&before.run, &after.run) {
            changes.extend(
                diff(old, new)
                    .into_iter()
                    .map(|change| Change { id: format!("{}@{}", change.id, after.name), ..change }),
            );
        }
    }
    changes
}

/// A case that is new is worse than nothing if it shows a deviation or an error; one that is gone
/// is worse if it conformed. Otherwise it is the verdicts' order of merit that counts.
fn worse(old: Option<Verdict>, new: Option<Verdict>) -> bool {
    match (old, new) {
        (None, Some(new)) => matches!(new, Verdict::Deviates | Verdict::Error),
        (Some(old), None) => old == Verdict::Conforms,
        (Some(old), Some(new)) => merit(new) < merit(old),
        (None, None) => false,
    }
}

fn merit(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Conforms => 3,
        Verdict::Unsupported | Verdict::Unobservable | Verdict::Skipped | Verdict::Blocked => 2,
        Verdict::Error => 1,
        Verdict::Deviates => 0,
    }
}
