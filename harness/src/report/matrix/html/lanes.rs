//! A timeline as the page's script draws it.

use serde::Serialize;

use crate::record::Evidence;
use crate::trace::lines::{Lane, lanes, lines, millis};
use crate::trace::{MOST, Span};

/// The calls of a trial.
#[derive(Serialize, PartialEq)]
pub(super) struct Timeline {
    /// The threads.
    lanes: Vec<String>,
    /// A bar a call: its lane, when it began and how long it took in microseconds, whether the thread
    /// slept in it, and what it was.
    bars: Vec<(usize, u64, u64, u8, String)>,
    /// The same for those who do not see them.
    text: String,
    /// What is to be known of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// The timeline of a trial, if it has one, with at most so many of its calls, the last.
pub(super) fn of(evidence: &Evidence, most: usize) -> Option<Timeline> {
    let all = &evidence.timeline;
    if all.is_empty() || most == 0 {
        return None;
    }
    let left_out = all.len().saturating_sub(most);
    let spans = &all[left_out..];
    let threads = lanes(spans);
    let bar = |span: &Span| {
        let lane = threads.iter().position(|lane| lane.thread == span.thread)?;
        let result = if span.result.is_empty() { "not ended" } else { &span.result };
        let text = format!("{} = {result}", span.call);
        Some((lane, span.start, span.micros, span.slept.into(), text))
    };
    let line = |line: crate::trace::lines::Line| {
        format!("{:>10}  {:<8} {}", millis(line.at), threads[line.lane].thread, line.text)
    };
    let mut notes = Vec::new();
    if evidence.timeline_is_of_another {
        notes.push("It is of another trial, which deviated too.".to_owned());
    }
    if all.len() >= MOST {
        notes.push(format!("The trial made more than {MOST} calls: what came later was not kept."));
    }
    if left_out > 0 {
        notes.push(format!("The first {left_out} of {} calls are only in the JSON.", all.len()));
    }
    Some(Timeline {
        bars: spans.iter().filter_map(bar).collect(),
        text: lines(spans).into_iter().map(line).collect::<Vec<_>>().join("\n"),
        lanes: threads.iter().map(label).collect(),
        notes,
    })
}

fn label(lane: &Lane) -> String {
    let Lane { process, thread, name } = lane;
    if lane.is_a_process() {
        format!("{thread} {name}")
    } else {
        format!("{process}/{thread} {name}")
    }
}
