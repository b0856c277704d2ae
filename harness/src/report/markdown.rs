//! A page for people: what deviates first, then every case by topic, for servers as a matrix.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::by_topic;
use super::text::{code, command, prose};
use crate::case::Strength;
use crate::record::{Judged, Record, Run, Verdict};

/// The run, as written by a command with these arguments.
pub(super) fn render(run: &Run, arguments: &[String]) -> String {
    let system = &run.system;
    let servers = if run.targets.is_empty() { "" } else { "servers on " };
    let name = prose(&format!("{servers}{} {}", system.name, system.release));
    let mut out = format!("# I/O conformance of {name}\n\n");
    let _ = writeln!(
        out,
        "{} on {} with {} CPUs, judged by ioconform {} on {} as user {}.\n",
        code(&system.version),
        prose(&system.machine),
        system.cpus,
        prose(&run.ioconform),
        prose(&run.started),
        system.user
    );
    summary(&mut out, run);
    for note in &run.notes {
        let _ = writeln!(out, "> {}\n", prose(note));
    }
    if !run.complete {
        out.push_str("> The run ended before every case was judged.\n\n");
    }
    for entry in &run.stale_baseline {
        let _ = writeln!(out, "> The baseline entry {} matched nothing.\n", code(entry));
    }
    if !run.targets.is_empty() {
        targets(&mut out, run);
        matrix(&mut out, run);
    }
    section(&mut out, "Unexpected", run.unexpected());
    let known = |record: &&Record| record.expected && record.verdict == Verdict::Deviates;
    let (should, known): (Vec<_>, Vec<_>) =
        run.records.iter().filter(known).partition(|record| record.strength == Strength::Should);
    section(&mut out, "Known deviations", known.into_iter());
    section(&mut out, "Deviations from what is recommended", should.into_iter());
    if run.targets.is_empty() {
        topics(&mut out, run);
    } else {
        let unseen =
            |record: &&Record| !matches!(record.verdict, Verdict::Conforms | Verdict::Deviates);
        let unseen = run.records.iter().filter(|record| record.expected).filter(unseen);
        reasons(&mut out, unseen);
    }
    let _ = writeln!(out, "---\n\nWritten by {}.", code(&command(arguments)));
    out
}

/// Every case, a table a topic.
fn topics(out: &mut String, run: &Run) {
    for (topic, records) in by_topic(&run.records) {
        let _ = writeln!(out, "## {}\n\n| case | claim | verdict |\n|---|---|---|", prose(&topic));
        for record in records {
            let name = record.id.rsplit_once('.').map_or(&*record.id, |(_, name)| name);
            let (name, claim) = (code(name), prose(&record.claim));
            let _ = writeln!(out, "| {name} | {claim} | {} |", verdict(record));
        }
        out.push('\n');
    }
}

/// What was judged.
fn targets(out: &mut String, run: &Run) {
    out.push_str(
        "## Servers\n\n| server | version | workers | dialect | command |\n|---|---|---|---|---|\n",
    );
    for target in &run.targets {
        let _ = writeln!(
            out,
            "| {}{} | {} | {} | {} | {} |",
            prose(&target.name),
            if target.reference { " (reference)" } else { "" },
            prose(&target.version),
            target.workers,
            prose(&target.dialect),
            code(&target.command)
        );
    }
    out.push('\n');
}

/// The marks of the matrix, and what they mean.
const LEGEND: &str = "\
● conforms, ✕ deviates, ▲ deviates from a recommendation, ✧ deviates as is known of it,
○ unsupported, unobservable or skipped, ◇ blocked by another case, ! not judged.";

fn mark(record: &Record) -> &'static str {
    match record.verdict {
        Verdict::Conforms if record.expected => "●",
        Verdict::Conforms => "✕ (conforms)",
        Verdict::Deviates if record.strength == Strength::Should && record.expected => "▲",
        Verdict::Deviates if record.expected => "✧",
        Verdict::Deviates => "✕",
        Verdict::Unsupported | Verdict::Unobservable | Verdict::Skipped => "○",
        Verdict::Blocked => "◇",
        Verdict::Error => "!",
    }
}

/// Cases down, servers across.
fn matrix(out: &mut String, run: &Run) {
    let names: Vec<_> = run.targets.iter().map(|target| prose(&target.name)).collect();
    let _ = writeln!(out, "## Cases\n\n{LEGEND}\n\n| case | | {} |", names.join(" | "));
    let _ = writeln!(out, "|---|---|{}", ":-:|".repeat(names.len()));
    let mut records = &run.records[..];
    while let Some(first) = records.first() {
        let count = records.iter().take_while(|record| record.id == first.id).count();
        let (row, rest) = records.split_at(count);
        records = rest;
        let of = |target: &Judged| row.iter().find(|r| r.target.as_ref() == Some(&target.name));
        let marks: Vec<_> = run.targets.iter().map(|target| of(target).map_or("", mark)).collect();
        let (id, claim) = (code(&first.id), prose(&first.claim));
        let _ = writeln!(out, "| {id}<br>{claim} | {} | {} |", first.strength, marks.join(" | "));
    }
    out.push('\n');
}

/// Why something is not known, each reason once.
fn reasons<'a>(out: &mut String, records: impl Iterator<Item = &'a Record>) {
    let mut reasons: BTreeMap<(&str, Verdict, &str), Vec<&str>> = BTreeMap::new();
    for record in records {
        let target = record.target.as_deref().unwrap_or("");
        reasons.entry((target, record.verdict, &record.reason)).or_default().push(&record.id);
    }
    if reasons.is_empty() {
        return;
    }
    out.push_str("## Not judged\n\n");
    for ((target, verdict, reason), ids) in reasons {
        let ids: Vec<_> = ids.into_iter().map(code).collect();
        let _ = writeln!(
            out,
            "- **{}** {verdict}: {} ({})",
            prose(target),
            prose(reason),
            ids.join(", ")
        );
    }
    out.push('\n');
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
        let _ = writeln!(
            out,
            "- **{}** {}: {}",
            code(&record.name()),
            record.verdict,
            prose(&record.reason)
        );
        let _ = writeln!(out, "  - claim ({}): {}", record.strength, prose(&record.claim));
        let _ = writeln!(out, "  - stated in: {}", prose(&record.sources.join("; ")));
        if let Some(check) = record.failed_check() {
            let _ = writeln!(
                out,
                "  - expected {}, observed {} at {}",
                code(&check.expected),
                code(&check.observed),
                code(&format!("{}:{}", check.file, check.line))
            );
        }
        for (label, text) in [("note", &record.note), ("mend", &record.mend)] {
            if !text.is_empty() {
                let _ = writeln!(out, "  - {label}: {}", prose(text));
            }
        }
    }
    out.push('\n');
}

fn verdict(record: &Record) -> String {
    let mut text = match record.verdict {
        Verdict::Conforms => "conforms".to_owned(),
        other => format!("**{other}**: {}", prose(&record.reason)),
    };
    if !record.expected {
        text.push_str(" (unexpected)");
    }
    if !record.note.is_empty() {
        let _ = write!(text, " ({})", prose(&record.note));
    }
    for measure in &record.evidence.measures {
        let _ = write!(text, "<br>{}: {}", prose(&measure.name), number(measure.value));
    }
    for statistic in &record.evidence.statistics {
        let _ = write!(
            text,
            "<br>{}: p = {:.3} of {} samples (alpha {:e})",
            prose(&statistic.name),
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
