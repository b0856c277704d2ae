//! What a reader sees, made from a [`Run`] or a [`Matrix`] and from nothing else: the same result
//! gives the same bytes.

mod diff;
mod file;
mod join;
mod junit;
mod ktap;
mod markdown;
mod matrix;
mod text;

pub use diff::{Change, diff, diff_matrices};
pub use file::{ReadError, read, write};
pub use join::{Results, join, merge};
pub use matrix::changes::{Flip, Span, flips};

use crate::case::Strength;
use crate::matrix::{Broken, Matrix};
use crate::record::{Record, Run, Verdict};

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The result itself, as `docs/result-schema.json` or `docs/matrix-schema.json` describes it.
    Json,
    /// A page for people.
    Markdown,
    /// A page for people, to look into: one file that needs nothing else.
    Html,
    /// A picture of areas and systems.
    Svg,
    /// A picture of one line.
    Badge,
    /// Kernel TAP version 1.
    Ktap,
    /// `JUnit` XML, the subset that `junit-10.xsd` accepts.
    Junit,
    /// What KernelCI's database takes: KCIDB 5.3.
    Kcidb,
}

impl Format {
    /// Every format, with its name and the file endings that imply it.
    pub const ALL: [(Format, &'static str, &'static [&'static str]); 8] = [
        (Format::Json, "json", &["json"]),
        (Format::Markdown, "md", &["md", "markdown"]),
        (Format::Html, "html", &["html", "htm"]),
        (Format::Svg, "svg", &["svg"]),
        (Format::Badge, "badge", &[]),
        (Format::Ktap, "ktap", &["ktap", "tap"]),
        (Format::Junit, "junit", &["xml"]),
        (Format::Kcidb, "kcidb", &[]),
    ];

    /// The run in this format. What is made for several systems shows it as the only one.
    pub fn render(self, run: &Run) -> String {
        self.render_run_by(run, &run.command)
    }

    /// The matrix in this format.
    pub fn render_matrix(self, matrix: &Matrix) -> String {
        self.render_matrix_by(matrix, &matrix.command)
    }

    /// The run; on a page, as written by a command with these arguments.
    fn render_run_by(self, run: &Run, arguments: &[String]) -> String {
        match self {
            Format::Json => file::json(run),
            Format::Markdown => markdown::render(run, arguments),
            Format::Ktap => ktap::render(run),
            Format::Junit => junit::render(run),
            Format::Html | Format::Svg | Format::Badge | Format::Kcidb => {
                let matrix = join::of_run("this machine".to_owned(), run.clone());
                self.render_matrix_by(&matrix, arguments)
            }
        }
    }

    /// The matrix; on a page, as written by a command with these arguments.
    fn render_matrix_by(self, matrix: &Matrix, arguments: &[String]) -> String {
        match self {
            Format::Json => file::json(matrix),
            Format::Markdown => matrix::markdown::render(matrix, arguments),
            Format::Html => matrix::html::render(matrix, arguments),
            Format::Svg => matrix::svg::render(matrix),
            Format::Badge => matrix::svg::badge(matrix),
            Format::Ktap => ktap::render_matrix(matrix),
            Format::Junit => junit::render_matrix(matrix),
            Format::Kcidb => matrix::kcidb::render(matrix),
        }
    }
}

/// The records, and one more for each thing that is wrong with the run, or the system, as a whole:
/// formats that know cases only must not show a part as the whole.
fn with_the_run_itself(run: Option<&Run>, broken: Option<&Broken>) -> Vec<Record> {
    let mut records = run.map_or(Vec::new(), |run| run.records.clone());
    let mut add = |name: String, verdict, reason: String| {
        let (id, claim) = (format!("ioconform.run.{name}"), "The run is whole.");
        let mut record = Record::bare(id, claim, Strength::Documented, verdict, reason);
        record.expected = false;
        records.push(record);
    };
    if let Some(broken) = broken {
        let reason = format!("{}: {}", broken.how.word(), broken.reason);
        add("survived".to_owned(), Verdict::Error, reason);
    }
    let Some(run) = run else { return records };
    if !run.complete {
        add(
            "complete".to_owned(),
            Verdict::Error,
            "the run ended before every case was judged".to_owned(),
        );
    }
    for (number, entry) in run.stale_baseline.iter().enumerate() {
        add(
            format!("baseline_{}", number + 1),
            Verdict::Deviates,
            format!("the baseline entry {entry} matched nothing"),
        );
    }
    records
}

/// Groups records by everything before the last dot of the id, behind the name of the server if
/// one was judged. Groups of one server stand together; else the order is kept.
fn by_topic(records: &[Record]) -> Vec<(String, Vec<&Record>)> {
    let mut topics: Vec<(String, Vec<_>)> = Vec::new();
    for record in records {
        let topic = record.id.rsplit_once('.').map_or("", |(topic, _)| topic);
        let topic = match &record.target {
            Some(target) => format!("{target}.{topic}"),
            None => topic.to_owned(),
        };
        match topics.iter_mut().find(|(known, _)| *known == topic) {
            Some((_, records)) => records.push(record),
            None => topics.push((topic, vec![record])),
        }
    }
    topics
}
