//! What a reader sees, made from a [`Run`] and from nothing else: the same run gives the same
//! bytes.

mod diff;
mod file;
mod junit;
mod ktap;
mod markdown;

pub use diff::{Change, diff};
pub use file::{ReadError, merge, read, write};

use crate::record::Run;

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

/// Groups records by everything before the last dot of the id, keeping their order.
fn by_topic(run: &Run) -> Vec<(&str, Vec<&crate::record::Record>)> {
    let mut topics: Vec<(&str, Vec<_>)> = Vec::new();
    for record in &run.records {
        let topic = record.id.rsplit_once('.').map_or("", |(topic, _)| topic);
        match topics.last_mut() {
            Some((last, records)) if *last == topic => records.push(record),
            _ => topics.push((topic, vec![record])),
        }
    }
    topics
}

/// A text on one line, with control characters gone.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
