//! Several systems side by side: what changed, and what every format says.

use std::collections::BTreeSet;

use harness::case::Strength;
use harness::matrix::{Column, Matrix};
use harness::record::{Check, Evidence, Measure, Record, Run, SCHEMA, System, Verdict};
use harness::report::{Format, diff_matrices, flips};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

use crate::strategies::matrix;
use crate::{follows, sample};

/// A run of so many cases, in five areas.
pub(crate) fn run(cases: usize) -> Run {
    let record = |at: usize| {
        let area = ["accept", "epoll", "herd", "poll", "uring"][at * 5 / cases];
        let id = format!("{area}.topic_{:02}.a_behaviour_with_a_name_of_its_own_{at:03}", at / 10);
        let claim =
            format!("Behaviour {at} is what the page says of it, whatever the order of events.");
        let (verdict, strength) = match at % 40 {
            39 => (Verdict::Deviates, Strength::Folklore),
            _ => (Verdict::Conforms, Strength::Documented),
        };
        let mut record = Record::bare(id, claim, strength, verdict, "");
        record.sources = vec![
            "epoll(7), Level-triggered and edge-triggered".to_owned(),
            format!("notes S{:02}", at % 50),
        ];
        record.micros = 1234;
        let check = |number: usize| Check {
            holds: verdict == Verdict::Conforms || number > 0,
            sentence: format!("the arrival number {number} is reported once, and to one"),
            expression: format!("epoll.ready_now()? == [EPOLLIN; {number}]"),
            expected: format!("== [EpollFlags(EPOLLIN); {number}]"),
            observed: format!("[EpollFlags(EPOLLIN); {number}]"),
            file: format!("cases/src/kernel/{area}/topic.rs"),
            line: 100,
        };
        record.evidence = Evidence {
            checks: (0..5).map(check).collect(),
            settled: Some("by system call".to_owned()),
            ..Evidence::default()
        };
        if at.is_multiple_of(4) {
            record.evidence.measures =
                vec![Measure { name: "wakeups per connection".to_owned(), value: 1.25 }];
        }
        record
    };
    Run {
        schema: SCHEMA,
        ioconform: "0.1.0".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        millis: 2345,
        complete: true,
        interrupted: false,
        command: vec!["run".to_owned()],
        system: System {
            name: "Linux".to_owned(),
            release: "6.18.44".to_owned(),
            version: "#1 SMP".to_owned(),
            machine: "x86_64".to_owned(),
            cpus: 1,
            user: 0,
        },
        targets: Vec::new(),
        notes: Vec::new(),
        stale_baseline: Vec::new(),
        records: (0..cases).map(record).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kcidb_accepts_every_matrix(matrix in matrix()) {
        let text = Format::Kcidb.render_matrix(&matrix);
        follows(KCIDB, &text)?;
        let value: Value = serde_json::from_str(&text).unwrap();
        for kind in ["checkouts", "builds", "tests"] {
            let ids: Vec<_> = value[kind].as_array().unwrap().iter().map(|it| it["id"].to_string()).collect();
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        }
    }

    #[test]
    fn pictures_are_well_formed(matrix in matrix()) {
        for format in [Format::Svg, Format::Badge] {
            let text = format.render_matrix(&matrix);
            let mut reader = quick_xml::Reader::from_str(&text);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => break,
                    Ok(_) => {}
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            prop_assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{}", text);
        }
    }
}

/// The schema of KCIDB 5.3 (kcidb-io), as far as it speaks of what is written here.
const KCIDB: &str = include_str!("kcidb-5.3.json");

#[rstest]
#[case(Verdict::Conforms, true, Strength::Documented, "PASS")]
#[case(Verdict::Deviates, false, Strength::Documented, "FAIL")]
#[case(Verdict::Deviates, true, Strength::Documented, "FAIL")]
#[case(Verdict::Deviates, true, Strength::Folklore, "DONE")]
#[case(Verdict::Deviates, true, Strength::Should, "PASS")]
#[case(Verdict::Unsupported, true, Strength::Documented, "SKIP")]
#[case(Verdict::Unsupported, false, Strength::Documented, "FAIL")]
#[case(Verdict::Unobservable, true, Strength::Documented, "SKIP")]
#[case(Verdict::Skipped, true, Strength::Documented, "SKIP")]
#[case(Verdict::Blocked, true, Strength::Must, "MISS")]
#[case(Verdict::Error, false, Strength::Documented, "ERROR")]
fn kcidb_is_told_a_status(
    #[case] verdict: Verdict,
    #[case] expected: bool,
    #[case] strength: Strength,
    #[case] status: &str,
) {
    let mut run = run(1);
    (run.records[0].verdict, run.records[0].expected) = (verdict, expected);
    run.records[0].strength = strength;
    let value: Value = serde_json::from_str(&Format::Kcidb.render(&run)).unwrap();
    assert_eq!(value["tests"][0]["status"], status);
}

#[test]
fn kcidb_is_told_of_every_system() {
    let matrix = sample::matrix(&run(180));
    let value: Value = serde_json::from_str(&Format::Kcidb.render_matrix(&matrix)).unwrap();
    assert_eq!(value["builds"].as_array().unwrap().len(), 14);
    let build = &value["builds"][0];
    assert_eq!(build["misc"]["config_sha256"], matrix.columns[0].platform.config_sha256);
    assert_eq!(build["misc"]["command_line"], "console=ttyS0 quiet panic=-1 oops=panic");
    assert_eq!(build["architecture"], "x86_64");
    let panic =
        value["tests"].as_array().unwrap().iter().find(|test| test["log_excerpt"].is_string());
    assert!(panic.is_some());
    let tests = value["tests"].as_array().unwrap();
    let survived: Vec<_> =
        tests.iter().filter(|test| test["path"] == "ioconform.run.survived").collect();
    assert_eq!(survived.len(), 2, "6.17 and 7.0");
    assert!(survived[1]["log_excerpt"].as_str().unwrap().contains("Kernel panic - not syncing"));
}

#[test]
fn what_changed_is_told_with_the_first_kernel() {
    let base = run(180);
    let found = flips(&sample::matrix(&base));
    let told: Vec<_> = found.iter().map(|flip| (&*flip.id, flip.at(), flip.story())).collect();
    let id = |row: usize| &*base.records[row].id;
    let (mended, new, worse) = (
        (id(sample::FIXED_IN_6_12), "6.12", "deviates up to 6.1, conforms from 6.12".to_owned()),
        (id(sample::SINCE_6_1), "6.1", "unsupported up to 5.10, conforms from 6.1".to_owned()),
        (
            id(sample::BROKEN_IN_7_1),
            "7.1",
            "conforms up to 7.0, deviates on 7.1, conforms from 7.2".to_owned(),
        ),
    );
    assert_eq!(told, [mended, new, worse]);
    assert_eq!(found[0].why, sample::COMMIT);
    assert_eq!(found.iter().map(|flip| flip.expected).collect::<Vec<_>>(), [true, true, false]);
}

/// That a case was skipped on a kernel says nothing of the kernel.
#[test]
fn what_was_not_judged_is_no_change() {
    let mut matrix = sample::matrix(&run(180));
    matrix.columns.truncate(3);
    let second = matrix.columns[1].run.as_mut().unwrap();
    second.records[sample::FIXED_IN_6_12].verdict = Verdict::Skipped;
    second.records[20].verdict = Verdict::Unobservable;
    let found = flips(&matrix);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].story(), "deviates up to 5.10, conforms from 6.12, skipped on 6.1");
}

