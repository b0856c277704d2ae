//! The commands that tell: what is true of the claims of the study notes, and what an area is about.

mod common;

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
