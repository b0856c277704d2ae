//! What the cases say of the claims of the notes, on each system.

use super::Table;
use crate::claims::{self, Claim, Standing};

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
    let rows: Vec<_> = table.rows.iter().filter(|row| claim.is_decided_by(row.record)).collect();
    let (mut confirmed, mut contradicted) = (Vec::new(), Vec::new());
    for at in 0..table.columns.len() {
        match Standing::of(rows.iter().filter_map(|row| row.cells[at])) {
            Standing::Undecided => {}
            Standing::Confirmed => confirmed.push(at),
            Standing::Contradicted => contradicted.push(at),
        }
    }
    let rows = rows.iter().map(|row| row.name.clone()).collect();
    Seen { claim, rows, confirmed, contradicted }
}
