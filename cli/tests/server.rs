//! `ioconform server` and `serve` as a person or a script meets them.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use assert_cmd::Command;
use harness::record::{Run, Verdict};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use rstest::rstest;
use tempfile::TempDir;

use common::{assert_refused, home, ioconform, path, write};

/// The case that every server passes first, one that looks at processes, and one that wants
/// something of the dialect.
const GATE: &str = "base.round_trip";
const QUIET: &str = "idle.quiet";
const BIG: &str = "base.big_reply";

/// A server that is no reference: what is known of it is what its command line says.
fn foreign(model: &'static str, listen: &'static str) -> [String; 5] {
    let program = assert_cmd::cargo::cargo_bin("ioconform").display().to_string();
    [&program, "serve", model, "--listen", listen].map(str::to_owned)
}

fn run(file: &str) -> Run {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The verdicts of a result, by `SERVER/CASE`.
fn verdicts(file: &str) -> BTreeMap<String, Verdict> {
    run(file).records.iter().map(|record| (record.name(), record.verdict)).collect()
}

/// Bad input: what is wrong is said first, on one line, with the right exit code and no result.
#[rstest]
#[case::no_server(&["server"], 2, "no server: name one as `-- CMD ARG...`")]
#[case::no_command(&["server", "--"], 2, "no server: name one")]
#[case::empty_program(&["server", "--", ""], 2, "there is no program ``")]
#[case::missing_program(&["server", "--", "/nonexistent/server"], 2, "there is no program `/nonexistent/server`")]
#[case::program_not_in_path(&["server", "--", "no-such-program-anywhere", "{addr}"], 2, "there is no program `no-such-program-anywhere`")]
#[case::no_program(&["server", "--", "/etc/passwd"], 2, "`/etc/passwd` is no program")]
#[case::unknown_preset(&["server", "--preset", "ngnix"], 2, "did you mean nginx?")]
#[case::unknown_model(&["server", "--model", "reuseprt"], 2, "did you mean reuseport")]
#[case::unknown_dialect(&["server", "--dialect", "gopher", "--", "true"], 2, "it is http, resp, memcached, echo or a FILE.toml")]
#[case::missing_dialect(&["server", "--dialect", "/nonexistent.toml", "--", "true"], 2, "cannot read the dialect /nonexistent.toml")]
#[case::unknown_stop(&["server", "--stop", "NOPE", "--", "true"], 2, "there is no signal `NOPE`")]
#[case::unknown_reload(&["server", "--reload", "HOP", "--", "true"], 2, "there is no signal `HOP`")]
#[case::no_workers(&["server", "--workers", "0", "--", "true"], 2, "0 is not in 1..=256")]
#[case::unknown_case(&["server", "base.round_trp", "--", "true"], 2, "did you mean server.base.round_trip?")]
#[case::kernel_case(&["server", "epoll", "--", "true"], 2, "`ioconform run` judges the kernel")]
#[case::server_case(&["run", "base"], 2, "`ioconform server` servers")]
#[case::pid_alone(&["server", "--pid", "1"], 2, "--addr <ADDRESS>")]
#[case::no_pid(&["server", "--addr", "127.0.0.1:1", "--pid", "0"], 2, "0 is not in 1..")]
#[case::foreign_address(&["server", "--addr", "192.0.2.1:80"], 2, "only local servers are tested")]
#[case::a_name(&["server", "--addr", "localhost:80"], 2, "neither HOST:PORT (an IP address) nor unix:PATH")]
#[case::two_servers(&["server", "--addr", "127.0.0.1:1", "--", "true"], 2, "cannot be used with")]
#[case::nobody_there(&["server", "--addr", "unix:/nonexistent/socket"], 3, "no server can be reached at unix:/nonexistent/socket")]
#[case::serve_nothing(&["serve"], 2, "<MODEL>")]
#[case::serve_unknown(&["serve", "reuseprt"], 2, "similar value exists: 'reuseport'")]
#[case::serve_unknown_mutant(&["serve", "mutant:idle.never_sleep"], 2, "similar value exists: 'idle.never_sleeps'")]
#[case::serve_unknown_control(&["serve", "control:ech"], 2, "similar value exists: 'echo'")]
#[case::serve_nowhere(&["serve", "reuseport", "--listen", "1.2.3"], 2, "not an ADDRESS:PORT")]
#[case::serve_unix(&["serve", "reuseport", "--listen", "./socket"], 3, "AF_UNIX has no SO_REUSEPORT")]
#[case::serve_far_away(&["serve", "poll_loop", "--listen", "192.0.2.1:80"], 3, "192.0.2.1:80")]
fn bad_input_gets_one_clear_line(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] says: &str,
) {
    let found = ioconform(&home()).args(arguments).assert().code(code).stdout(is_empty());
    let stderr = String::from_utf8_lossy(&found.get_output().stderr).into_owned();
    assert!(stderr.contains(says), "{stderr}");
    assert!(stderr.starts_with("error: ") && !stderr.contains("panicked"), "{stderr}");
}

