//! A page for people: what deviates first, then every case by topic.

use std::fmt::Write as _;

use super::{by_topic, one_line};
use crate::record::{Record, Run, Verdict};

pub(super) fn render(run: &Run) -> String {
    let system = &run.system;
    let mut out = format!("# I/O conformance of {} {}\n\n", system.name, system.release);
    let _ = writeln!(
        out,
        "`{}` on {} with {} CPUs, judged by ioconform {} on {} as user {}.\n",
        cell(&system.version),
        system.machine,
        system.cpus,
        run.ioconform,
        run.started,
        system.user
    );
    summary(&mut out, run);
    for note in &run.notes {
        let _ = writeln!(out, "> {}\n", one_line(note));
    }
    if !run.complete {
        out.push_str("> The run ended before every case was judged.\n\n");
    }
    for entry in &run.stale_baseline {
        let _ = writeln!(out, "> The baseline entry `{entry}` matched nothing.\n");
    }
    section(&mut out, "Unexpected", run.unexpected());
    let known = |record: &&Record| record.expected && record.verdict == Verdict::Deviates;
    section(&mut out, "Known deviations", run.records.iter().filter(known));
    for (topic, records) in by_topic(&run.records) {
        let _ = writeln!(out, "## {topic}\n\n| case | claim | verdict |\n|---|---|---|");
        for record in records {
            let name = record.id.rsplit_once('.').map_or(&*record.id, |(_, name)| name);
            let _ = writeln!(out, "| `{name}` | {} | {} |", cell(&record.claim), verdict(record));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "---\n\nWritten by `ioconform {}`.", cell(&run.command.join(" ")));
    out
}

fn summary(out: &mut String, run: &Run) {
    out.push_str("| verdict | cases |\n|---|---|\n");
    for verdict in Verdict::ALL {
        let count = run.count(verdict);
        if count > 0 {
            let _ = writeln!(out, "| {verdict} | {count} |");
        }
    }
    let _ = writeln!(out, "| **all** | **{}** |\n", run.records.len());
}

fn section<'a>(out: &mut String, title: &str, records: impl Iterator<Item = &'a Record>) {
    let mut records = records.peekable();
    if records.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "## {title}\n");
    for record in records {
        let _ =
            writeln!(out, "- **`{}`** {}: {}", record.id, record.verdict, one_line(&record.reason));
        let _ = writeln!(out, "  - claim ({}): {}", record.strength, one_line(&record.claim));
        let _ = writeln!(out, "  - stated in: {}", record.sources.join("; "));
        if let Some(check) = record.failed_check() {
            let _ = writeln!(
                out,
                "  - expected `{}`, observed `{}` at `{}:{}`",
                one_line(&check.expected),
                one_line(&check.observed),
                check.file,
                check.line
            );
        }
        for (label, text) in [("note", &record.note), ("mend", &record.mend)] {
            if !text.is_empty() {
                let _ = writeln!(out, "  - {label}: {}", one_line(text));
            }
        }
    }
    out.push('\n');
}

fn verdict(record: &Record) -> String {
    let mut text = match record.verdict {
        Verdict::Conforms => "conforms".to_owned(),
        other => format!("**{other}**: {}", cell(&record.reason)),
    };
    if !record.expected {
        text.push_str(" (unexpected)");
    }
    if !record.note.is_empty() {
        let _ = write!(text, " ({})", cell(&record.note));
    }
    for measure in &record.evidence.measures {
        let _ = write!(text, "<br>{}: {}", cell(&measure.name), number(measure.value));
    }
    for statistic in &record.evidence.statistics {
        let _ = write!(
            text,
            "<br>{}: p = {:.3} of {} samples (alpha {:e})",
            cell(&statistic.name),
            statistic.p,
            statistic.samples,
            statistic.alpha
        );
    }
    text
}

/// At most three digits after the point, none if it is whole.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text that stays within its cell of a table.
fn cell(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}
