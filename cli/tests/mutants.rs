//! `ioconform mutants` on chosen cases, its page, and what is seen while it goes on.

mod common;

use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use rstest::rstest;

use common::{assert_refused, home, ioconform, path, write};

/// A wrong kernel, a case that catches it, and another that this case does not catch.
const CAUGHT: &str = "epoll.oneshot_is_for_ever";
const CASE: &str = "epoll.oneshot.stays_registered";
const SURVIVED: &str = "epoll.all_is_oneshot";

/// What a counter tells of one case on one mutant.
const COUNTER: &str = "\
cases without a mutant: 1 trials
[1/1] cases without a mutant
cases on mutants: 1 trials
[1/1] cases on mutants
";

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "wrong kernels are made on x86-64 alone")]
fn a_case_need_not_catch_every_mutant() {
    let home = home();
    let page = path(&home, "power.md");
    ioconform(&home)
        .args(["mutants", "--case", CASE, "-o", &page])
        .assert()
        .code(0)
        .stdout(contains(format!("caught   {CAUGHT} ")))
        .stdout(contains(format!("survived {SURVIVED} ")))
        .stdout(contains(" not caught by the chosen cases, 0 cases unproven"))
        .stdout(contains("SURVIVES").not())
        // It has no listener.
        .stdout(contains(" accept.").not());
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("- {SURVIVED}: not caught by the chosen cases\n")), "{page}");
}

#[test]
fn a_wrong_server_may_survive_cases_that_need_not_catch_it() {
    ioconform(&home())
        .args(["mutants", "--servers", "--case", "reload.no_fd_leak"])
        .assert()
        .code(0)
        .stdout(contains("caught   reload.leaks_a_descriptor "))
        .stdout(contains("survived reload.shuts_old_listeners "))
        .stdout(contains("SURVIVES").not());
}

#[rstest]
#[case::no_folder("nowhere/power.md", "there is no directory")]
#[case::a_file_for_a_folder("file/power.md", "there is no directory")]
#[case::a_folder("", "it is a directory")]
fn a_page_that_cannot_be_written_is_refused_at_once(#[case] name: &str, #[case] says: &str) {
    let home = home();
    write(&home, "file", "");
    assert_refused(ioconform(&home).args(["mutants", "-o", &path(&home, name)]), says);
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "wrong kernels are made on x86-64 alone")]
fn a_page_has_stdout_for_itself() {
    ioconform(&home())
        .args(["mutants", CAUGHT, "--case", CASE, "-o", "-"])
        .assert()
        .code(0)
        .stdout(starts_with("# Power"))
        .stdout(contains("1 mutants caught").not())
        .stderr(contains("1 mutants caught"));
}

#[rstest]
#[case::no_terminal(&[], COUNTER)]
#[case::counter(&["-q", "--progress", "counter"], COUNTER)]
#[case::quiet(&["-q"], "")]
#[case::none(&["--progress", "none"], "")]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "wrong kernels are made on x86-64 alone")]
fn each_phase_and_each_tenth_of_it_is_told(#[case] how: &[&str], #[case] expected: &'static str) {
    ioconform(&home())
        .args(["mutants", CAUGHT, "--case", CASE])
        .args(how)
        .assert()
        .code(0)
        .stderr(expected);
}
