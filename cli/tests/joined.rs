//! Results of several systems, as the command joins, converts and compares them.

mod common;
#[path = "../../harness/tests/reports/sample.rs"]
mod sample;

use std::path::Path;

use harness::matrix::Matrix;
use harness::record::Run;
use harness::report::{Format, Results, read};
use predicates::str::contains;
use rstest::rstest;
use tempfile::TempDir;

use common::{assert_refused, home, ioconform, path, write};

/// A run of a whole area, as the command wrote it.
fn run(home: &TempDir) -> Run {
    let file = path(home, "run.json");
    ioconform(home).args(["run", "epoll", "-o", &format!("json={file}"), "-qq"]).assert().code(0);
    let Results::Run(run) = read(Path::new(&file)).unwrap() else { panic!("one system is a run") };
    run
}

fn matrix(home: &TempDir) -> Matrix {
    sample::matrix(&run(home))
}

fn keep(home: &TempDir, name: &str, matrix: &Matrix) -> String {
    write(home, name, &Format::Json.render_matrix(matrix))
}

#[test]
fn diff_of_one_matrix_tells_the_first_kernel_that_differs() {
    let home = home();
    let matrix = matrix(&home);
    let file = keep(&home, "matrix.json", &matrix);
    let records = &matrix.columns[0].run.as_ref().unwrap().records;
    let (mended, worse) = (&records[sample::FIXED_IN_6_12].id, &records[sample::BROKEN_IN_7_1].id);
    let new = &records[sample::SINCE_6_1].id;
    ioconform(&home)
        .args(["diff", &file])
        .assert()
        .code(0)
        .stdout(contains(format!(
            "{mended}: deviates up to 6.1, conforms from 6.12 ({})\n",
            sample::COMMIT
        )))
        .stdout(contains(format!("{new}: unsupported up to 5.10, conforms from 6.1 (")))
        .stdout(contains(format!("unexpected {worse}: conforms up to 7.0, deviates on 7.1")))
        .stdout(contains(format!("3 of {} cases change between kernels", records.len())));
}

#[test]
fn diff_of_two_matrices_finds_a_regression_on_one_kernel() {
    let home = home();
    let old = matrix(&home);
    let mut new = old.clone();
    new.columns[2] = old.columns[0].clone();
    new.columns[2].name.clone_from(&old.columns[2].name);
    let runs = old.columns.iter().filter_map(|column| column.run.as_ref());
    let verdicts: usize = runs.map(|run| run.records.len()).sum();
    let (old, new) = (keep(&home, "old.json", &old), keep(&home, "new.json", &new));
    ioconform(&home)
        .args(["diff", &old, &new])
        .assert()
        .code(1)
        .stdout(contains("@6.12: conforms -> deviates"))
        .stdout(contains(format!("2 of {verdicts} cases differ, 2 for the worse")));
    ioconform(&home)
        .args(["diff", &old, &old])
        .assert()
        .code(0)
        .stdout(contains("0 for the worse"));
}

#[test]
fn diff_needs_something_to_compare() {
    let home = home();
    let run = run(&home);
    let file = path(&home, "run.json");
    ioconform(&home)
        .args(["diff", &file])
        .assert()
        .code(2)
        .stderr(contains(format!("ioconform diff {file} NEW.json")));
    let other = keep(&home, "matrix.json", &sample::matrix(&run));
    assert_refused(ioconform(&home).args(["diff", &file, &other]), "in common");
}

/// Runs of two kernels become a matrix of two columns, the older first.
#[test]
fn runs_of_several_kernels_become_a_matrix() {
    let home = home();
    let mut run = run(&home);
    let part = |home: &TempDir, name: &str, run: &Run| write(home, name, &Format::Json.render(run));
    "6.12.1".clone_into(&mut run.system.release);
    let new = part(&home, "new.json", &run);
    "6.2.1".clone_into(&mut run.system.release);
    let old = part(&home, "old.json", &run);
    let whole = path(&home, "whole.json");
    ioconform(&home).args(["report", &new, &old, "-o", &whole]).assert().code(0);
    let Results::Matrix(matrix) = read(Path::new(&whole)).unwrap() else { panic!("a matrix") };
    let names: Vec<_> = matrix.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["6.2.1", "6.12.1"]);
}

