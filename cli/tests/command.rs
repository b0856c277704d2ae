//! The command as a person or a script meets it: every subcommand, every exit code, bad input.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::{contains, is_empty, is_match};
use rstest::rstest;
use serial_test::serial;
use tempfile::TempDir;

use common::{assert_refused, home, ioconform, path, write};

/// A case that is quick and conforms wherever the tests run.
const CASE: &str = "epoll.edge.silent_until_new_data";

/// A result of one conforming case.
fn result(folder: &TempDir, name: &str) -> String {
    let file = path(folder, name);
    ioconform(folder).args(["run", CASE, "-o", &format!("json={file}")]).assert().code(0);
    file
}

#[test]
fn run_prints_a_plain_line_a_case_off_a_terminal() {
    ioconform(&home())
        .args(["run", CASE])
        .assert()
        .code(0)
        .stdout(contains(format!("[1/1] conforms     {CASE}\n")))
        .stdout(is_match(r"\n1 cases in \d+\.\d\d s: 1 conforms; 0 unexpected\n").unwrap())
        .stdout(contains('\u{1b}').not())
        .stderr(is_empty());
}

#[rstest]
#[case::auto("auto", false)]
#[case::always("always", true)]
#[case::never("never", false)]
fn colour_is_for_terminals_unless_asked_for(#[case] when: &str, #[case] coloured: bool) {
    let found = ioconform(&home()).args(["run", CASE, "--color", when]).output().unwrap();
    assert_eq!(found.stdout.contains(&0x1b), coloured);
}

#[test]
fn no_color_is_honoured() {
    let found = ioconform(&home())
        .args(["run", CASE])
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(!found.stdout.contains(&0x1b));
}

#[test]
fn verbose_shows_every_check_and_quiet_shows_none() {
    let home = home();
    ioconform(&home)
        .args(["run", CASE, "-v"])
        .assert()
        .code(0)
        .stdout(contains("held: new data is a new edge"));
    ioconform(&home).args(["run", CASE, "-q"]).assert().code(0).stdout(contains(CASE).not());
    ioconform(&home).args(["run", CASE, "-qq"]).assert().code(0).stdout(is_empty());
}

#[rstest]
#[case::bar("bar", false)]
#[case::counter("counter", true)]
#[case::none("none", false)]
fn progress_can_be_chosen(#[case] how: &str, #[case] line: bool) {
    let found = ioconform(&home()).args(["run", CASE, "--progress", how]).assert().code(0);
    assert_eq!(String::from_utf8_lossy(&found.get_output().stdout).contains("[1/1]"), line);
}

