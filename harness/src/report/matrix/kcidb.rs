//! What KernelCI's database takes: KCIDB 5.3 (`kcidb_io.schema.V5_3` of the package kcidb-io). A file
//! to be submitted by whoever has an origin there; every system is a checkout and a build, because
//! nothing is known of its sources but what it calls itself. No value is ever null.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::super::text::one_line;
use super::super::{file, with_the_run_itself};
use crate::case::Strength;
use crate::matrix::{Column, Fault, Matrix, PlatformKind};
use crate::record::{Record, Verdict};

/// The name that stands before every id; a submitter replaces it by the own.
const ORIGIN: &str = "ioconform";
/// How long an excerpt may be, in characters.
const EXCERPT: usize = 16384;

pub(in super::super) fn render(matrix: &Matrix) -> String {
    // The same result has the same ids, and another has others.
    let digest = Sha256::digest(file::json(matrix).as_bytes());
    let digest = digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    let (mut checkouts, mut builds, mut tests) = (Vec::new(), Vec::new(), Vec::new());
    for column in &matrix.columns {
        let id = format!("{ORIGIN}:{digest:016x}.{}", text(&column.name));
        checkouts.push(checkout(matrix, column, &id));
        builds.push(build(matrix, column, &id));
        let records = with_the_run_itself(column.run.as_ref(), column.broken.as_ref());
        tests.extend(records.iter().map(|record| test(matrix, column, record, &id)));
    }
    file::json(&json!({
        "version": { "major": 5, "minor": 3 },
        "checkouts": checkouts,
        "builds": builds,
        "tests": tests,
    }))
}

/// When what is told of a system began.
fn started<'a>(matrix: &'a Matrix, column: &'a Column) -> &'a str {
    column.run.as_ref().map_or(&matrix.started, |run| &run.started)
}

fn checkout(matrix: &Matrix, column: &Column, id: &str) -> Value {
    object([
        ("id", json!(id)),
        ("origin", json!(ORIGIN)),
        ("comment", json!(text(&column.platform.origin))),
        ("start_time", json!(started(matrix, column))),
        ("misc", object([("name", json!(column.name)), ("release", json!(column.release()))])),
    ])
}

fn build(matrix: &Matrix, column: &Column, id: &str) -> Value {
    let platform = &column.platform;
    let system = column.run.as_ref().map(|run| &run.system);
    let machine = system.map_or("", |system| &system.machine);
    // Distributions name a configuration after the release.
    let is_linux = matches!(platform.kind, PlatformKind::Qemu | PlatformKind::Uml);
    let config = match column.release() {
        release if is_linux && !release.is_empty() => format!("config-{}", text(release)),
        _ => String::new(),
    };
    object([
        ("id", json!(id)),
        ("checkout_id", json!(id)),
        ("origin", json!(ORIGIN)),
        ("comment", json!(text(&platform.origin))),
        ("start_time", json!(started(matrix, column))),
        ("architecture", json!(machine.to_lowercase().replace(|c: char| !is_plain(c), "_"))),
        ("config_name", json!(config)),
        ("status", json!("PASS")),
        (
            "misc",
            object([
                ("kernel_release", json!(column.release())),
                ("kernel_version", json!(system.map_or("", |system| &system.version))),
                ("command_line", json!(platform.command_line)),
                ("config_sha256", json!(platform.config_sha256)),
                ("image_sha256", json!(platform.image_sha256)),
            ]),
        ),
    ])
}

fn test(matrix: &Matrix, column: &Column, record: &Record, build: &str) -> Value {
    let platform = &column.platform;
    let check = record.failed_check();
    let verdicts: Map<String, Value> = record
        .verdicts
        .iter()
        .map(|(verdict, count)| (verdict.word().to_owned(), json!(count)))
        .collect();
    object([
        ("id", json!(format!("{build}.{}", text(&record.name())))),
        ("origin", json!(ORIGIN)),
        ("build_id", json!(build)),
        ("path", json!(path(record))),
        ("status", json!(status(column, record))),
        ("comment", json!(text(&record.claim))),
        ("start_time", json!(started(matrix, column))),
        ("duration", json!(std::time::Duration::from_micros(record.micros).as_secs_f64())),
        ("log_excerpt", json!(log(column, record))),
        (
            "environment",
            object([
                ("comment", json!(text(&platform.emulator))),
                ("misc", object([("clocksource", json!(platform.clocksource))])),
            ]),
        ),
        (
            "misc",
            object([
                ("verdict", json!(record.verdict)),
                ("as_expected", json!(record.expected)),
                ("strength", json!(record.strength)),
                ("sources", json!(record.sources)),
                ("reason", json!(record.reason)),
                ("note", json!(record.note)),
                ("verdicts", Value::Object(verdicts)),
                ("expected", json!(check.map_or("", |check| &check.expected))),
                ("observed", json!(check.map_or("", |check| &check.observed))),
            ]),
        ),
    ])
}

/// What the database calls it. A belief that a case refutes is a finding and no failure; that only a
/// recommendation is not kept is none either.
fn status(column: &Column, record: &Record) -> &'static str {
    let tried = column
        .broken
        .as_ref()
        .is_none_or(|broken| !matches!(broken.how, Fault::Unbootable | Fault::Interrupted));
    match record.verdict {
        Verdict::Error if record.flaky() => "FAIL",
        Verdict::Error if tried => "ERROR",
        Verdict::Error | Verdict::Blocked => "MISS",
        Verdict::Conforms if record.flaky() && !record.expected => "FAIL",
        Verdict::Conforms => "PASS",
        Verdict::Deviates if record.expected && record.strength == Strength::Folklore => "DONE",
        Verdict::Deviates if record.expected && record.strength == Strength::Should => "PASS",
        Verdict::Deviates => "FAIL",
        Verdict::Unsupported if !record.expected => "FAIL",
        Verdict::Unsupported | Verdict::Unobservable | Verdict::Skipped => "SKIP",
    }
}

/// The place of a case in the tree of all tests.
fn path(record: &Record) -> String {
    let node =
        |name: &str| name.replace(|c: char| !is_plain(c.to_ascii_lowercase()) && c != '-', "_");
    // The run's own records stand below the same name already.
    let id = record.id.strip_prefix("ioconform.").unwrap_or(&record.id);
    let target = record.target.as_deref().map(node);
    let parts = [ORIGIN.to_owned()].into_iter().chain(target).chain(id.split('.').map(node));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

fn is_plain(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '_')
}

/// What was logged: the console of a system that broke, else what the kernel and the trial wrote.
fn log(column: &Column, record: &Record) -> String {
    let evidence = &record.evidence;
    let own = record.id.starts_with("ioconform.run.");
    let console = column.broken.iter().filter(|_| own).flat_map(|broken| &broken.console);
    let lines: Vec<_> = console
        .chain(&evidence.kernel_log)
        .map(String::as_str)
        .chain(evidence.output.lines())
        .map(one_line)
        .collect();
    let whole = lines.join("\n");
    whole.chars().skip(whole.chars().count().saturating_sub(EXCERPT)).collect()
}

/// Text without the character that the schema forbids.
fn text(text: &str) -> String {
    text.replace('\0', "")
}

/// An object without what is empty: the schema knows no null, and nothing is better than "".
fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let is_there = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Null => false,
        _ => true,
    };
    let pairs = pairs.into_iter().filter(|(_, value)| is_there(value));
    Value::Object(pairs.map(|(name, value)| (name.to_owned(), value)).collect())
}