/// Neither of two results of one system is lost; parts of one are the whole.
#[test]
fn results_of_one_system_stand_side_by_side_unless_they_are_parts() {
    let home = home();
    let run = run(&home);
    let mut other = run.clone();
    other.records.iter_mut().for_each(|record| record.micros += 1);
    let keep = |name: &str, run: &Run| write(&home, name, &Format::Json.render(run));
    let (first, second) = (keep("a.json", &run), keep("b.json", &other));
    let arguments = ["report", &first, &second, "-o", "md=-"];
    ioconform(&home)
        .args(arguments)
        .assert()
        .code(0)
        .stdout(contains(format!("{0}, {0} (2)", run.system.release)))
        .stdout(contains(format!("Written by `ioconform {}`.", arguments.join(" "))));
    let (mut left, mut right) = (run.clone(), run.clone());
    right.records = left.records.split_off(run.records.len() / 2);
    let (left, right) = (keep("l.json", &left), keep("r.json", &right));
    let whole = path(&home, "whole.json");
    ioconform(&home).args(["report", &left, &right, "-o", &whole]).assert().code(0);
    assert_eq!(read(Path::new(&whole)).unwrap(), Results::Run(run));
}

/// What a page says of the command can be typed.
#[test]
fn a_page_is_written_by_a_command_that_can_be_typed() {
    ioconform(&home())
        .args(["run", "epoll.edge.*", "-o", "md=-"])
        .assert()
        .code(0)
        .stdout(contains("Written by `ioconform run 'epoll.edge.*' -o md=-`."));
}

/// A matrix that was spread over runners is the same in one piece.
#[test]
fn parts_of_a_matrix_are_the_matrix() {
    let home = home();
    let whole = matrix(&home);
    let (mut left, mut right) = (whole.clone(), whole.clone());
    left.columns.truncate(6);
    right.columns.drain(..5);
    if let Some(run) = &mut right.columns[2].run {
        run.records.truncate(3);
    }
    let rest = Matrix { columns: vec![whole.columns[7].clone()], ..whole.clone() };
    let parts = [("l.json", &left), ("r.json", &right), ("m.json", &rest)]
        .map(|(name, part)| keep(&home, name, part));
    let file = path(&home, "whole.json");
    ioconform(&home).arg("report").args(&parts).args(["-o", &file]).assert().code(0);
    assert_eq!(read(Path::new(&file)).unwrap(), Results::Matrix(whole));
}

/// The order of its columns is that in which they were asked for.
#[test]
fn a_matrix_alone_is_not_put_in_another_order() {
    let home = home();
    let mut whole = matrix(&home);
    whole.columns.reverse();
    let (kept, file) = (keep(&home, "matrix.json", &whole), path(&home, "again.json"));
    ioconform(&home).args(["report", &kept, "-o", &file]).assert().code(0);
    assert_eq!(read(Path::new(&file)).unwrap(), Results::Matrix(whole));
}

#[rstest]
#[case("md", "## What changes between kernels")]
#[case("html", "<!DOCTYPE html>")]
#[case("svg", "<svg xmlns=")]
#[case("badge", "ioconform: 14 systems, ")]
#[case("ktap", "  # Subtest: 6.12-rt\n")]
#[case("junit", "<testsuite name=\"6.12-rt/epoll.edge\"")]
#[case("kcidb", "\"minor\": 3")]
fn a_matrix_is_written_in_every_format(#[case] format: &str, #[case] says: &'static str) {
    let home = home();
    let file = keep(&home, "matrix.json", &matrix(&home));
    let written = || {
        let to = format!("{format}=-");
        ioconform(&home)
            .args(["report", &file, "-o", &to])
            .assert()
            .code(0)
            .get_output()
            .stdout
            .clone()
    };
    let text = String::from_utf8(written()).unwrap();
    assert!(text.contains(says), "{text}");
    assert_eq!(text.into_bytes(), written());
}

/// What is made for matrices shows a run as the only system.
#[rstest]
#[case("html", "<tr id=\"epoll.edge.silent_until_new_data\">")]
#[case("svg", "I/O conformance of this machine")]
#[case("badge", "ioconform: 1 system, 0 unexpected")]
#[case("kcidb", "\"path\": \"ioconform.epoll.edge.silent_until_new_data\"")]
fn a_run_is_written_as_a_matrix_of_one(#[case] format: &str, #[case] says: &'static str) {
    let home = home();
    let to = format!("{format}=-");
    let case = "epoll.edge.silent_until_new_data";
    ioconform(&home).args(["run", case, "-o", &to]).assert().code(0).stdout(contains(says));
}
