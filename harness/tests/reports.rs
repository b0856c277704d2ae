//! Laws of the reports: the same result gives the same bytes, and every reader gets what it asks.

use std::collections::BTreeMap;

use harness::case::Strength;
use harness::record::{
    Check, Evidence, Judged, Measure, Record, Run, SCHEMA, Statistic, System, Thread, Verdict,
};
use harness::report::{Format, diff, merge, read, write};
use proptest::prelude::*;

const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/result-schema.json");

fn verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(Verdict::ALL.to_vec())
}

fn strength() -> impl Strategy<Value = Strength> {
    prop::sample::select(vec![Strength::Documented, Strength::Implementation, Strength::Folklore])
}

/// Any text, with the characters that break formats more often than by chance.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", ".{0,12}", "[<>&\"'|#\\\\\n\r\t\u{0}\u{b}\u{1b}`-]{0,10}"]
}

fn check() -> impl Strategy<Value = Check> {
    (any::<bool>(), text(), text(), text(), text(), any::<u32>()).prop_map(
        |(holds, sentence, expression, expected, observed, line)| Check {
            holds,
            sentence,
            expression,
            expected,
            observed,
            file: "cases/src/kernel/a.rs".to_owned(),
            line,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let measure = (text(), -1e9_f64..1e9).prop_map(|(name, value)| Measure { name, value });
    let statistic = (text(), any::<u32>(), 0.0_f64..1.0).prop_map(|(name, samples, p)| Statistic {
        name,
        samples: samples.into(),
        p,
        alpha: 1e-9,
    });
    let thread = (text(), text()).prop_map(|(name, state)| Thread {
        name,
        state,
        tid: 1,
        ..Thread::default()
    });
    (
        prop::collection::vec(check(), 0..3),
        prop::collection::vec(measure, 0..2),
        prop::collection::vec(statistic, 0..2),
        prop::collection::vec(thread, 0..2),
        prop::option::of(text()),
        text(),
    )
        .prop_map(|(checks, measures, statistics, threads, settled, output)| Evidence {
            checks,
            measures,
            statistics,
            settled,
            threads,
            output,
        })
}

prop_compose! {
    fn record()(
        id in "[a-z]{1,3}\\.[a-z]{1,3}\\.[a-z0-9_]{1,6}",
        verdict in verdict(),
        strength in strength(),
        expected in any::<bool>(),
        texts in (text(), text(), text(), text()),
        evidence in evidence(),
        flaky in any::<bool>(),
        micros in 0_u64..10_000_000,
        target in prop::option::of("[a-c]{1}"),
    ) -> Record {
        let verdicts = BTreeMap::from([(verdict, 1), (Verdict::Conforms, 2)]);
        Record {
            id,
            target,
            claim: texts.0,
            sources: vec![texts.1],
            strength,
            verdict,
            expected,
            reason: texts.2,
            note: texts.3,
            mend: String::new(),
            verdicts: if flaky { verdicts } else { BTreeMap::new() },
            evidence,
            isolation: vec!["net".to_owned()],
            micros,
        }
    }
}

fn judged(name: &str) -> Judged {
    Judged {
        name: name.to_owned(),
        version: "1 | 2".to_owned(),
        command: "a {addr}".to_owned(),
        dialect: "http".to_owned(),
        workers: 2,
        reference: name == "c",
    }
}

prop_compose! {
    fn run()(
        records in prop::collection::vec(record(), 0..6),
        complete in any::<bool>(),
        note in text(),
        servers in any::<bool>(),
    ) -> Run {
        let mut records = records;
        if !servers {
            for record in &mut records {
                record.target = None;
            }
        }
        records.sort_by_key(|record| (record.id.clone(), record.target.clone()));
        records.dedup_by_key(|record| (record.id.clone(), record.target.clone()));
        Run {
            schema: SCHEMA,
            ioconform: "0.1.0".to_owned(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            millis: 1234,
            complete,
            interrupted: !complete,
            command: vec!["run".to_owned()],
            system: System {
                name: "Linux".to_owned(),
                release: "6.1".to_owned(),
                version: "#1 <SMP>".to_owned(),
                machine: "x86_64".to_owned(),
                cpus: 2,
                user: 1000,
            },
            targets: if servers { ["a", "b", "c"].map(judged).into() } else { Vec::new() },
            notes: vec![note],
            stale_baseline: Vec::new(),
            records,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_survives_json(run in run()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write(&path, &Format::Json.render(&run)).unwrap();
        let again = read(&path).unwrap();
        prop_assert_eq!(Format::Json.render(&again), Format::Json.render(&run));
        prop_assert_eq!(again, run);
    }

    #[test]
    fn a_run_does_not_differ_from_itself(run in run()) {
        prop_assert!(diff(&run, &run).is_empty());
    }

    #[test]
    fn the_parts_of_a_run_are_the_run(run in run(), cut in 0_usize..6) {
        let (mut first, mut second) = (run.clone(), run.clone());
        second.records = first.records.split_off(cut.min(first.records.len()));
        (first.millis, second.millis) = (1000, 234);
        prop_assert_eq!(merge(vec![first, second]), Some(run));
    }

    #[test]
    fn json_follows_the_published_schema(run in run()) {
        let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(SCHEMA_FILE).unwrap()).unwrap();
        let instance: serde_json::Value = serde_json::from_str(&Format::Json.render(&run)).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        if let Err(error) = validator.validate(&instance) {
            return Err(TestCaseError::fail(error.to_string()));
        }
    }

    /// The rules of `kunit_parser.py`: a plan for each level, numbers from one, a result that its
    /// regular expression matches for every case.
    #[test]
    fn ktap_is_what_kunit_reads(run in run()) {
        let text = Format::Ktap.render(&run);
        let mut lines = text.lines();
        prop_assert_eq!(lines.next(), Some("KTAP version 1"));
        let plan = |line: Option<&str>| line.and_then(|line| line.trim().strip_prefix("1..")?.parse::<usize>().ok());
        let topics = plan(lines.next());
        let (mut seen, mut outer) = (0, 0);
        let mut inner: Option<(usize, usize)> = None;
        while let Some(line) = lines.next() {
            if line == "  KTAP version 1" {
                prop_assert!(lines.next().unwrap().starts_with("  # Subtest: "));
                inner = Some((plan(lines.next()).unwrap(), 0));
            } else if line.starts_with("  # ") {
                prop_assert!(inner.is_some(), "a diagnostic stands within its subtest");
            } else if let Some(result) = line.strip_prefix("  ") {
                let (planned, done) = inner.unwrap();
                inner = Some((planned, done + 1));
                prop_assert!(is_result(result, done + 1), "{}", result);
                seen += 1;
            } else {
                outer += 1;
                prop_assert!(is_result(line, outer), "{}", line);
                let (planned, done) = inner.take().unwrap();
                prop_assert_eq!(planned, done);
            }
        }
        prop_assert_eq!((Some(outer), seen), (topics, run.records.len() + usize::from(!run.complete)));
    }

    #[test]
    fn junit_keeps_to_the_strict_subset(run in run()) {
        let text = Format::Junit.render(&run);
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut cases = 0;
        loop {
            let event = reader.read_event().map_err(|error| TestCaseError::fail(error.to_string()))?;
            match event {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(element) | quick_xml::events::Event::Empty(element) => {
                    let name = element.name().as_ref().to_owned();
                    let allowed: &[&str] = match name.as_str() {
                        "testsuites" => &["name", "tests", "failures", "errors", "time"],
                        "testsuite" => &["name", "tests", "failures", "errors", "skipped", "time", "timestamp"],
                        "testcase" => &["name", "classname", "time"],
                        "failure" | "error" => &["type", "message"],
                        "skipped" => &["message"],
                        "property" => &["name", "value"],
                        "properties" | "system-out" => &[],
                        other => return Err(TestCaseError::fail(format!("element {other}"))),
                    };
                    cases += usize::from(name == "testcase");
                    for attribute in element.attributes() {
                        let attribute = attribute.map_err(|error| TestCaseError::fail(error.to_string()))?;
                        let key = attribute.key.as_ref().to_owned();
                        prop_assert!(allowed.contains(&key.as_str()), "{} has {}", name, key);
                    }
                }
                _ => {}
            }
        }
        prop_assert_eq!(cases, run.records.len() + usize::from(!run.complete));
        prop_assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')));
    }

    /// A table's row is a line with the bars of its columns, whatever stands in the texts.
    #[test]
    fn markdown_tables_keep_their_shape(run in run()) {
        let text = Format::Markdown.render(&run);
        let mut columns = None;
        for line in text.lines() {
            let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            columns = line.starts_with('|').then(|| columns.unwrap_or(bars));
            prop_assert!(columns.is_none_or(|columns| columns == bars), "{}", line);
        }
    }
}

/// `^\s*(ok|not ok) ([0-9]+) (- )?([^#]*)( # .*)?$`, with the number that is due.
fn is_result(line: &str, number: usize) -> bool {
    let rest = line.strip_prefix("ok ").or_else(|| line.strip_prefix("not ok "));
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(&format!("{number} "))) else {
        return false;
    };
    match rest.split_once(" # ") {
        Some((name, directive)) => !name.contains('#') && !directive.contains('#'),
        None => !rest.contains('#'),
    }
}

/// With `IOCONFORM_BLESS=1` the published schema is written anew.
#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let mut schema = serde_json::to_string_pretty(&schemars::schema_for!(Run)).unwrap();
    schema.push('\n');
    if std::env::var_os("IOCONFORM_BLESS").is_some() {
        std::fs::write(SCHEMA_FILE, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(SCHEMA_FILE).unwrap(), schema, "run with IOCONFORM_BLESS=1");
}

#[test]
fn a_report_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.md");
    write(&path, "old").unwrap();
    write(&path, "new").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write(&folder.path().join("no/such/folder"), "x").is_err());
}
