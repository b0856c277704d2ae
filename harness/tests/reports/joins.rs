//! Several results as one: what becomes one column, what stands beside it, and who wrote the page.

use std::slice;

use harness::matrix::{Broken, Column, Fault, Matrix, Platform, PlatformKind};
use harness::record::{Judged, Run, Verdict};
use harness::report::{self, Format, Results};
use proptest::prelude::*;
use rstest::rstest;

use crate::strategies::{matrix, results};
use crate::{matrices, sample};

/// What every part of a run of servers tries.
const GATE: &str = "server.base.round_trip";

fn join(parts: Vec<Results>) -> Option<Results> {
    report::join(parts, GATE)
}

/// The columns of what these become, which is a matrix.
fn columns(parts: Vec<Results>) -> Vec<Column> {
    match join(parts) {
        Some(Results::Matrix(matrix)) => matrix.columns,
        other => panic!("{other:?} is no matrix"),
    }
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| &*column.name).collect()
}

/// The same cases, tried again: each took longer.
fn again(run: &Run) -> Run {
    let mut run = run.clone();
    run.records.iter_mut().for_each(|record| record.micros += 1);
    run
}

/// A matrix of one column.
fn alone(column: Column) -> Results {
    Results::Matrix(Matrix { columns: vec![column], ..Matrix::new("0.1.0", String::new()) })
}

