//! `JUnit` XML: the strict subset that `junit-10.xsd` (the xunit plugin of Jenkins) accepts. GitLab
//! shows the content of a failure, Jenkins its `message`; both say the same.

use std::fmt::Write as _;

use super::text::{one_line, xml};
use super::{by_topic, with_the_run_itself};
use crate::matrix::{Column, Matrix};
use crate::record::{Record, Run, Verdict};

pub(super) fn render(run: &Run) -> String {
    let records = with_the_run_itself(Some(run), None);
    let all: Vec<&Record> = records.iter().collect();
    document(&all, &suites("", &run.started, Some(run), &records))
}

/// The suites of all systems, each behind the name of its own.
pub(super) fn render_matrix(matrix: &Matrix) -> String {
    let columns: Vec<_> = matrix
        .columns
        .iter()
        .map(|column| (column, with_the_run_itself(column.run.as_ref(), column.broken.as_ref())))
        .collect();
    let all: Vec<&Record> = columns.iter().flat_map(|(_, records)| records).collect();
    let part = |(column, records): &(&Column, Vec<Record>)| {
        let started = column.run.as_ref().map_or(&matrix.started, |run| &run.started);
        suites(&format!("{}/", column.name), started, column.run.as_ref(), records)
    };
    document(&all, &columns.iter().map(part).collect::<String>())
}

fn document(all: &[&Record], suites: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"ioconform\" {} time=\"{}\">\n{suites}</testsuites>\n",
        counts(all),
        seconds(all)
    )
}

/// A suite a topic, with `prefix` before its name.
fn suites(prefix: &str, started: &str, run: Option<&Run>, records: &[Record]) -> String {
    let mut out = String::new();
    for (topic, records) in by_topic(records) {
        let topic = format!("{prefix}{topic}");
        let skipped = records.iter().filter(|record| is_skip(record)).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} skipped=\"{skipped}\" time=\"{}\" timestamp=\"{}\">",
            xml(&topic),
            counts(&records),
            seconds(&records),
            xml(started.trim_end_matches('Z'))
        );
        out.push_str("    <properties>\n");
        let system = run.map(|run| &run.system);
        for (name, value) in [
            ("kernel", system.map_or("", |system| &system.release)),
            ("machine", system.map_or("", |system| &system.machine)),
        ] {
            let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", xml(value));
        }
        out.push_str("    </properties>\n");
        for record in records {
            test_case(&mut out, &topic, record);
        }
        out.push_str("  </testsuite>\n");
    }
    out
}

fn test_case(out: &mut String, topic: &str, record: &Record) {
    let name = record.id.rsplit_once('.').map_or(&*record.id, |(_, name)| name);
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\">",
        xml(name),
        xml(topic),
        seconds(&[record])
    );
    let message = xml(&one_line(&format!("{}: {}", record.verdict, record.reason)));
    if is_failure(record) {
        let _ = write!(
            out,
            "<failure type=\"{}\" message=\"{message}\">{}</failure>",
            record.strength,
            xml(&story(record))
        );
    } else if is_error(record) {
        let _ = write!(
            out,
            "<error type=\"harness\" message=\"{message}\">{}</error>",
            xml(&story(record))
        );
    } else if is_skip(record) {
        let _ = write!(out, "<skipped message=\"{message}\">{message}</skipped>");
    }
    let log = record.evidence.kernel_log.join("\n");
    for (element, more) in [("system-out", &record.evidence.output), ("system-err", &log)] {
        if !more.is_empty() {
            let _ = write!(out, "<{element}>{}</{element}>", xml(more));
        }
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
