//! Several results as one: the parts of a run, or of a matrix, and runs of different systems.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Format;
use crate::kernel::Version;
use crate::matrix::{Column, Matrix, PlatformKind};
use crate::record::{Judged, Run};

/// What a result file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Results {
    /// The cases on one system.
    Run(Run),
    /// The cases on several.
    Matrix(Matrix),
}

impl Results {
    /// It in this format.
    pub fn render(&self, format: Format) -> String {
        match self {
            Results::Run(run) => format.render(run),
            Results::Matrix(matrix) => format.render_matrix(matrix),
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

/// One result of several. Runs of one kernel stay a run; else all become one matrix, whose columns
/// of equal name are one. Of a case that stands in several parts, the last record counts. Parts
/// may be joined in any grouping, and a part that is joined again changes nothing.
pub fn join(parts: Vec<Results>) -> Option<Results> {
    let release = |part: &Results| match part {
        Results::Run(run) => Some(run.system.release.clone()),
        Results::Matrix(_) => None,
    };
    let first = release(parts.first()?);
    if first.is_some() && parts.iter().all(|part| release(part) == first) {
        let runs = parts.into_iter().filter_map(|part| match part {
            Results::Run(run) => Some(run),
            Results::Matrix(_) => None,
        });
        return merge(runs.collect()).map(Results::Run);
    }
    let whole = parts.into_iter().map(Results::into_matrix).reduce(|mut whole, part| {
        whole.millis = whole.millis.max(part.millis);
        whole.interrupted |= part.interrupted;
        add_new(&mut whole.notes, part.notes);
        for column in part.columns {
            match whole.columns.iter_mut().find(|known| known.name == column.name) {
                Some(known) => join_columns(known, column),
                None => whole.columns.push(column),
            }
        }
        whole
    })?;
    Some(Results::Matrix(sorted(whole)))
}

/// The same system again: the records of both, and the fate of the one that got further. One that
/// broke is mended by one that did not.
fn join_columns(whole: &mut Column, part: Column) {
    let got = |column: &Column| match (&column.broken, &column.run) {
        (None, Some(_)) => 2,
        (Some(_), _) => 1,
        (None, None) => 0,
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
