//! Several results as one: the parts of a run, or of a matrix, and runs of different systems.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Format;
use crate::kernel::Version;
use crate::matrix::{Column, Matrix, PlatformKind};
use crate::record::{Judged, Record, Run};

/// What a result file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Results {
    /// The cases on one system.
    Run(Run),
    /// The cases on several.
    Matrix(Matrix),
}

impl Results {
    /// It in this format. Pages say that they were written by a command with these arguments; as JSON
    /// it keeps those of the command that judged.
    pub fn render(&self, format: Format, arguments: &[String]) -> String {
        match self {
            Results::Run(run) => format.render_run_by(run, arguments),
            Results::Matrix(matrix) => format.render_matrix_by(matrix, arguments),
        }
    }

    /// It as a matrix: a run is a column that is called like its kernel's release.
    pub fn into_matrix(self) -> Matrix {
        match self {
            Results::Run(run) => of_run(run.system.release.clone(), run),
            Results::Matrix(matrix) => matrix,
        }
    }
}

/// The matrix of a run alone, with its column called `name`.
pub(super) fn of_run(name: String, run: Run) -> Matrix {
    Matrix {
        millis: run.millis,
        interrupted: run.interrupted,
        command: run.command.clone(),
        notes: run.notes.clone(),
        columns: vec![Column::of(name, run.clone())],
        ..Matrix::new(&run.ioconform, run.started)
    }
}

/// One result of several. Parts of one run become a run; else all become one matrix, in which parts
/// of one system are one column. Parts may be joined in any grouping, and a part that is joined again
/// changes nothing.
///
/// What is no part stands beside the others: another system of the same name, and a result that has a
/// record of its own of a case that is judged already. `gate` is the case that every part of a run of
/// servers tries: of its records the last counts, if they agree.
pub fn join(parts: Vec<Results>, gate: &str) -> Option<Results> {
    let are_runs = parts.iter().all(|part| matches!(part, Results::Run(_)));
    let mut parts = parts.into_iter().map(Results::into_matrix);
    let mut whole = parts.next()?;
    for mut part in parts {
        whole.millis = whole.millis.max(part.millis);
        whole.interrupted |= part.interrupted;
        add_new(&mut whole.notes, part.notes);
        part.columns.sort_by_key(|column| numbered(&column.name).1);
        for column in part.columns {
            add(&mut whole.columns, column, gate);
        }
    }
    if are_runs && whole.columns.len() == 1 {
        return whole.columns.pop().and_then(|column| column.run).map(Results::Run);
    }
    Some(Results::Matrix(sorted(whole)))
}

/// Adds a column: to one that it is a part of, or else beside all others, under a name of its own.
fn add(columns: &mut Vec<Column>, mut column: Column, gate: &str) {
    let name = numbered(&column.name).0.to_owned();
    let whole =
        |known: &&mut Column| numbered(&known.name).0 == name && are_parts(known, &column, gate);
    if let Some(known) = columns.iter_mut().find(whole) {
        join_columns(known, column);
        return;
    }
    let is_free = |name: &String| columns.iter().all(|known| known.name != *name);
    let names = (2_u32..).map(|number| format!("{name} ({number})"));
    let free = [column.name].into_iter().chain(names).find(is_free);
    column.name = free.unwrap_or(name);
    columns.push(column);
}

/// The name that a column had before it was joined with others, and the number that it got among those
/// of that name: `6.12 (2)` is the second `6.12`.
pub(super) fn numbered(name: &str) -> (&str, u32) {
    let split = || {
        let (before, number) = name.strip_suffix(')')?.rsplit_once(" (")?;
        Some((before, number.parse().ok()?))
    };
    split().unwrap_or((name, 1))
}

/// Whether both are of one system, as far as that is known, and do not contradict each other.
fn are_parts(a: &Column, b: &Column, gate: &str) -> bool {
    let (from, to) = (&a.platform, &b.platform);
    is_unknown(a)
        || is_unknown(b)
        || (from.kind, &from.image_sha256) == (to.kind, &to.image_sha256)
            && a.run.iter().zip(&b.run).all(|(a, b)| is_one_system(a, b) && agree(a, b, gate))
}

/// Whether nothing is known of the system but its name: it was never started.
fn is_unknown(column: &Column) -> bool {
    column.run.is_none() && column.platform.image_sha256.is_empty()
}