/// A kernel in a virtual machine.
fn kernel() -> Column {
    sample::matrix(&matrices::run(5)).columns.swap_remove(2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever joins parts of a matrix, on however many machines, gets the same.
    #[test]
    fn parts_may_be_joined_in_any_grouping(a in results(), b in results(), c in results()) {
        let both = |a: &Results, b: &Results| join(vec![a.clone(), b.clone()]).unwrap();
        let all = join(vec![a.clone(), b.clone(), c.clone()]);
        prop_assert_eq!(join(vec![both(&a, &b), c.clone()]), all.clone());
        prop_assert_eq!(join(vec![a.clone(), both(&b, &c)]), all);
    }

    #[test]
    fn a_part_that_is_joined_again_changes_nothing(a in results(), b in results()) {
        prop_assert_eq!(join(vec![a.clone(), a.clone()]), join(vec![a.clone()]));
        prop_assert_eq!(join(vec![a.clone(), b.clone(), b.clone()]), join(vec![a, b]));
    }

    #[test]
    fn joining_loses_no_record_and_no_flag(a in matrix(), b in matrix()) {
        let Some(Results::Matrix(whole)) = join(vec![Results::Matrix(a.clone()), Results::Matrix(b.clone())]) else {
            return Err(TestCaseError::fail("two matrices are a matrix"));
        };
        prop_assert_eq!(whole.interrupted, a.interrupted || b.interrupted);
        let is_well = |column: &Column| column.broken.is_none() && column.run.is_some();
        for column in a.columns.iter().chain(&b.columns) {
            let holds = |joined: &Column| {
                let mut records = column.run.iter().flat_map(|run| &run.records);
                (joined.name == column.name || joined.name.starts_with(&format!("{} (", column.name)))
                    && records.all(|record| joined.record(&record.name()) == Some(record))
                    && (is_well(joined) || !is_well(column))
            };
            prop_assert!(whole.columns.iter().any(holds), "{}", column.name);
        }
    }
}

#[test]
fn columns_stand_in_the_order_of_versions() {
    let run = matrices::run(5);
    let mut whole = sample::matrix(&run);
    whole.columns.reverse();
    let joined = columns(vec![Results::Matrix(whole), Results::Run(run)]);
    assert_eq!(names(&joined), [&sample::NAMES[..], &["6.18.44"]].concat());
}

/// No case of one has a record in the other.
#[test]
fn the_shards_of_a_run_become_the_run() {
    let whole = matrices::run(9);
    let shard = |first: usize| {
        let records = whole.records.iter().skip(first).step_by(3).cloned().collect();
        Results::Run(Run { records, ..whole.clone() })
    };
    assert_eq!(join(vec![shard(2), shard(0), shard(1)]), Some(Results::Run(whole)));
}

/// None of them is lost, and each stays what it was when they are joined once more.
#[test]
fn runs_of_the_same_cases_stand_side_by_side() {
    let first = matrices::run(5);
    let second = again(&first);
    let third = again(&second);
    let parts = || [&first, &second, &third].map(|run| Results::Run(run.clone()));
    let joined = columns(parts().into());
    assert_eq!(names(&joined), ["6.18.44", "6.18.44 (2)", "6.18.44 (3)"]);
    let runs: Vec<_> = joined.iter().map(|column| column.run.clone().unwrap()).collect();
    assert_eq!(runs, [first.clone(), second.clone(), third.clone()]);
    let [a, b, c] = parts();
    let late = join(vec![b, c]).unwrap();
    assert_eq!(columns(vec![a, late.clone(), late]), joined);
}

/// Columns of one name whose systems are not the same.
#[rstest]
#[case::release(|column: &mut Column| "6.12.9".clone_into(&mut run_of(column).system.release))]
#[case::version(|column: &mut Column| "#2 SMP".clone_into(&mut run_of(column).system.version))]
#[case::machine(|column: &mut Column| "aarch64".clone_into(&mut run_of(column).system.machine))]
#[case::image(|column: &mut Column| column.platform.image_sha256 = "f".repeat(64))]
#[case::kind(|column: &mut Column| column.platform.kind = PlatformKind::Uml)]
fn another_system_of_the_name_is_another_column(#[case] change: fn(&mut Column)) {
    let one = kernel();
    let mut other = one.clone();
    run_of(&mut other).records.clear();
    assert_eq!(columns(vec![alone(one.clone()), alone(other.clone())]), slice::from_ref(&one));
    change(&mut other);
    let joined = columns(vec![alone(one.clone()), alone(other.clone())]);
    assert_eq!(names(&joined), ["6.12", "6.12 (2)"]);
    other.name = "6.12 (2)".to_owned();
    assert_eq!(joined, [one, other]);
}

fn run_of(column: &mut Column) -> &mut Run {
    column.run.as_mut().unwrap()
}

/// What could not be fetched at one time is what was at another.
#[rstest]
#[case::and_was_judged(kernel())]
#[case::and_did_not_boot(unbootable(kernel().platform))]
fn a_system_that_was_never_found_is_mended(#[case] found: Column) {
    let missing = unbootable(Platform::default());
    for parts in [[&found, &missing], [&missing, &found]] {
        let parts = parts.map(|column| alone(column.clone()));
        assert_eq!(columns(parts.into()), slice::from_ref(&found));
    }
}

fn unbootable(platform: Platform) -> Column {
    let reason = format!("it comes from {}", platform.origin);
    let broken = Broken { how: Fault::Unbootable, reason, console: Vec::new() };
    Column { name: "6.12".to_owned(), platform, broken: Some(broken), run: None }
}

/// A panic that was seen is not undone by another try that saw none.
#[test]
fn a_system_that_broke_stands_beside_another_try() {
    let good = kernel();
    let mut bad = good.clone();
    bad.run = bad.run.as_ref().map(again);
    bad.broken = Some(Broken { how: Fault::Panic, reason: String::new(), console: Vec::new() });
    let joined = columns(vec![alone(bad), alone(good)]);
    assert_eq!(names(&joined), ["6.12", "6.12 (2)"]);
    assert_eq!([joined[0].broken.is_some(), joined[1].broken.is_some()], [true, false]);
}

/// A shard of a run of servers tries the gate too, whatever else is its part.
#[rstest]
#[case::alike(Verdict::Conforms, "1.0", true)]
#[case::another_verdict(Verdict::Deviates, "1.0", false)]
#[case::another_server(Verdict::Conforms, "1.1", false)]
fn shards_of_servers_have_the_gate_in_common(
    #[case] verdict: Verdict,
    #[case] version: &str,
    #[case] is_one: bool,
) {
    let server = |version: &str| Judged {
        name: "nginx".to_owned(),
        version: version.to_owned(),
        command: "nginx".to_owned(),
        dialect: "http".to_owned(),
        workers: 2,
        reference: false,
    };
    let mut whole = matrices::run(3);
    whole.targets = vec![server("1.0")];
    whole.records.iter_mut().for_each(|record| record.target = Some("nginx".to_owned()));
    GATE.clone_into(&mut whole.records[0].id);
    whole.records.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(whole.records[2].id, GATE, "it is the last");
    let (mut first, mut second) = (whole.clone(), whole.clone());
    first.records.remove(0);
    first.records[1].micros += 1;
    second.records.remove(1);
    second.records[1].verdict = verdict;
    second.targets = vec![server(version)];
    let joined = join(vec![Results::Run(first), Results::Run(second)]);
    assert_eq!(joined == Some(Results::Run(whole)), is_one, "{joined:?}");
    assert_eq!(matches!(joined, Some(Results::Matrix(_))), !is_one);
}

/// A page is written by the command that wrote it, and can be written once more; the result is that of
/// the command that judged.
#[test]
fn a_page_tells_who_wrote_it() {
    let arguments = ["report", "a file.json", "-o", "all.md"].map(str::to_owned);
    let typed = "ioconform report 'a file.json' -o all.md";
    let run = Results::Run(matrices::run(5));
    for result in [run.clone(), Results::Matrix(run.into_matrix())] {
        let page = result.render(Format::Markdown, &arguments);
        assert!(page.ends_with(&format!("Written by `{typed}`.\n")), "{page}");
        let page = result.render(Format::Html, &arguments);
        assert!(page.contains(&format!("<pre>{typed}</pre>")), "{page}");
        assert!(!result.render(Format::Json, &arguments).contains("all.md"));
    }
}
