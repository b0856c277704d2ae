//! `ioconform bench` as a person or a script meets it. Nothing here depends on how fast it is.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::{contains, is_match};
use rstest::rstest;
use serial_test::serial;

/// As little as still is a bench.
const SHORT: [&str; 7] = ["bench", "--rounds", "2", "--seconds", "0.05", "--connections", "4"];

fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("ioconform").unwrap();
    command.args(SHORT).args(arguments).env_remove("NO_COLOR");
    command
}

fn ioconform() -> String {
    assert_cmd::cargo::cargo_bin("ioconform").display().to_string()
}

#[rstest]
#[case::unknown_model(&["reuseprt"], "did you mean reuseport")]
#[case::unknown_preset(&["--preset", "ngnix"], "did you mean nginx?")]
#[case::one_round(&["--rounds", "1"], "1 is not in 2..=1000")]
#[case::no_time(&["--seconds", "0"], "from 0.05 to 60")]
#[case::no_clients(&["--connections", "0"], "0 is not in 1..=1000")]
#[case::no_workers(&["--workers", "0"], "0 is not in 1..=256")]
#[case::against(&["reuseport", "--against", "nginx"], "`nginx` is not measured")]
#[case::format(&["-o", "pdf=x"], "no format `pdf`, only json, svg")]
#[case::folder(&["-o", "json=/nonexistent/x"], "mkdir -p /nonexistent")]
#[case::kind(&["--only", "long"], "invalid value 'long'")]
#[case::both(&["--claim", "--only", "short"], "cannot be used with")]
fn bad_input_is_one_line_and_exit_code_2(#[case] arguments: &[&str], #[case] words: &str) {
    // The options of SHORT may not be given twice.
    let mut command = Command::cargo_bin("ioconform").unwrap();
    let found = command.arg("bench").args(arguments).assert().code(2).stdout("");
    let said = String::from_utf8_lossy(&found.get_output().stderr).into_owned();
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("error")).collect();
    assert!(lines.len() == 1 && said.contains(words), "{said}");
}

#[test]
#[serial]
fn two_models_are_measured_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (json, svg) = (path("b.json"), path("b.svg"));
    bench(&["multi_reactor", "reuseport", "--workers", "2", "-o", &json, "-o", &svg])
        .assert()
        .code(0)
        .stdout(is_match(r"\n  multi_reactor  .*\n  reuseport .*\d\.\d\d \[").unwrap())
        .stdout(contains("failed").not())
        .stdout(contains('\u{1b}').not())
        .stderr(contains("[1/18] warm-up: keepalive of multi_reactor\n"))
        .stderr(contains('\u{1b}').not());

    let text = std::fs::read_to_string(&json).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["interrupted"], false);
    assert_eq!(report["settings"]["against"], "multi_reactor");
    assert!(report["settings"]["latency_rate"].as_f64().unwrap() > 0.0);
    for kind in ["keepalive", "short", "latency"] {
        let figures: Vec<_> = report["figures"].as_array().unwrap().iter().collect();
        let of = |target: &str, measure: &str| {
            let is = |it: &&&serde_json::Value| {
                it["target"] == target && it["kind"] == kind && it["measure"] == measure
            };
            figures.iter().find(is).unwrap_or_else(|| panic!("{kind} {measure}: {text}"))["rounds"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(serde_json::Value::as_f64)
                .collect::<Vec<_>>()
        };
        let main = if kind == "latency" { "p99 microseconds" } else { "requests per second" };
        for target in ["multi_reactor", "reuseport"] {
            assert_eq!(of(target, main).len(), 2);
            assert!(of(target, main).iter().all(|value| *value > 0.0));
        }
        let wakeups = of("reuseport", "wakeups per request");
        let switches = of("reuseport", "context switches per request");
        assert_eq!(wakeups.len(), switches.len());
        assert!(wakeups.iter().zip(switches).all(|(some, all)| *some <= all), "{text}");
    }
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    assert!(picture.contains(">reuseport<"));
}

