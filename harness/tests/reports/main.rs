//! Laws of the reports: the same result gives the same bytes, and every reader gets what it asks.

mod browser;
mod html;
mod joins;
mod markup;
mod matrices;
mod sample;
mod strategies;

use harness::matrix::Matrix;
use harness::record::Run;
use harness::report::{Format, Results, diff, merge, read, write};
use proptest::prelude::*;
use rstest::rstest;
use strategies::{matrix, run};

/// The text of a published schema.
fn published(name: &str) -> String {
    std::fs::read_to_string(schema_file(name)).unwrap()
}

fn schema_file(name: &str) -> String {
    format!("{}/../docs/{name}-schema.json", env!("CARGO_MANIFEST_DIR"))
}

/// Fails with what a schema has against an instance.
fn follows(schema: &str, instance: &str) -> Result<(), TestCaseError> {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let instance: serde_json::Value = serde_json::from_str(instance).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.validate(&instance).map_err(|error| TestCaseError::fail(error.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_survives_json(run in run()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write(&path, &Format::Json.render(&run)).unwrap();
        prop_assert_eq!(read(&path).unwrap(), Results::Run(run));
    }

    #[test]
    fn a_matrix_survives_json(matrix in matrix()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("matrix.json");
        write(&path, &Format::Json.render_matrix(&matrix)).unwrap();
        prop_assert_eq!(read(&path).unwrap(), Results::Matrix(matrix));
    }

    #[test]
    fn a_run_does_not_differ_from_itself(run in run()) {
        prop_assert!(diff(&run, &run).is_empty());
    }

    #[test]
    fn the_parts_of_a_run_are_the_run(run in run(), cut in 0_usize..6) {
        let (mut first, mut second) = (run.clone(), run.clone());
        second.records = first.records.split_off(cut.min(first.records.len()));
        (first.millis, second.millis) = (234, run.millis);
        prop_assert_eq!(merge(vec![first, second]), Some(run));
    }

    #[test]
    fn json_follows_the_published_schema(run in run(), matrix in matrix()) {
        follows(&published("result"), &Format::Json.render(&run))?;
        follows(&published("matrix"), &Format::Json.render_matrix(&matrix))?;
    }

    #[test]
    fn ktap_is_what_kunit_reads(run in run(), matrix in matrix()) {
        prop_assert_eq!(kunit(&Format::Ktap.render(&run))?, cases_of(&run));
        prop_assert_eq!(kunit(&Format::Ktap.render_matrix(&matrix))?, cases_of_all(&matrix));
    }

    #[test]
    fn junit_keeps_to_the_strict_subset(run in run(), matrix in matrix()) {
        prop_assert_eq!(strict_junit(&Format::Junit.render(&run))?, cases_of(&run));
        prop_assert_eq!(strict_junit(&Format::Junit.render_matrix(&matrix))?, cases_of_all(&matrix));
    }

    /// A table's row is a line with the bars of its columns, whatever stands in the texts.
    #[test]
    fn markdown_tables_keep_their_shape(run in run(), matrix in matrix()) {
        for text in [Format::Markdown.render(&run), Format::Markdown.render_matrix(&matrix)] {
            let mut columns = None;
            for line in text.lines() {
                let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
                columns = line.starts_with('|').then(|| columns.unwrap_or(bars));
                prop_assert!(columns.is_none_or(|columns| columns == bars), "{}", line);
            }
        }
    }
}

/// The cases that a report shows: those of the run, one if it is not whole, and one for each entry of
/// the baseline that matched nothing.
fn cases_of(run: &Run) -> usize {
    run.records.len() + usize::from(!run.complete) + run.stale_baseline.len()
}

/// The same of all systems, and one for each that broke.
fn cases_of_all(matrix: &Matrix) -> usize {
    let of = |column: &harness::matrix::Column| {
        column.run.as_ref().map_or(0, cases_of) + usize::from(column.broken.is_some())
    };
    matrix.columns.iter().map(of).sum()
}

/// The rules of `kunit_parser.py`: a plan for each level, numbers from one, a result that its
/// regular expression matches for every case, and the name of a subtest in its result. Returns how
/// many results have no subtest.
fn kunit(text: &str) -> Result<usize, TestCaseError> {
    let mut lines = text.lines().peekable();
    prop_assert_eq!(lines.next(), Some("KTAP version 1"));
    let leaves = level(&mut lines, "")?;
    prop_assert_eq!(lines.next(), None);
    Ok(leaves)
}

/// Reads a level from its plan to its last result.
fn level(
    lines: &mut std::iter::Peekable<std::str::Lines>,
    indent: &str,
) -> Result<usize, TestCaseError> {
    let plan = lines.next().and_then(|line| line.strip_prefix(indent)?.strip_prefix("1.."));
    let planned: usize = plan.and_then(|plan| plan.parse().ok()).unwrap();
    let (mut leaves, mut number, mut subtest) = (0, 0, None);
    while number < planned {
        let line = lines.next().ok_or_else(|| TestCaseError::fail("a result is missing"))?;
        let line = line.strip_prefix(indent).ok_or_else(|| TestCaseError::fail(line.to_owned()))?;
        if line == "  KTAP version 1" {
            let name = lines.next().and_then(|line| line.split_once("# Subtest: "));
            let deeper = format!("{indent}  ");
            leaves += level(lines, &deeper)?;
            subtest = name.map(|(_, name)| name);
        } else if !line.starts_with("# ") {
            number += 1;
            prop_assert!(is_result(line, number), "{}", line);
            match subtest.take() {
                Some(name) => {
                    prop_assert!(line.ends_with(&format!(" {number} {name}")), "{}", line);
                }
                None => leaves += 1,
            }
        }
    }
    Ok(leaves)
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

/// Reads what `junit-10.xsd` accepts, and nothing else. Returns how many cases there are.
fn strict_junit(text: &str) -> Result<usize, TestCaseError> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut cases = 0;
    loop {
        let event = reader.read_event().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if matches!(event, Event::Eof) {
                break;
            }
            continue;
        };
        let name = element.name().as_ref().to_owned();
        let allowed: &[&str] = match name.as_str() {
            "testsuites" => &["name", "tests", "failures", "errors", "time"],
            "testsuite" => &["name", "tests", "failures", "errors", "skipped", "time", "timestamp"],
            "testcase" => &["name", "classname", "time"],
            "failure" | "error" => &["type", "message"],
            "skipped" => &["message"],
            "property" => &["name", "value"],
            "properties" | "system-out" | "system-err" => &[],
            other => return Err(TestCaseError::fail(format!("element {other}"))),
        };
        cases += usize::from(name == "testcase");
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let key = attribute.key.as_ref().to_owned();
            prop_assert!(allowed.contains(&key.as_str()), "{} has {}", name, key);
        }
    }
    prop_assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')));
    Ok(cases)
}

/// With `IOCONFORM_BLESS=1` the published schema is written anew.
#[rstest]
#[case("result", schemars::schema_for!(Run))]
#[case("matrix", schemars::schema_for!(Matrix))]
fn the_published_schema_is_the_one_of_the_types(
    #[case] name: &str,
    #[case] schema: schemars::Schema,
) {
    let mut schema = serde_json::to_string_pretty(&schema).unwrap();
    schema.push('\n');
    if std::env::var_os("IOCONFORM_BLESS").is_some() {
        std::fs::write(schema_file(name), &schema).unwrap();
    }
    assert_eq!(published(name), schema, "run with IOCONFORM_BLESS=1");
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