#[test]
fn two_matrices_are_compared_system_by_system() {
    let old = sample::matrix(&run(60));
    let mut new = old.clone();
    new.columns[0].run.as_mut().unwrap().records[30].verdict = Verdict::Deviates;
    new.columns[8].broken = None;
    new.columns.remove(13);
    let changes = diff_matrices(&old, &new);
    let told: Vec<_> = changes.iter().map(|change| (&*change.id, change.regression)).collect();
    let worse = format!("{}@5.10", run(60).records[30].id);
    assert_eq!(told, [(&*worse, true), ("system@7.0", false)]);
    assert!(diff_matrices(&old, &old).is_empty());
}

#[test]
fn the_page_for_people_begins_with_what_changes() {
    let matrix = sample::matrix(&run(180));
    let text = Format::Markdown.render_matrix(&matrix);
    let titles: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(
        titles,
        [
            "What changes between kernels",
            "Where other systems differ from Linux",
            "Every case",
            "The claims of the notes",
            "Unexpected",
            "Known deviations",
            "Not judged",
            "Systems that did not get to the end",
            "What kernels logged meanwhile",
            "Systems",
        ]
    );
    for says in [
        sample::COMMIT,
        "observed `[1, 1, 1]`",
        "6.17<br>silent",
        "Kernel panic - not syncing: Fatal exception",
        "ep_poll_callback+0x1c5/0x2a0",
        "| 7.0 (panic) |",
        "not yet decided",
    ] {
        assert!(text.contains(says), "{says}");
    }
    assert!(text.ends_with("Written by `ioconform matrix -o matrix.html`.\n"));
}

/// What deviates on all kernels alike is one column of the table, and one entry of the list.
#[test]
fn kernels_that_agree_are_one_column() {
    let run = run(40);
    let column = |name: &str| Column::of(name, run.clone());
    let columns = ["6.16", "6.18", "7.3"].map(column).into();
    let matrix = Matrix { columns, ..Matrix::new("0.1.0", run.started.clone()) };
    let text = Format::Markdown.render_matrix(&matrix);
    assert!(text.contains("| case | 6.16–7.3 | claim |"), "{text}");
    assert_eq!(text.matches("observed `").count(), 1);
}

#[test]
fn the_badge_counts_systems_and_what_is_unexpected() {
    let mut matrix = sample::matrix(&run(20));
    let says = |matrix: &Matrix| Format::Badge.render_matrix(matrix);
    assert!(
        says(&matrix).contains(">14 systems, 3 unexpected, 2 broken</text>"),
        "{}",
        says(&matrix)
    );
    matrix.columns.truncate(3);
    assert!(says(&matrix).contains(">3 kernels, 0 unexpected</text>"), "{}", says(&matrix));
}

/// A claim of the notes is confirmed where its cases say so, and only there.
#[test]
fn claims_are_confirmed_system_by_system() {
    let mut matrix = sample::matrix(&run(60));
    matrix.columns.truncate(3);
    let record = &mut matrix.columns[2].run.as_mut().unwrap().records[43];
    record.verdict = Verdict::Deviates;
    record.expected = false;
    let text = Format::Markdown.render_matrix(&matrix);
    let row =
        |claim: &str| text.lines().find(|line| line.starts_with(&format!("| {claim} "))).unwrap();
    assert!(row("S42").ends_with("| all 3 |"), "{}", row("S42"));
    assert!(row("S43").ends_with("| 5.10, 6.1; **not on 6.12** |"), "{}", row("S43"));
    matrix.columns.iter_mut().for_each(|column| column.run = None);
    let text = Format::Markdown.render_matrix(&matrix);
    assert!(
        text.lines()
            .any(|line| line.starts_with("| S43 ") && line.ends_with("| not yet decided |"))
    );
}
