//! `JUnit` XML: the strict subset that `junit-10.xsd` (the xunit plugin of Jenkins) accepts. GitLab
//! shows the content of a failure, Jenkins its `message`; both say the same.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::{by_topic, one_line, with_the_run_itself};
use crate::record::{Record, Run, Verdict};

pub(super) fn render(run: &Run) -> String {
    let records = with_the_run_itself(run);
    let all: Vec<&Record> = records.iter().collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"ioconform\" {} time=\"{}\">",
        counts(&all),
        seconds(&all)
    );
    for (topic, records) in by_topic(&records) {
        let skipped = records.iter().filter(|record| is_skip(record)).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} skipped=\"{skipped}\" time=\"{}\" timestamp=\"{}\">",
            text(&topic),
            counts(&records),
            seconds(&records),
            escape(run.started.trim_end_matches('Z'))
        );
        out.push_str("    <properties>\n");
        for (name, value) in [("kernel", &run.system.release), ("machine", &run.system.machine)] {
            let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", text(value));
        }
        out.push_str("    </properties>\n");
        for record in records {
            test_case(&mut out, &topic, record);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn test_case(out: &mut String, topic: &str, record: &Record) {
    let name = record.id.rsplit_once('.').map_or(&*record.id, |(_, name)| name);
    let _ = write!(
        out,
        "    <testcase name=\"{name}\" classname=\"{}\" time=\"{}\">",
        text(topic),
        seconds(&[record])
    );
    let message = text(&one_line(&format!("{}: {}", record.verdict, record.reason)));
    if is_failure(record) {
        let _ = write!(
            out,
            "<failure type=\"{}\" message=\"{message}\">{}</failure>",
            record.strength,
            text(&story(record))
        );
    } else if is_error(record) {
        let _ = write!(
            out,
            "<error type=\"harness\" message=\"{message}\">{}</error>",
            text(&story(record))
        );
    } else if is_skip(record) {
        let _ = write!(out, "<skipped message=\"{message}\">{message}</skipped>");
    }
    if !record.evidence.output.is_empty() {
        let _ = write!(out, "<system-out>{}</system-out>", text(&record.evidence.output));
    }
    out.push_str("</testcase>\n");
}

fn story(record: &Record) -> String {
    let mut story = format!("{}\n{}: {}\n", record.claim, record.verdict, record.reason);
    if let Some(check) = record.failed_check() {
        let _ = write!(
            story,
            "checked:  {}\nexpected: {}\nobserved: {}\nat {}:{}\n",
            check.expression, check.expected, check.observed, check.file, check.line
        );
    }
    for more in [&record.note, &record.mend] {
        if !more.is_empty() {
            let _ = writeln!(story, "{more}");
        }
    }
    story
}

fn is_failure(record: &Record) -> bool {
    !record.expected && (record.verdict != Verdict::Error || record.flaky())
}

fn is_error(record: &Record) -> bool {
    !record.expected && !is_failure(record)
}

fn is_skip(record: &Record) -> bool {
    record.expected && record.verdict != Verdict::Conforms
}

fn counts(records: &[&Record]) -> String {
    let count = |kind: fn(&Record) -> bool| records.iter().filter(|record| kind(record)).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        records.len(),
        count(is_failure),
        count(is_error)
    )
}

fn seconds(records: &[&Record]) -> String {
    let micros: u64 = records.iter().map(|record| record.micros).sum();
    format!("{}.{:03}", micros / 1_000_000, micros / 1000 % 1000)
}

/// Escaped, and without the control characters that XML 1.0 forbids even then.
fn text(raw: &str) -> String {
    let legal: String = raw
        .chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
            c => c,
        })
        .collect();
    escape(&legal).into_owned()
}