#[rstest]
#[case::no_protocol("small = \"/\"", "protocol")]
#[case::unknown_protocol("protocol = \"gopher\"", "gopher")]
#[case::unknown_key("protocol = \"http\"\nbigg = \"/\"", "bigg")]
#[case::no_pattern("protocol = \"script\"\nrequest = \"a\"\nreply = \"(\"", "unclosed group")]
#[case::no_toml("protocol = ", "d.toml")]
fn a_bad_dialect_file_gets_one_line(#[case] text: &str, #[case] says: &str) {
    let home = home();
    let file = write(&home, "d.toml", text);
    assert_refused(ioconform(&home).args(["server", "--dialect", &file, "--", "true"]), says);
}

/// What a dialect file names can be asked for; what it does not name is not held against anybody.
#[test]
fn a_dialect_file_opens_more_cases() {
    let home = home();
    let (without, with) = (path(&home, "without.json"), path(&home, "with.json"));
    let server = foreign("single_reactor", "{addr}");
    ioconform(&home)
        .args(["server", BIG, "-o", &without, "--"])
        .args(&server)
        .assert()
        .code(0)
        .stdout(contains("it does not name its `big`\n      base.big_reply"));
    let dialect = write(&home, "d.toml", "protocol = \"http\"\nbig = \"/bytes/{bytes}\"\n");
    ioconform(&home)
        .args(["server", BIG, "-o", &with, "--dialect", &dialect, "--"])
        .args(&server)
        .assert()
        .code(0)
        .stdout(contains("what was not judged").not());
    let name = format!("ioconform/server.{BIG}");
    assert_eq!(verdicts(&without)[&name], Verdict::Unsupported);
    assert_eq!(verdicts(&with)[&name], Verdict::Conforms);
}

