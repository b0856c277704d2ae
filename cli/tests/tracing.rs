//! Traced trials, as a person asks for them.

mod common;

use harness::record::{Run, Verdict};
use predicates::prelude::*;
use predicates::str::{contains, is_empty, is_match};

use common::{home, ioconform, path};

#[test]
fn a_traced_run_ends_as_another_and_keeps_its_calls() {
    let home = home();
    let json = path(&home, "r.json");
    // The wakeups of threads are counted, real-time signals come, and a process is stopped.
    let cases = ["herd.blocking.threads", "sigio.queue", "observe.thread.tells_the_state"];
    ioconform(&home)
        .args([
            "run",
            "--trace",
            "epoll.sharing.table_survives_exec",
            "-o",
            &format!("json={json}"),
        ])
        .args(cases)
        .assert()
        .code(0)
        .stdout(contains("; 0 unexpected"));
    let run: Run = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    for record in &run.records {
        assert_eq!(record.verdict, Verdict::Conforms, "{record:?}");
        let untraced = record.id == "epoll.sharing.table_survives_exec";
        assert_eq!(record.evidence.timeline.is_empty(), untraced, "{}", record.id);
        assert_eq!(record.note.starts_with("not traced: "), untraced, "{}", record.note);
    }
    // What was last seen is told without it.
    ioconform(&home)
        .args(["explain", "herd.blocking.threads"])
        .assert()
        .code(0)
        .stdout(contains("last seen").and(contains("calls:").not()));
}

#[test]
fn explain_shows_the_calls_of_a_case_in_their_order() {
    let call = r"(?s)socketpair\(1, .* = 0\n.* epoll_create1\(0x80000\) = \d+\n";
    let told = r".* epoll_wait\(\d+, \[\{EPOLLIN, \d+\}\], 64, 0\) = 1\n";
    ioconform(&home())
        .args(["explain", "epoll.edge.silent_until_new_data", "--trace"])
        .assert()
        .code(0)
        .stdout(contains("conforms epoll.edge.silent_until_new_data\n"))
        .stdout(is_match(format!("{call}{told}")).unwrap())
        .stdout(contains('\u{1b}').not().and(contains("/proc").not()))
        .stderr(is_empty());
}

#[test]
fn explain_shows_who_sleeps_and_each_case_of_a_glob() {
    let slept = r"woken: accept4?\(.*\) = \d+, slept \d+\.\d{3} ms\n";
    ioconform(&home())
        .args(["explain", "herd.blocking.t*", "--trace"])
        .assert()
        .code(0)
        .stdout(contains("herd.blocking.threads\n"))
        .stdout(contains("herd.blocking.three_for_three\n"))
        .stdout(is_match(slept).unwrap())
        .stdout(is_match(r"falls asleep in accept4?\(").unwrap());
}

#[test]
fn what_cannot_be_traced_is_said() {
    ioconform(&home())
        .args(["explain", "epoll.sharing.table_survives_exec", "--trace"])
        .assert()
        .code(3)
        .stdout(contains("cannot be traced: it traces a process itself"));
}
