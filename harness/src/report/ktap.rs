//! KTAP version 1 (`Documentation/dev-tools/ktap.rst`), as `kunit_parser.py` reads it: a subtest
//! for each topic (of a matrix, within one for each system), `SKIP` as the only directive that it
//! honours, and no `#` in a name.

use std::fmt::Write as _;

use super::text::one_line;
use super::{by_topic, with_the_run_itself};
use crate::matrix::Matrix;
use crate::record::{Record, Run, Verdict};

pub(super) fn render(run: &Run) -> String {
    format!("KTAP version 1\n{}", plan(&with_the_run_itself(Some(run), None)))
}

/// A subtest a system, with those of its topics in it.
pub(super) fn render_matrix(matrix: &Matrix) -> String {
    let mut out = format!("KTAP version 1\n1..{}\n", matrix.columns.len());
    for (number, column) in matrix.columns.iter().enumerate() {
        let name = plain(&column.name);
        let records = with_the_run_itself(column.run.as_ref(), column.broken.as_ref());
        let _ = writeln!(out, "  KTAP version 1\n  # Subtest: {name}");
        for line in plan(&records).lines() {
            let _ = writeln!(out, "  {line}");
        }
        let all = records.iter().all(|record| record.expected);
        let _ = writeln!(out, "{} {} {name}", ok(all), number + 1);
    }
    out
}

/// The number of topics, and a subtest for each.
fn plan(records: &[Record]) -> String {
    let topics = by_topic(records);
    let mut out = format!("1..{}\n", topics.len());
    for (number, (topic, records)) in topics.iter().enumerate() {
        let topic = plain(topic);
        let _ = writeln!(out, "  KTAP version 1\n  # Subtest: {topic}\n  1..{}", records.len());
        for (number, record) in records.iter().enumerate() {
            let name = plain(record.id.rsplit_once('.').map_or(&*record.id, |(_, name)| name));
            let reason = one_line(&record.reason);
            if !record.expected {
                // The verdict first: a name could be that of a directive.
                let whole = one_line(&record.name());
                let _ = write!(out, "  # {}: {whole}: {reason}", record.verdict);
                if let Some(check) = record.failed_check() {
                    let _ = write!(
                        out,
                        "; expected {}, observed {}",
                        one_line(&check.expected),
                        one_line(&check.observed)
                    );
                }
                out.push('\n');
            }
            let _ = writeln!(
                out,
                "  {} {} {name}{}",
                ok(record.expected),
                number + 1,
                directive(record)
            );
        }
        let all = records.iter().all(|record| record.expected);
        let _ = writeln!(out, "{} {} {topic}", ok(all), number + 1);
    }
    out
}

fn ok(holds: bool) -> &'static str {
    if holds { "ok" } else { "not ok" }
}

/// A text without what would begin a line or a directive.
fn plain(text: &str) -> String {
    one_line(text).replace('#', "no. ")
}

fn directive(record: &Record) -> String {
    match record.verdict {
        Verdict::Skipped | Verdict::Blocked | Verdict::Unobservable | Verdict::Unsupported
            if record.expected =>
        {
            format!(" # SKIP {}: {}", record.verdict, plain(&record.reason))
        }
        Verdict::Deviates if record.expected => {
            format!(" # XFAIL {}", plain(&record.note))
        }
        _ if record.expected => String::new(),
        Verdict::Error if record.reason.starts_with("hung") => " # TIMEOUT".to_owned(),
        Verdict::Error => " # ERROR".to_owned(),
        _ => String::new(),
    }
}