/// A server that the test starts, and that ends with it.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// `ioconform serve`, once it says where it listens.
    fn start(model: &str) -> Running {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("ioconform"))
            .args(["serve", model, "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("listening on ").nth(1).and_then(|rest| rest.split(',').next());
        Running { child, address: address.unwrap_or_else(|| panic!("{line}")).to_owned() }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that runs is judged by the wire, and by its processes if they are named. It is left as
/// it was found.
#[rstest]
#[case::by_the_wire(false)]
#[case::by_its_processes(true)]
fn a_server_that_runs_is_judged_and_left_alone(#[case] named: bool) {
    let home = home();
    let mut server = Running::start("multi_reactor");
    let file = path(&home, "r.json");
    let mut command = ioconform(&home);
    command.args(["server", GATE, QUIET, "close", "shutdown", "reload", "-o", &file]);
    command.args(["--reload", "TERM", "--addr", &server.address]);
    if named {
        command.args(["--pid", &server.pid()]);
    }
    command.assert().code(0).stdout(contains("0 unexpected"));
    let seen = verdicts(&file);
    let of = |case: &str| seen[&format!("{}/server.{case}", server.address)];
    assert_eq!(of(GATE), Verdict::Conforms);
    assert_eq!(of(QUIET), if named { Verdict::Conforms } else { Verdict::Unsupported });
    // No signal is sent to it, whatever the case and the arguments say.
    assert_eq!(of("shutdown.refuses_promptly"), Verdict::Unsupported);
    assert_eq!(of("reload.no_black_hole"), Verdict::Unsupported);
    assert!(run(&file).targets.iter().all(|target| !target.reference), "it has no reference");
    assert!(server.child.try_wait().unwrap().is_none(), "it runs on");
    ioconform(&home).args(["server", GATE, "--addr", &server.address]).assert().code(0);
}

/// What another process does is not held against a server.
#[test]
fn a_process_that_is_not_the_servers_is_refused() {
    let home = home();
    let (one, other) = (Running::start("poll_loop"), Running::start("poll_loop"));
    let refused = |pid: &str, says: &str| {
        let mut command = ioconform(&home);
        command.args(["server", GATE, "--addr", &one.address, "--pid", pid]);
        assert_refused(&mut command, says);
    };
    refused(&other.pid(), "is seen to listen at 127.0.0.1:");
    refused(&i32::MAX.to_string(), "there is no process 2147483647");
}

#[rstest]
#[case(Signal::SIGTERM)]
#[case(Signal::SIGINT)]
fn serve_serves_until_it_is_told_to_stop(#[case] signal: Signal) {
    let home = home();
    let mut server = Running::start("prefork_epoll");
    ioconform(&home).args(["server", GATE, "--addr", &server.address]).assert().code(0);
    kill(Pid::from_raw(server.child.id().cast_signed()), signal).unwrap();
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    ioconform(&home)
        .args(["server", GATE, "--addr", &server.address])
        .assert()
        .code(3)
        .stderr(contains("Connection refused"));
}

#[test]
fn a_server_may_listen_on_a_path() {
    let home = home();
    let file = path(&home, "r.json");
    ioconform(&home)
        .args(["server", GATE, QUIET, "-o", &file, "--"])
        .args(foreign("single_reactor", "{unix}"))
        .assert()
        .code(0);
    let seen = verdicts(&file);
    assert_eq!(seen[&format!("ioconform/server.{GATE}")], Verdict::Conforms);
    assert_eq!(seen[&format!("ioconform/server.{QUIET}")], Verdict::Conforms);
}

/// A command gets the reference beside it; references have none; and none is tried twice.
#[test]
fn targets_are_the_columns() {
    let home = home();
    let file = path(&home, "r.json");
    let columns = |arguments: &[&str], command: &[String]| {
        let mut run_it = ioconform(&home);
        run_it.args(["server", GATE, "-o", &file]).args(arguments);
        if !command.is_empty() {
            run_it.arg("--").args(command);
        }
        run_it.assert().code(0);
        run(&file).targets.into_iter().map(|target| target.name).collect::<Vec<_>>()
    };
    let command = foreign("poll_loop", "{addr}");
    assert_eq!(columns(&[], &command), ["ioconform", "multi_reactor"]);
    assert_eq!(columns(&["--model", "poll_loop"], &[]), ["poll_loop"]);
    let twice = ["--model", "multi_reactor", "--model", "multi_reactor"];
    assert_eq!(columns(&twice, &command), ["ioconform", "multi_reactor"]);
    assert_eq!(columns(&["--all-models"], &[]).len(), servers::MODELS.len());
}

/// Each report shows each case on each server.
#[test]
fn reports_are_matrices() {
    let home = home();
    let file = path(&home, "r.json");
    ioconform(&home)
        .args(["server", "base", "--model", "poll_loop", "--model", "reuseport", "-o", &file])
        .assert()
        .code(0);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/result-schema.json");
    let value = |path: &Path| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    jsonschema::validate(&value(&schema), &value(Path::new(&file))).unwrap();
    let report = |format: &str| {
        let mut command = ioconform(&home);
        command.args(["report", &file, "-o", &format!("{format}=-")]);
        String::from_utf8(command.assert().code(0).get_output().stdout.clone()).unwrap()
    };
    let markdown = report("md");
    let row = markdown.lines().find(|line| line.contains("round_trip") && line.starts_with('|'));
    assert_eq!(row.map(|row| row.matches('●').count()), Some(2), "{markdown}");
    for (format, suite) in [("ktap", "# Subtest: "), ("junit", "<testsuite name=\"")] {
        let text = report(format);
        assert_eq!(text.matches("round_trip").count(), 2, "{text}");
        for server in ["poll_loop", "reuseport"] {
            let title = format!("{suite}{server}.server.base");
            assert_eq!(text.matches(&title).count(), 1, "{title}: {text}");
        }
    }
}

/// `ioconform server` on a server that is said to have something big at `path`. At `/` it has not.
fn with_big(home: &TempDir, path: &str) -> Command {
    let dialect = format!("protocol = \"http\"\nbig = \"{path}\"\n");
    let mut command = ioconform(home);
    command.args(["server", BIG, "--dialect", &write(home, "d.toml", &dialect)]);
    command
}

/// A server that deviates from a MUST does so unexpectedly, unless the baseline knows it of this
/// very server.
#[test]
fn a_baseline_is_about_a_server() {
    let home = home();
    let known = |target: &str| {
        let text = format!(
            "[[known]]\ncase = \"server.{BIG}\"\ntarget = \"{target}\"\nverdicts = [\"deviates\"]\nreason = \"ticket 1\"\n"
        );
        write(&home, "known.toml", &text)
    };
    let judge = |more: &[&str]| {
        let mut command = with_big(&home, "/");
        command.args(more).arg("--").args(foreign("poll_loop", "{addr}")).assert()
    };
    judge(&[]).code(1).stdout(contains(format!("deviates ioconform/server.{BIG}")));
    judge(&["--baseline", &known("ioconform")]).code(0).stdout(contains("deviates as known"));
    judge(&["--baseline", &known("io*")]).code(0);
    judge(&["--baseline", &known("nginx")]).code(1).stdout(contains("1 unexpected"));
    // The reference conforms, and was said not to.
    judge(&["--baseline", &known("multi_reactor")]).code(1).stdout(contains("2 unexpected"));
    let blessed = path(&home, "blessed.toml");
    judge(&["--baseline", &blessed, "--bless"]).code(0).stdout(contains("1 entries added"));
    let text = std::fs::read_to_string(&blessed).unwrap();
    assert!(text.contains("target = \"ioconform\""), "{text}");
    judge(&["--baseline", &blessed]).code(0);
}

#[test]
fn diff_compares_a_server_with_itself() {
    let home = home();
    let result = |name: &str, big: &str, code: i32| {
        let file = path(&home, name);
        let mut command = with_big(&home, big);
        command.args(["-o", &file, "--"]).args(foreign("poll_loop", "{addr}"));
        command.assert().code(code).stdout(contains("[4/4]"));
        file
    };
    let (before, after) = (result("1.json", "/bytes/{bytes}", 0), result("2.json", "/", 1));
    ioconform(&home)
        .args(["diff", &before, &after])
        .assert()
        .code(1)
        .stdout(contains(format!("regression ioconform/server.{BIG}: conforms -> deviates")))
        .stdout(contains("multi_reactor").not());
    ioconform(&home).args(["diff", &after, &before]).assert().code(0);
}

#[test]
fn list_and_explain_know_servers() {
    let home = home();
    ioconform(&home)
        .args(["list", "server"])
        .assert()
        .code(0)
        .stdout(contains("server.base.round_trip\n"))
        .stdout(contains("epoll.").not());
    for id in ["server.idle.quiet", "idle.quiet"] {
        ioconform(&home)
            .args(["explain", id])
            .assert()
            .code(0)
            .stdout(contains("strength   must"))
            .stdout(contains("except     nonblocking_spin: "))
            .stdout(contains("ioconform server server.idle.quiet -- CMD ARG..."));
    }
    ioconform(&home)
        .args(["server", QUIET, "--model", "poll_loop", "--model", "reuseport"])
        .assert()
        .code(0);
    ioconform(&home)
        .args(["explain", QUIET])
        .assert()
        .code(0)
        .stdout(contains("conforms poll_loop/server.idle.quiet"))
        .stdout(contains("conforms reuseport/server.idle.quiet"));
}