#[test]
#[serial]
fn one_kind_can_be_chosen_and_stdout_be_data() {
    let found = bench(&["single_reactor", "--only", "short", "-o", "json=-"]).assert().code(0);
    let report: serde_json::Value = serde_json::from_slice(&found.get_output().stdout).unwrap();
    let kinds = |it: &serde_json::Value| it["kind"].as_str().unwrap().to_owned();
    let figures = report["figures"].as_array().unwrap();
    assert!(!figures.is_empty() && figures.iter().all(|figure| kinds(figure) == "short"));
}

#[test]
#[serial]
fn the_claim_gets_a_verdict() {
    bench(&["--claim", "multi_reactor", "reuseport", "single_reactor", "--workers", "2"])
        .assert()
        .code(0)
        .stdout(is_match(r"\n(true|partly|false) \(S22\): multi_reactor serves").unwrap())
        .stdout(is_match(r"\n(true|partly|false) \(S22, S29\): reuseport serves").unwrap())
        .stdout(is_match(r"\n(true|partly|false) \(S22, S29\): reuseport takes less CPU").unwrap())
        .stdout(is_match(r"\n(true|partly|false) \(S36\): reuseport shares").unwrap());
}

#[test]
#[serial]
fn a_server_that_does_not_start_is_reported_and_in_no_figure() {
    bench(&["single_reactor", "--only", "keepalive", "--", "false"])
        .assert()
        .code(3)
        .stdout(contains("failed: keepalive of false in the warm-up, and was not tried again: "))
        .stdout(contains("the server ended before it listened"))
        .stdout(is_match(r"\n  false  +-  +-").unwrap())
        .stdout(is_match(r"\n  single_reactor  +\d").unwrap());
}

/// Workers that sleep in one connection each have no time for the others: that is no rate.
#[test]
#[serial]
fn clients_that_are_never_served_are_reported() {
    bench(&["blocking_acceptors", "--workers", "1", "--only", "keepalive"])
        .assert()
        .code(3)
        .stdout(contains("3 clients waited for a reply until after the end"));
}

#[test]
#[serial]
fn a_server_that_dies_under_load_is_reported() {
    let ioconform = ioconform();
    let serve = ["serve", "single_reactor", "--listen", "{addr}"];
    let command = [&["--", "timeout", "-s", "KILL", "0.5", &ioconform][..], &serve].concat();
    Command::cargo_bin("ioconform")
        .unwrap()
        .args(["bench", "--seconds", "10", "--rounds", "2", "--only", "keepalive"])
        .args(command)
        .assert()
        .code(3)
        .stdout(contains("failed: keepalive of timeout in the warm-up"));
}

/// A bench that runs for long, once it has begun.
fn begun(arguments: &[&str]) -> (std::process::Child, BufReader<std::process::ChildStderr>) {
    let mut child = std::process::Command::new(ioconform())
        .args(["bench", "single_reactor", "--rounds", "1000", "--only", "short"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // Until the second round has begun.
    while !line.contains("round 2") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    (child, stderr)
}

#[test]
#[serial]
fn an_interrupted_bench_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.json").display().to_string();
    let (mut child, _stderr) = begun(&["--seconds", "0.05", "-o", &file]);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("interrupted: rounds are missing"), "{text}");
    let report = std::fs::read_to_string(&file).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["interrupted"], true);
    assert!(report["figures"][0]["rounds"][0].as_f64().unwrap() > 0.0, "the first round is there");
}

/// The processes of this machine whose command line has `word` in it.
fn processes_with(word: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let texts = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    texts.filter(|text| text.contains(word)).collect()
}

#[test]
#[serial]
fn nothing_is_left_behind_a_bench_that_was_killed() {
    let word = format!("killed-bench-{}", std::process::id());
    let ioconform = ioconform();
    // The shell stays above the server; its command line has the word.
    let script = format!(": {word}; \"$0\" serve reuseport --listen \"$1\"; :");
    let command = ["--", "sh", "-c", &script, &ioconform, "{addr}"];
    let (mut child, _stderr) = begun(&[&["--seconds", "0.2"][..], &command].concat());
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while !processes_with(&word).is_empty() {
        assert!(start.elapsed() < Duration::from_mins(1), "{:?}", processes_with(&word));
        nix::sched::sched_yield().unwrap();
    }
}
