//! What the cases say of the claims of the notes, on each system.

use super::Table;
use crate::case::Strength;
use crate::claims::{self, Claim};
use crate::record::{Record, Verdict};

/// A claim and what was seen of it.
pub(super) struct Seen {
    pub(super) claim: &'static Claim,
    /// The names of the rows whose cases decide it.
    pub(super) rows: Vec<String>,
    /// The places of the systems on which they say what `claims.toml` says.
    pub(super) confirmed: Vec<usize>,
    /// The places of the systems on which one of them says otherwise.
    pub(super) contradicted: Vec<usize>,
}

/// Every claim.
pub(super) fn seen(table: &Table) -> Vec<Seen> {
    claims::all().iter().map(|claim| look(table, claim)).collect()
}

fn look(table: &Table, claim: &'static Claim) -> Seen {
    let source = format!("notes {}", claim.id);
    let rows: Vec<_> =
        table.rows.iter().filter(|row| row.record.sources.contains(&source)).collect();
    let (mut confirmed, mut contradicted) = (Vec::new(), Vec::new());
    for at in 0..table.columns.len() {
        let says: Vec<bool> =
            rows.iter().filter_map(|row| row.cells[at]).filter_map(agrees).collect();
        match (says.is_empty(), says.iter().all(|agrees| *agrees)) {
            (true, _) => {}
            (false, true) => confirmed.push(at),
            (false, false) => contradicted.push(at),
        }
    }
    let rows = rows.iter().map(|row| row.name.clone()).collect();
    Seen { claim, rows, confirmed, contradicted }
}

/// Whether a record bears out what is written of a claim; nothing if the case was not judged. A
/// belief is refuted by a deviation that was expected; any other sentence is to hold.
fn agrees(record: &Record) -> Option<bool> {
    match record.verdict {
        Verdict::Conforms => Some(record.expected),
        Verdict::Deviates => Some(record.expected && record.strength == Strength::Folklore),
        _ => None,
    }
}
