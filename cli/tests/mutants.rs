//! `ioconform mutants --servers` as a person or a script meets it.

mod common;

use std::io::Read as _;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::str::contains;
use rstest::rstest;

use common::{assert_refused, home, ioconform, path};

#[rstest]
#[case::a_request("base.ends_behind_each_reply", "base")]
#[case::a_stop("shutdown.cuts_replies", "shutdown.reply_finishes")]
#[case::a_control("halfclose.keeps_connections", "halfclose.end_of_request")]
#[case::processes("reload.keeps_old_listeners", "reload.no_black_hole")]
#[case::rest("idle.never_sleeps", "idle")]
fn a_wrong_server_is_caught_by_the_case_that_must(#[case] mutant: &str, #[case] cases: &str) {
    ioconform(&home())
        .args(["mutants", "--servers", mutant, "--case", cases])
        .assert()
        .code(0)
        .stdout(contains(format!("caught   {mutant}")))
        .stdout(contains("1 wrong servers, 1 of them caught as they must"));
}

#[test]
fn a_wrong_server_that_nobody_catches_fails_the_command() {
    let home = home();
    let page = path(&home, "power.md");
    ioconform(&home)
        .args(["mutants", "--servers", "idle.wakes_for_nothing", "--case", "base", "-o", &page])
        .assert()
        .code(1)
        .stdout(contains("SURVIVES idle.wakes_for_nothing"));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("1 wrong servers, of which 0 are caught"), "{page}");
    assert!(page.contains("| idle.wakes_for_nothing | A timer is due"), "{page}");
}

#[test]
fn wrong_servers_are_listed_and_unknown_ones_refused() {
    let list = ioconform(&home()).args(["mutants", "--servers", "--list"]).assert().code(0);
    let list = String::from_utf8_lossy(&list.get_output().stdout).into_owned();
    assert_eq!(list.lines().count(), servers::mutants::all().count(), "{list}");
    assert!(list.contains("leak.at_a_reset"), "{list}");
    let mistyped = ["mutants", "--servers", "leak.at_a_rest"];
    assert_refused(ioconform(&home()).args(mistyped), "did you mean leak.at_a_reset");
    let of_the_other_kind = ["mutants", "--servers", "epoll.oneshot_is_for_ever"];
    assert_refused(ioconform(&home()).args(of_the_other_kind), "there is no mutant");
    let both = ["mutants", "--servers", "--kernel"];
    ioconform(&home()).args(both).assert().code(2).stderr(contains("cannot be used with"));
}

/// The first Ctrl-C ends it in order: it tells what was done.
#[test]
fn an_interruption_is_told() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("ioconform"))
        .args(["mutants", "--servers", "idle"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    // It arranges for signals before it starts anybody.
    let children = format!("/proc/{id}/task/{id}/children");
    while std::fs::read_to_string(&children).unwrap().is_empty() {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(id.cast_signed()), Signal::SIGINT).unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("interrupted: 2 wrong servers"), "{told}");
}
