//! What is not the same on all kernels, and at which it changed.

use super::super::join::version_of;
use super::{Row, Table, is_judged};
use crate::matrix::Matrix;
use crate::record::{Record, Verdict};

/// A behaviour that changed from one kernel to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The case, behind the name of the server if one was judged.
    pub id: String,
    /// Its claim.
    pub claim: String,
    /// How it ended, kernel by kernel; two or more.
    pub spans: Vec<Span>,
    /// The kernels on which it was not judged, and what it was there.
    pub unknown: Vec<(String, Verdict)>,
    /// What the contract or the baseline says of it, or else why it does not conform.
    pub why: String,
    /// Whether each verdict is what was expected of its kernel.
    pub expected: bool,
}

/// Kernels in a row that end alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// How.
    pub verdict: Verdict,
    /// The first of them.
    pub first: String,
    /// The last.
    pub last: String,
}

impl Flip {
    /// The first kernel that differs from the one before it.
    pub fn at(&self) -> &str {
        self.spans.get(1).map_or("", |span| &span.first)
    }

    /// `deviates up to 6.1, conforms from 6.12`, and where it is not known.
    pub fn story(&self) -> String {
        let last = self.spans.len() - 1;
        let part = |(at, span): (usize, &Span)| match at {
            0 => format!("{} up to {}", span.verdict, span.last),
            _ if at == last => format!("{} from {}", span.verdict, span.first),
            _ if span.first == span.last => format!("{} on {}", span.verdict, span.first),
            _ => format!("{} from {} to {}", span.verdict, span.first, span.last),
        };
        let mut parts: Vec<_> = self.spans.iter().enumerate().map(part).collect();
        parts.extend(self.unknown.iter().map(|(kernel, verdict)| format!("{verdict} on {kernel}")));
        parts.join(", ")
    }
}

/// What changed between the kernels of a matrix, sorted by id. Only plain kernels are compared, and
/// only verdicts that say something of the behaviour: a kernel on which a case was skipped is passed
/// over.
pub fn flips(matrix: &Matrix) -> Vec<Flip> {
    of(&Table::of(matrix))
}

pub(super) fn of(table: &Table) -> Vec<Flip> {
    let kernels = table.kernels();
    table.rows.iter().filter_map(|row| flip(table, &kernels, row)).collect()
}

fn flip(table: &Table, kernels: &[usize], row: &Row) -> Option<Flip> {
    let mut spans: Vec<Span> = Vec::new();
    let mut unknown = Vec::new();
    let mut telling: Option<&Record> = None;
    for &at in kernels {
        let Some(record) = row.cells[at] else { continue };
        let kernel = table.columns[at].name.clone();
        if !is_judged(record.verdict) {
            unknown.push((kernel, record.verdict));
            continue;
        }
        // The one that says most: a note, or else a reason.
        let says = |record: &Record| (!record.note.is_empty(), !record.reason.is_empty());
        if telling.is_none_or(|best| says(record) > says(best)) {
            telling = Some(record);
        }
        match spans.last_mut() {
            Some(span) if span.verdict == record.verdict => span.last = kernel,
            _ => spans.push(Span { verdict: record.verdict, first: kernel.clone(), last: kernel }),
        }
    }
    let why = telling
        .map_or("", |record| if record.note.is_empty() { &record.reason } else { &record.note });
    (spans.len() > 1).then(|| Flip {
        id: row.name.clone(),
        claim: row.record.claim.clone(),
        why: why.to_owned(),
        expected: kernels.iter().filter_map(|at| row.cells[*at]).all(|record| record.expected),
        spans,
        unknown,
    })
}

/// How systems that are no plain kernels differ from the plain kernel that is nearest to each.
pub(super) struct Elsewhere<'a> {
    /// The places of their columns, each with that of the kernel that it is compared with.
    pub(super) places: Vec<(usize, usize)>,
    /// The rows whose judged verdicts are not those of the kernels, and the same on all these systems.
    pub(super) rows: Vec<&'a Row<'a>>,
}

impl Elsewhere<'_> {
    /// The systems, and the kernels that they are compared with, as a text each.
    pub(super) fn names(&self, table: &Table) -> (String, String) {
        let (systems, mut kernels): (Vec<_>, Vec<_>) = self.places.iter().copied().unzip();
        kernels.sort_unstable();
        kernels.dedup();
        (table.ranges(&systems), table.ranges(&kernels))
    }

    /// What was seen of a row on the first of the systems, and on the kernel beside it.
    pub(super) fn seen<'b>(&self, row: &'b Row) -> Option<(&'b Record, &'b Record)> {
        let (system, kernel) = *self.places.first()?;
        row.cells[system].zip(row.cells[kernel])
    }
}

/// The systems that differ from a plain kernel: the one of the same version, or else the newest.
pub(super) fn elsewhere<'a>(table: &'a Table<'a>) -> Vec<Elsewhere<'a>> {
    let kernels = table.kernels();
    let version =
        |at: usize| version_of(&table.columns[at]).0.map(|version| (version.0, version.1));
    let others = (0..table.columns.len()).filter(|at| !kernels.contains(at));
    let compared: Vec<(usize, usize)> = others
        .filter_map(|at| {
            let same = kernels.iter().find(|kernel| version(**kernel) == version(at));
            Some((at, *same.or(kernels.last())?))
        })
        .collect();
    let mut groups: Vec<Elsewhere> = Vec::new();
    for row in &table.rows {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| is_judged(*verdict)) {
            let differs = |&(at, with): &(usize, usize)| {
                row.cells[at].is_some_and(|other| other.verdict == verdict)
                    && row.cells[with]
                        .is_some_and(|plain| plain.verdict != verdict && is_judged(plain.verdict))
            };
            let places: Vec<_> = compared.iter().copied().filter(differs).collect();
            match groups.iter_mut().find(|group| group.places == places) {
                _ if places.is_empty() => {}
                Some(group) => group.rows.push(row),
                None => groups.push(Elsewhere { places, rows: vec![row] }),
            }
        }
    }
    groups.sort_by(|a, b| a.places.cmp(&b.places));
    groups
}
