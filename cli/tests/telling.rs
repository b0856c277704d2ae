//! The commands that tell: what is true of the claims of the study notes, what an area is about,
//! what the threads of a case do, and who catches whom.

mod common;

use std::io::Read as _;
use std::process::Stdio;

use harness::record::{Run, Verdict};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::{contains, is_empty, is_match};
use rstest::rstest;

use common::{assert_refused, home, ioconform, path, write};

/// A claim that one quick case decides, and that case.
const CLAIM: (&str, &str) = ("S01", "epoll.interest.is_a_table_of_the_kernel");

#[test]
fn a_claim_is_shown_in_full_with_the_cases_that_decide_it() {
    ioconform(&home())
        .args(["claims", "s25"])
        .assert()
        .code(0)
        .stdout(contains(
            "\nclaim      S25: There was a thundering herd, and Linux 2.6 solved it.\n",
        ))
        .stdout(contains("\nverdict    partly true\n"))
        .stdout(contains("\ntruth      It is solved for accept;"))
        .stdout(contains("\n  conforms herd.poll.in_poll\n      A connection wakes every worker"))
        .stdout(contains("\n  deviates as known herd.folklore.solved_in_2_6\n"))
        .stdout(
            is_match(r"\n1 claims, decided by \d+ cases in .* s: 1 partly true; 0 otherwise\n")
                .unwrap(),
        )
        .stdout(contains('\u{1b}').not())
        .stderr(is_empty());
}