/// Bad input: one line on stderr that says what is wrong, the exit code for it, and no result.
#[rstest]
#[case::unknown_case(&["run", "epoll.edge.silent_until_new_dat"], 2, "did you mean epoll.edge.silent_until_new_data")]
#[case::unknown_skip(&["run", "--skip", "nonsense.x"], 2, "no case matches `nonsense.x`")]
#[case::bad_glob(&["run", "epoll.[a"], 2, "not a pattern")]
#[case::bad_filter(&["run", "-E", "colour(red)"], 2, "area()")]
#[case::bad_shard(&["run", "--shard", "3/2"], 2, "no shard 3 of 2")]
#[case::zero_jobs(&["run", "-j0"], 2, "0 is not in 1..=1024")]
#[case::bad_scale(&["run", "--timeout-scale", "-1"], 2, "")]
#[case::bad_format(&["run", "-o", "pdf=x"], 2, "no format `pdf`")]
#[case::no_format(&["run", "-o", "result"], 2, "FORMAT=PATH")]
#[case::no_folder(&["run", CASE, "-o", "json=/nonexistent/x.json"], 2, "mkdir -p /nonexistent")]
#[case::folder(&["run", CASE, "-o", "json=/"], 2, "directory")]
#[case::no_baseline(&["run", "--baseline", "/nonexistent.toml"], 2, "cannot read the baseline")]
#[case::bless_alone(&["run", "--bless"], 2, "--baseline")]
#[case::nothing_left(&["run", CASE, "--skip", CASE], 4, "leave no case")]
#[case::empty_list(&["list", "-E", "need(unicorns)"], 4, "leave no case")]
#[case::no_command(&[], 2, "Usage")]
#[case::unknown_explain(&["explain", "epoll.edge.silentt"], 2, "case matches `epoll.edge.silentt`")]
#[case::no_result(&["diff", "/nonexistent.json", "/nonexistent.json"], 2, "cannot read /nonexistent.json")]
#[case::no_results(&["report", "-o", "md=-"], 2, "RESULT.json")]
fn bad_input_gets_one_clear_line(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] says: &str,
) {
    let found = ioconform(&home())
        .args(arguments)
        .assert()
        .code(code)
        .stdout(is_empty())
        .stderr(contains(says));
    let stderr = String::from_utf8_lossy(&found.get_output().stderr).into_owned();
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[rstest]
#[case::empty("")]
#[case::truncated("{\"schema\": 1, \"ioconform\": \"0.")]
#[case::other_shape("[1, 2]")]
#[case::from_the_future("{\"schema\": 99}")]
fn a_file_that_is_no_result_is_refused(#[case] text: &str) {
    let home = home();
    let bad = write(&home, "bad.json", text);
    for arguments in [vec!["diff", &bad, &bad], vec!["report", &bad, "-o", "md=-"]] {
        assert_refused(ioconform(&home).args(arguments), "bad.json");
    }
}

#[test]
fn list_obeys_the_selection() {
    let home = home();
    let lines = |arguments: &[&str]| {
        let output = ioconform(&home).arg("list").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = lines(&[]);
    assert_eq!(all.len(), cases::catalogue().len());
    assert!(all.is_sorted());
    let mut shards =
        [lines(&["--shard", "1/3"]), lines(&["--shard", "2/3"]), lines(&["--shard", "3/3"])]
            .concat();
    shards.sort();
    assert_eq!(shards, all);
    let edge = lines(&["epoll.edge"]);
    assert!(!edge.is_empty() && edge.iter().all(|id| id.starts_with("epoll.edge.")));
    let rest = lines(&["--skip", "epoll.edge"]);
    assert_eq!(edge.len() + rest.len(), all.len());
    assert_eq!(lines(&["-E", "area(epoll) & id(epoll.edge)"]), edge);
    assert_eq!(lines(&["-E", "!id(epoll.edge)"]), rest);
}

#[test]
fn explain_tells_everything_about_a_case() {
    let home = home();
    ioconform(&home).args(["explain", CASE]).assert().code(0).stdout(contains("never here"));
    result(&home, "r.json");
    ioconform(&home)
        .args(["explain", CASE])
        .assert()
        .code(0)
        .stdout(contains("epoll(7), Level-triggered and edge-triggered"))
        .stdout(contains("fn silent_until_new_data(t: &mut Trial) -> Result {"))
        .stdout(contains("last seen  in the run of 20"))
        .stdout(contains("gave [EpollFlags(EPOLLIN)]"));
}

#[test]
fn doctor_and_completions_answer() {
    let home = home();
    ioconform(&home).arg("doctor").assert().code(0).stdout(contains("the wakeups of a thread"));
    for shell in ["bash", "zsh", "fish"] {
        ioconform(&home)
            .args(["completions", shell])
            .assert()
            .code(0)
            .stdout(contains("ioconform"));
    }
    ioconform(&home).arg("--help").assert().code(0).stdout(contains("Examples:"));
    ioconform(&home).arg("--version").assert().code(0).stdout(contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn reports_come_from_the_record_and_stay_the_same() {
    let home = home();
    let file = result(&home, "r.json");
    for (format, says) in [
        ("md", "## epoll.edge"),
        ("ktap", "KTAP version 1"),
        ("junit", "<testsuites"),
        ("json", "\"schema\": 1"),
    ] {
        let output = || {
            ioconform(&home)
                .args(["report", &file, "-o", &format!("{format}=-")])
                .output()
                .unwrap()
                .stdout
        };
        let text = String::from_utf8(output()).unwrap();
        assert!(text.contains(says), "{text}");
        assert_eq!(text.as_bytes(), output());
    }
    let json =
        ioconform(&home).args(["report", &file, &file, "-o", "json=-"]).output().unwrap().stdout;
    let schema: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/result-schema.json"),
        )
        .unwrap(),
    )
    .unwrap();
    jsonschema::validate(&schema, &serde_json::from_slice(&json).unwrap()).unwrap();
}

#[test]
fn diff_finds_a_regression() {
    let home = home();
    let old = result(&home, "old.json");
    ioconform(&home)
        .args(["diff", &old, &old])
        .assert()
        .code(0)
        .stdout(contains("0 of 1 cases differ"));
    let text = std::fs::read_to_string(&old).unwrap();
    let new = write(
        &home,
        "new.json",
        &text.replace("\"verdict\": \"conforms\"", "\"verdict\": \"deviates\""),
    );
    ioconform(&home)
        .args(["diff", &old, &new])
        .assert()
        .code(1)
        .stdout(contains(format!("regression {CASE}: conforms -> deviates")));
    ioconform(&home)
        .args(["diff", &new, &old])
        .assert()
        .code(0)
        .stdout(contains("0 for the worse"));
}

fn baseline(folder: &TempDir, case: &str) -> String {
    write(
        folder,
        "b.toml",
        &format!(
            "[[known]]\ncase = \"{case}\"\nverdicts = [\"deviates\"]\nreason = \"ticket 1\"\n"
        ),
    )
}

/// Of what is named, nothing may conform; of what a glob means, something must not.
#[test]
fn an_unexpected_pass_fails_and_bless_does_not_hide_it() {
    let home = home();
    let known = baseline(&home, CASE);
    let before = std::fs::read_to_string(&known).unwrap();
    for more in [&[][..], &["--bless"]] {
        ioconform(&home)
            .args(["run", CASE, "--baseline", &known])
            .args(more)
            .assert()
            .code(1)
            .stdout(contains("unexpected pass; the baseline says: ticket 1"));
    }
    assert_eq!(
        std::fs::read_to_string(&known).unwrap(),
        before,
        "what stands there is its author's"
    );
    let glob = baseline(&home, "epoll.edge.silent*");
    ioconform(&home).args(["run", CASE, "--baseline", &glob]).assert().code(0);
}

#[test]
fn the_ids_of_help_and_readme_are_cases() {
    let help = ioconform(&home()).arg("--help").output().unwrap().stdout;
    let readme = include_str!("../../README.md");
    let text = format!("{}\n{readme}", String::from_utf8(help).unwrap());
    let explained =
        text.lines().filter_map(|line| line.split_once("explain ")?.1.split_whitespace().next());
    let ids: Vec<_> = explained.filter(|id| id.contains('.')).collect();
    assert!(ids.len() >= 2, "{ids:?}");
    for id in ids {
        ioconform(&home()).args(["explain", id]).assert().code(0);
    }
}

#[test]
fn a_baseline_of_an_unknown_case_is_refused() {
    let home = home();
    let unknown = baseline(&home, "epoll.edge.nonsense");
    let found = ioconform(&home).args(["run", CASE, "--baseline", &unknown]).assert().code(2);
    assert_eq!(String::from_utf8_lossy(&found.get_output().stderr).lines().count(), 1);
}

#[test]
fn a_trial_without_time_cannot_be_judged() {
    ioconform(&home())
        .args(["run", CASE, "--timeout-scale", "1e-12"])
        .assert()
        .code(3)
        .stdout(contains("hung: killed after 0.0 s"));
}

#[test]
fn repeats_are_counted() {
    ioconform(&home())
        .args(["run", CASE, "--repeat", "7"])
        .assert()
        .code(0)
        .stdout(contains("7 trials"));
    ioconform(&home())
        .args(["run", CASE, "--until-unexpected", "--repeat", "3"])
        .assert()
        .code(0)
        .stdout(contains("3 trials"));
}

#[test]
fn a_full_disk_loses_no_result() {
    let home = home();
    let other = path(&home, "other.json");
    let found = ioconform(&home)
        .args(["run", CASE, "-o", "junit=/dev/full", "-o", &format!("json={other}")])
        .assert()
        .code(3)
        .stderr(contains("No space left on device"))
        .stderr(contains("the results are kept in"));
    assert_eq!(String::from_utf8_lossy(&found.get_output().stderr).lines().count(), 1);
    ioconform(&home).args(["report", &other, "-o", "md=-"]).assert().code(0);
    let kept = path(&home, "ioconform/last.json");
    ioconform(&home)
        .args(["report", &kept, "-o", "md=-"])
        .assert()
        .code(0)
        .stdout(contains("silent_until_new_data"));
}

/// Starts the command with stdout somewhere else; returns its exit code and what it said.
fn with_stdout(
    home: &TempDir,
    arguments: &[&str],
    stdout: impl Into<Stdio>,
) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("ioconform"));
    command
        .args(arguments)
        .env("XDG_STATE_HOME", home.path())
        .stdout(stdout)
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn a_full_stdout_is_an_error_and_a_closed_one_is_not() {
    let home = home();
    for arguments in [&["list"][..], &["run", CASE], &["explain", CASE], &["doctor"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (code, said) = with_stdout(&home, arguments, full);
        assert_eq!((code, said.lines().count()), (Some(3), 1), "{arguments:?}: {said}");
        assert!(said.contains("No space left on device"));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(
            with_stdout(&home, arguments, writer),
            (Some(0), String::new()),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_reader_that_leaves_early_does_not_end_the_run() {
    let home = home();
    let file = path(&home, "r.json");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(
        with_stdout(&home, &["run", CASE, "-o", &format!("json={file}")], writer),
        (Some(0), String::new())
    );
    ioconform(&home).args(["report", &file, "-o", "md=-"]).assert().code(0);
}

/// The first line that a run prints, the rest of it, and its exit status, where it gets a signal behind
/// that line.
fn signalled(mut run: std::process::Command, signal: Signal) -> (String, String, Option<i32>) {
    let mut child = run.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut first, mut rest) = (String::new(), String::new());
    stdout.read_line(&mut first).unwrap();
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    stdout.read_to_string(&mut rest).unwrap();
    (first, rest, child.wait().unwrap().code())
}

/// The first Ctrl-C ends the run in order: what is done is written and marked.
#[rstest]
#[case(Signal::SIGINT)]
#[case(Signal::SIGTERM)]
#[case(Signal::SIGHUP)]
#[serial]
fn an_interrupted_run_keeps_what_is_done(#[case] signal: Signal) {
    // This test may run under nohup itself.
    harness::sys::signal::default_action(signal).unwrap();
    let home = home();
    let file = path(&home, "r.json");
    let mut run = std::process::Command::new(assert_cmd::cargo::cargo_bin("ioconform"));
    run.args(["run", "-j1", "--progress", "counter", "-o", &format!("json={file}")])
        .env("XDG_STATE_HOME", home.path());
    let (first, rest, code) = signalled(run, signal);
    assert_eq!(code, Some(130), "{rest}");
    assert!(rest.contains("; interrupted"), "{rest}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"complete\": false") && text.contains("\"interrupted\": true"));
    let id = first.split_whitespace().last().unwrap();
    assert!(text.contains(id), "{id} was done");
}

/// nohup(1) has the signal ignored.
#[test]
fn a_run_goes_on_when_the_terminal_of_a_nohup_is_gone() {
    let home = home();
    let mut run = std::process::Command::new("nohup");
    run.arg(assert_cmd::cargo::cargo_bin("ioconform"))
        .args(["run", "pipe", "-j1", "--progress", "counter"])
        .env("XDG_STATE_HOME", home.path());
    let (_, rest, code) = signalled(run, Signal::SIGHUP);
    assert_eq!(code, Some(0), "{rest}");
}

/// `cargo run` stands in every document: the workspace must leave no choice of what it runs.
#[test]
fn cargo_run_runs_the_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let binaries = packages
        .filter(|package| defaults.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().unwrap())
        .filter(|target| target["kind"][0] == "bin");
    let names: Vec<_> = binaries.map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ioconform"]);
}