/// Whether both runs judged the same kernel, and of servers with the same name the same.
fn is_one_system(a: &Run, b: &Run) -> bool {
    fn kernel(run: &Run) -> [&str; 3] {
        [&run.system.release, &run.system.version, &run.system.machine]
    }
    let same = |server: &Judged| {
        b.targets.iter().all(|other| other.name != server.name || other == server)
    };
    kernel(a) == kernel(b) && a.targets.iter().all(same)
}

/// Whether the runs have no two records of a case, and server. A record that is the very same is not
/// another, nor is one of the gate with the same verdict.
fn agree(a: &Run, b: &Run, gate: &str) -> bool {
    fn key(record: &Record) -> (&str, Option<&str>) {
        (&record.id, record.target.as_deref())
    }
    let known: BTreeMap<_, _> = a.records.iter().map(|record| (key(record), record)).collect();
    b.records.iter().all(|record| match known.get(&key(record)) {
        Some(other) if record.id == gate => other.verdict == record.verdict,
        Some(other) => *other == record,
        None => true,
    })
}

/// The same system again: the records of both, and the fate of the one that got further. One that
/// broke is mended by one that did not.
fn join_columns(whole: &mut Column, part: Column) {
    let got = |column: &Column| {
        let ran = column.run.is_some();
        (ran, !column.platform.image_sha256.is_empty(), ran == column.broken.is_none())
    };
    let (before, now) = (got(whole), got(&part));
    let complete = |column: &Column| column.run.as_ref().is_none_or(|run| run.complete);
    let complete = match before.cmp(&now) {
        std::cmp::Ordering::Less => complete(&part),
        std::cmp::Ordering::Equal => complete(whole) && complete(&part),
        std::cmp::Ordering::Greater => complete(whole),
    };
    if now >= before {
        whole.platform = part.platform;
        whole.broken = part.broken;
    }
    whole.run = merge(whole.run.take().into_iter().chain(part.run).collect());
    if let Some(run) = &mut whole.run {
        run.complete = complete;
    }
}

/// The columns in the order of a report: kernels by version, what is no plain kernel of a version
/// behind the one that is, and then the other kinds of systems.
fn sorted(mut matrix: Matrix) -> Matrix {
    matrix.columns.sort_by_cached_key(|column| {
        let (version, flavour) = version_of(column);
        // What has no version is last of its kind.
        (column.platform.kind, Reverse(version.map(Reverse)), flavour, column.name.clone())
    });
    matrix
}

/// The version in the name of a column, or else of its release; and what its name says behind it.
pub(super) fn version_of(column: &Column) -> (Option<Version>, String) {
    let flavour = column.name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    match column.name.parse() {
        Ok(version) => (Some(version), flavour.to_owned()),
        Err(_) => (column.release().parse().ok(), column.name.clone()),
    }
}

/// Whether it is a Linux kernel in a virtual machine as its name says nothing but a version.
pub(super) fn is_plain(column: &Column) -> bool {
    column.platform.kind == PlatformKind::Qemu && version_of(column).1.is_empty()
}

/// One run of the parts of one: the records of all, the frame of the first. Of a case, and
/// server, that stands in several parts, the last record counts. It took as long as its longest
/// part: parts run side by side.
pub fn merge(parts: Vec<Run>) -> Option<Run> {
    let mut records = BTreeMap::new();
    let mut parts = parts.into_iter();
    let mut whole = parts.next()?;
    let mut targets: Vec<Judged> = Vec::new();
    let mut add = |records: &mut BTreeMap<_, _>, run: &mut Run| {
        for target in run.targets.drain(..) {
            if !targets.iter().any(|known| known.name == target.name) {
                targets.push(target);
            }
        }
        records.extend(run.records.drain(..).map(|record| {
            // Of one id, in the order of the targets; a part may have targets of its own.
            let place =
                targets.iter().position(|target| Some(&target.name) == record.target.as_ref());
            ((record.id.clone(), place), record)
        }));
    };
    add(&mut records, &mut whole);
    for mut part in parts {
        add(&mut records, &mut part);
        whole.millis = whole.millis.max(part.millis);
        whole.complete &= part.complete;
        whole.interrupted |= part.interrupted;
        add_new(&mut whole.notes, part.notes);
        whole.stale_baseline.retain(|entry| part.stale_baseline.contains(entry));
    }
    whole.records = records.into_values().collect();
    whole.targets = targets;
    Some(whole)
}

/// Adds the notes that are not there yet.
fn add_new(notes: &mut Vec<String>, more: Vec<String>) {
    for note in more {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}