#[test]
fn all_claims_are_told_in_short_in_their_order() {
    let found = ioconform(&home()).args(["claims", "--progress", "none"]).assert().code(0);
    let text = String::from_utf8_lossy(&found.get_output().stdout).into_owned();
    let all = harness::claims::all();
    let heads = text.lines().filter(|line| line.starts_with('S'));
    let ids: Vec<_> = heads.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(ids, all.iter().map(|claim| &*claim.id).collect::<Vec<_>>());
    let last = text.lines().last().unwrap_or("");
    assert!(last.starts_with(&format!("{} claims, decided by ", all.len())), "{last}");
    assert!(last.ends_with("; 0 otherwise"), "{last}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

/// Whatever `run` takes, so that the evidence can be kept and looked into.
#[test]
fn claims_are_run_as_cases_are() {
    let home = home();
    let (claim, case) = CLAIM;
    let json = path(&home, "r.json");
    ioconform(&home)
        .args(["claims", claim, "-v", "-j1", "-o", &format!("json={json}")])
        .assert()
        .code(0)
        .stdout(contains(format!("[1/1] conforms     {case}\n")))
        .stdout(contains("held: "));
    ioconform(&home)
        .args(["report", &json, "-o", "md=-"])
        .assert()
        .code(0)
        .stdout(contains("is_a_table"));
    ioconform(&home).args(["explain", case]).assert().code(0).stdout(contains("in the run of 20"));
    ioconform(&home).args(["claims", claim, "-q"]).assert().code(0).stdout(contains(claim).not());
    ioconform(&home).args(["claims", claim, "-qq"]).assert().code(0).stdout(is_empty());
}

#[test]
fn a_case_that_ends_unexpectedly_is_told_of() {
    let home = home();
    let (claim, case) = CLAIM;
    let entry =
        format!("[[known]]\ncase = \"{case}\"\nverdicts = [\"deviates\"]\nreason = \"ticket 1\"\n");
    let known = write(&home, "b.toml", &entry);
    ioconform(&home)
        .args(["claims", claim, "--baseline", &known])
        .assert()
        .code(1)
        .stdout(contains(format!("conforms unexpectedly {case}")))
        .stdout(contains("the baseline says: ticket 1"));
    ioconform(&home)
        .args(["claims", claim, "--timeout-scale", "1e-12"])
        .assert()
        .code(3)
        .stdout(contains("verdict    undecided"));
}

#[test]
fn claims_have_colours_only_where_they_are_wanted() {
    let found = ioconform(&home()).args(["claims", CLAIM.0, "--color", "always"]).output().unwrap();
    assert!(found.stdout.contains(&0x1b));
    let found = ioconform(&home())
        .args(["claims", CLAIM.0])
        .envs([("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])
        .output()
        .unwrap();
    assert!(!found.stdout.contains(&0x1b));
}

#[rstest]
#[case::unknown_claim(&["claims", "S99"], "there is no claim `S99`")]
#[case::not_a_claim(&["claims", "herd"], "there is no claim `herd`")]
#[case::unknown_area(&["explain", "epol"], "did you mean epoll")]
#[case::unknown_topic(&["explain", "epoll.edges"], "did you mean epoll.edge")]
fn bad_input_gets_one_clear_line(#[case] arguments: &[&str], #[case] says: &str) {
    assert_refused(ioconform(&home()).args(arguments), says);
}

#[test]
fn help_has_examples_that_work() {
    let home = home();
    for command in ["claims", "explain"] {
        ioconform(&home).args([command, "--help"]).assert().code(0).stdout(contains("Examples:"));
    }
    for id in ["epoll.edge", "herd.blocking.threads", "herd.blocking.*"] {
        ioconform(&home).args(["explain", id]).assert().code(0);
    }
}

#[test]
fn an_area_is_explained_by_the_heads_of_its_files_and_its_cases() {
    let found = ioconform(&home()).args(["explain", "epoll"]).assert().code(0);
    let text = String::from_utf8_lossy(&found.get_output().stdout).into_owned();
    assert!(
        text.starts_with("epoll\n  epoll: one call that waits for many descriptors."),
        "{text}"
    );
    for topic in ["edge", "level", "oneshot"] {
        assert!(text.contains(&format!("\n\nepoll.{topic}\n  ")), "{topic}: {text}");
    }
    for case in cases::catalogue().iter().filter(|case| case.area() == "epoll") {
        assert!(text.contains(&format!("\n  {}\n      ", case.id)), "{}", case.id);
    }
    assert!(!text.contains("//!") && !text.contains("fn "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn a_topic_is_explained_alone_and_a_case_in_full() {
    let home = home();
    ioconform(&home)
        .args(["explain", "epoll.edge"])
        .assert()
        .code(0)
        .stdout(predicates::str::starts_with(
            "epoll.edge\n  Edge-triggered registrations (`EPOLLET`)",
        ))
        .stdout(contains("epoll.level").not());
    ioconform(&home)
        .args(["explain", "server.hup"])
        .assert()
        .code(0)
        .stdout(contains("server.hup\n  The end of a connection"));
    ioconform(&home)
        .args(["explain", "hup"])
        .assert()
        .code(0)
        .stdout(predicates::str::starts_with("server.hup\n"));
    ioconform(&home)
        .args(["explain", "epoll.edge.*"])
        .assert()
        .code(0)
        .stdout(contains("fn silent_until_new_data(t: &mut Trial)"));
}

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

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "wrong kernels are made on x86-64 alone")]
fn a_mutant_is_caught_by_a_case_whose_check_fails() {
    ioconform(&home())
        .args(["mutants", "epoll.oneshot_is_for_ever", "--case", "epoll.oneshot", "-v"])
        .assert()
        .code(0)
        .stdout(contains("caught   epoll.oneshot_is_for_ever"))
        .stdout(contains("Caught epoll.oneshot."))
        .stdout(contains("1 mutants caught"));
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "wrong kernels are made on x86-64 alone")]
fn a_mutant_that_nobody_catches_fails_the_command() {
    let home = home();
    let page = path(&home, "power.md");
    ioconform(&home)
        .args(["mutants", "epoll.oneshot_is_for_ever", "--case", "pipe.capacity", "-o", &page])
        .assert()
        .code(1)
        .stdout(contains("SURVIVES epoll.oneshot_is_for_ever"));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("- epoll.oneshot_is_for_ever: **no reason is known**"), "{page}");
}

#[test]
fn mutants_are_listed_and_unknown_ones_refused() {
    let list = ioconform(&home()).args(["mutants", "--list"]).assert().code(0);
    let list = String::from_utf8_lossy(&list.get_output().stdout).into_owned();
    assert!(list.lines().count() >= 80, "{list}");
    let mistyped = ["mutants", "epoll.oneshot_is_for_eve"];
    assert_refused(ioconform(&home()).args(mistyped), "did you mean epoll.oneshot_is_for_ever");
}

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
    let both = ["mutants", "--servers", "--kernels"];
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
