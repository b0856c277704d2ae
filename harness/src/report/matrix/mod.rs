//! What a reader sees of several systems side by side.

pub(super) mod changes;
mod claims;
pub(super) mod html;
pub(super) mod kcidb;
pub(super) mod markdown;
pub(super) mod svg;

use std::collections::BTreeMap;

use super::join::is_plain;
use crate::matrix::{Column, Matrix};
use crate::record::{Record, Verdict};

/// A matrix by rows.
struct Table<'a> {
    columns: &'a [Column],
    /// Sorted by name.
    rows: Vec<Row<'a>>,
}

/// A case, and server, on every system.
struct Row<'a> {
    /// That of the records.
    name: String,
    /// A cell a column: nothing where the case was not tried.
    cells: Vec<Option<&'a Record>>,
    /// One of them: what is the same in all, such as the claim, is the newest system's.
    record: &'a Record,
}

impl<'a> Table<'a> {
    fn of(matrix: &'a Matrix) -> Table<'a> {
        let columns = &matrix.columns;
        let mut rows: BTreeMap<String, (Vec<Option<&Record>>, &Record)> = BTreeMap::new();
        for (at, column) in columns.iter().enumerate() {
            for record in column.run.iter().flat_map(|run| &run.records) {
                let (cells, latest) = rows
                    .entry(record.name())
                    .or_insert_with(|| (vec![None; columns.len()], record));
                cells[at] = Some(record);
                *latest = record;
            }
        }
        let row = |(name, (cells, record))| Row { name, cells, record };
        Table { columns, rows: rows.into_iter().map(row).collect() }
    }

    /// The rows by area: of a case about the kernel the first part of its id, of others the server.
    fn areas(&self) -> Vec<(&str, Vec<&Row<'a>>)> {
        let mut areas: Vec<(&str, Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            match areas.last_mut() {
                Some((area, rows)) if *area == row.area() => rows.push(row),
                _ => areas.push((row.area(), vec![row])),
            }
        }
        areas
    }

    /// The places of the columns that are plain kernels, in the order of their versions.
    fn kernels(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|at| is_plain(&self.columns[*at])).collect()
    }

    /// `6.1, 6.12–7.3`: the names of the columns at these places, of which neighbours of one kind
    /// become a range.
    fn ranges(&self, places: &[usize]) -> String {
        let kind = |at: usize| self.columns[at].platform.kind;
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for &place in places {
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == place && kind(*last) == kind(place) => {
                    *last = place;
                }
                _ => spans.push((place, place)),
            }
        }
        let name = |at: usize| &self.columns[at].name;
        let text = |&(first, last): &(usize, usize)| match last - first {
            0 => name(first).clone(),
            1 => format!("{}, {}", name(first), name(last)),
            _ => format!("{}–{}", name(first), name(last)),
        };
        spans.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    /// Every record that is there, with its column.
    fn records(&self) -> impl Iterator<Item = (&'a Column, &'a Record)> {
        self.rows.iter().flat_map(|row| {
            self.columns
                .iter()
                .zip(&row.cells)
                .filter_map(|(column, cell)| Some((column, (*cell)?)))
        })
    }

    /// How many records are not what was expected.
    fn unexpected(&self) -> usize {
        self.records().filter(|(_, record)| !record.expected).count()
    }
}

impl Row<'_> {
    fn area(&self) -> &str {
        let area = self.record.id.split('.').next().unwrap_or("");
        self.record.target.as_deref().unwrap_or(area)
    }

    /// The name without the area.
    fn rest(&self) -> &str {
        self.name.get(self.area().len() + 1..).unwrap_or(&self.name)
    }
}

/// A verdict as one sign; a star behind it is for what is unexpected.
fn glyph(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conforms => "✓",
        Verdict::Deviates => "✗",
        Verdict::Unsupported => "–",
        Verdict::Unobservable => "?",
        Verdict::Skipped => "·",
        Verdict::Blocked => "◇",
        Verdict::Error => "!",
    }
}

/// What a verdict means, in a few words.
fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conforms => "every check held",
        Verdict::Deviates => "a check failed",
        Verdict::Unsupported => "the system says itself that it does not have it",
        Verdict::Unobservable => "it may be there, and cannot be seen here",
        Verdict::Skipped => "the machine lacks something that the case needs",
        Verdict::Blocked => "the server did not get as far",
        Verdict::Error => "the suite failed, and nothing is claimed",
    }
}

/// The verdicts that say something of the behaviour: the others say that it was not judged.
fn is_judged(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Conforms | Verdict::Deviates | Verdict::Unsupported)
}

/// Whether two cells say the same at a glance.
fn alike(a: Option<&Record>, b: Option<&Record>) -> bool {
    let face = |it: &Record| (it.verdict, it.expected, it.evidence.kernel_log.is_empty());
    a.map(face) == b.map(face)
}

/// The matrix in a sentence: what is the same everywhere, and what is not.
fn sentence(table: &Table) -> String {
    let changed = changes::of(table).len();
    let broken = table.columns.iter().filter(|column| column.broken.is_some()).count();
    let systems = table.columns.len();
    let mut text = format!(
        "{} on {}: ",
        counted(table.rows.len(), "behaviour", "behaviours"),
        counted(systems, "system", "systems")
    );
    if table.kernels().len() > 1 {
        let verb = if changed == 1 { "changes" } else { "change" };
        text += &format!("{changed} {verb} between kernels, ");
    }
    text += &format!("{} unexpected", counted(table.unexpected(), "verdict is", "verdicts are"));
    if broken > 0 {
        text += &format!(", {} did not get to the end", counted(broken, "system", "systems"));
    }
    text + "."
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Platform, PlatformKind};

    #[test]
    fn neighbours_become_a_range() {
        let column = |(name, kind): (&str, PlatformKind)| {
            let platform = Platform { kind, ..Platform::default() };
            Column { name: name.to_owned(), platform, broken: None, run: None }
        };
        let linux = ["5.10", "6.1", "6.12", "7.3"].map(|name| (name, PlatformKind::Qemu));
        let mut matrix = Matrix::new("", String::new());
        matrix.columns =
            linux.into_iter().chain([("uml", PlatformKind::Uml)]).map(column).collect();
        let table = Table::of(&matrix);
        assert_eq!(table.ranges(&[0, 1, 2, 3, 4]), "5.10–7.3, uml");
        assert_eq!(table.ranges(&[0, 1, 3, 4]), "5.10, 6.1, 7.3, uml");
        assert_eq!(table.ranges(&[]), "");
    }
}
