//! What a reader sees, made from a [`Run`] and from nothing else: the same run gives the same
//! bytes.

mod diff;
mod file;
mod junit;
mod ktap;
mod markdown;

pub use diff::{Change, diff};
pub use file::{ReadError, merge, read, write};

use crate::case::Strength;
use crate::record::{Record, Run, Verdict};

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The run itself, as `docs/result-schema.json` describes it.
    Json,
    /// A page for people.
    Markdown,
    /// Kernel TAP version 1.
    Ktap,
    /// `JUnit` XML, the subset that `junit-10.xsd` accepts.
    Junit,
}

impl Format {
    /// Every format, with its name and the file endings that imply it.
    pub const ALL: [(Format, &'static str, &'static [&'static str]); 4] = [
        (Format::Json, "json", &["json"]),
        (Format::Markdown, "md", &["md", "markdown"]),
        (Format::Ktap, "ktap", &["ktap", "tap"]),
        (Format::Junit, "junit", &["xml"]),
    ];

    /// The format with this name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL
            .iter()
            .find(|(_, word, endings)| *word == name || endings.contains(&name))
            .map(|(format, ..)| *format)
    }

    /// The run in this format.
    pub fn render(self, run: &Run) -> String {
        match self {
            Format::Json => file::json(run),
            Format::Markdown => markdown::render(run),
            Format::Ktap => ktap::render(run),
            Format::Junit => junit::render(run),
        }
    }
}

/// The records, and one more for each thing that is wrong with the run as a whole: formats that
/// know cases only must not show a part as the whole.
fn with_the_run_itself(run: &Run) -> Vec<Record> {
    let mut records = run.records.clone();
    let mut add = |name: String, verdict, reason: String| {
        let (id, claim) = (format!("ioconform.run.{name}"), "The run is whole.");
        let mut record = Record::bare(id, claim, Strength::Documented, verdict, reason);
        record.expected = false;
        records.push(record);
    };
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

/// A text on one line, with control characters gone.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
