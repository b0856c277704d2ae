//! Servers that do what they should not. Of each there is a clear verdict and the right exit code,
//! and nothing of it is left: no process, no file, and so no namespace.

mod misbehave;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use harness::record::{Run, Verdict};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

/// The user that owns nothing.
const NOBODY: u32 = 65534;
/// The first argument that makes this program one of the servers.
const MISBEHAVE: &str = "misbehave";
/// A variable that everything inherits which a test starts.
const MARK: &str = "IOCONFORM_HOSTILE_TEST";
/// The case that comes first, and one behind it.
const GATE: &str = "server.base.round_trip";
const SECOND: &str = "server.base.second_request";

/// How a server misbehaves, and what is to come of it.
struct Expected {
    how: &'static str,
    /// The command's arguments.
    place: &'static str,
    code: i32,
    gate: Verdict,
    /// What is said of it, somewhere on stdout.
    says: &'static str,
}

const fn expect(
    how: &'static str,
    place: &'static str,
    code: i32,
    gate: Verdict,
    says: &'static str,
) -> Expected {
    Expected { how, place, code, gate, says }
}

use Verdict::{Conforms, Deviates, Error};

const EXPECTED: &[Expected] = &[
    // What never gets as far as to be judged.
    expect(
        "dies_at_start",
        "{addr}",
        3,
        Error,
        "ended before it listened (exit status: 3): no luck today",
    ),
    expect("prints_junk_and_dies", "{addr}", 3, Error, "(exit status: 3): \u{fffd}[2J\u{fffd}[31m"),
    expect("never_listens", "{addr}", 3, Error, "did not come to listen: thinking"),
    expect("listens_elsewhere", "{addr}", 3, Error, "not where it was told"),
    expect("listens_twice_untold", "x", 3, Error, "say which by {addr}, {port} or {unix}"),
    expect("kills_its_parent", "{addr}", 3, Error, "killed by SIGKILL"),
    // What is unusual, and right.
    expect("serves", "{addr}", 0, Conforms, "0 unexpected"),
    expect("listens_twice", "{addr}", 0, Conforms, "0 unexpected"),
    expect("listens_elsewhere", "x", 0, Conforms, "0 unexpected"),
    expect("listens_on_all_of_ipv6", "{addr}", 0, Conforms, "0 unexpected"),
    expect("listens_on_unix", "{unix}", 0, Conforms, "0 unexpected"),
    expect("daemonises", "{addr}", 0, Conforms, "0 unexpected"),
    expect("leaves_its_session", "{addr}", 0, Conforms, "0 unexpected"),
    expect("ignores_sigterm", "{addr}", 0, Conforms, "0 unexpected"),
    expect("floods_its_log", "{addr}", 0, Conforms, "0 unexpected"),
    expect("prints_junk", "{addr}", 0, Conforms, "0 unexpected"),
    expect("forks_without_end", "{addr}", 0, Conforms, "0 unexpected"),
    expect("runs_away", "{addr}", 0, Conforms, "0 unexpected"),
    expect("needs_its_stdin", "{addr}", 0, Conforms, "0 unexpected"),
    expect("inherits_nothing", "{addr}", 0, Conforms, "0 unexpected"),
    // What is wrong.
    expect("answers_garbage", "{addr}", 1, Deviates, "no HTTP reply"),
    expect("answers_a_byte_a_second", "{addr}", 1, Deviates, "Silence"),
    expect("closes_at_once", "{addr}", 1, Deviates, "Closed"),
    expect("stops_itself", "{addr}", 1, Deviates, "Silence { received: 0 }"),
    expect("dies_after_one_request", "{addr}", 0, Conforms, "(recommended only)"),
];

/// Those that the end of a pid namespace would end in any case, and that must end without one too.
const TOUGH: &[&str] = &[
    "daemonises",
    "leaves_its_session",
    "ignores_sigterm",
    "forks_without_end",
    "runs_away",
    "kills_its_parent",
    "never_listens",
];

/// Those that are waited for in vain.
const SILENT: &[&str] = &[
    "never_listens",
    "listens_elsewhere",
    "listens_twice_untold",
    "stops_itself",
    "answers_a_byte_a_second",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, how, place, rest @ ..] = &arguments[..]
        && first == MISBEHAVE
    {
        let count = rest.first().and_then(|count| count.parse().ok()).unwrap_or(0);
        misbehave::misbehave(how, place, count);
    }
    let judged = EXPECTED.iter().map(|expected| {
        let name = format!("judged::{}_{}", expected.how, expected.place.trim_matches(['{', '}']));
        Trial::test(name, || is_judged(expected, &Place::usual()))
    });
    let tough = EXPECTED.iter().filter(|expected| TOUGH.contains(&expected.how));
    let tough = tough.map(|expected| {
        let name = format!("without_namespaces::{}", expected.how);
        Trial::ignorable_test(name, || in_a_poor_place(|place| is_judged(expected, place)))
    });
    let killed = ["never_listens", "serves", "daemonises", "forks_without_end"]
        .map(|how| Trial::test(format!("killed::{how}"), move || is_killed(how, &Place::usual())));
    let poor = Trial::ignorable_test("killed::without_namespaces", || {
        in_a_poor_place(|place| is_killed("daemonises", place))
    });
    let interrupted = Trial::test("interrupted", is_interrupted);
    let locked = Trial::test("judged::locks_its_folder", || {
        let expected = expect("locks_its_folder", "{dir}/x", 0, Conforms, "0 unexpected");
        is_judged(&expected, &Place::ordinary())
    });
    let tests = judged.chain(tough).chain(killed).chain([poor, locked, interrupted]).collect();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// Where the command runs, and what it may leave its marks on.
struct Place {
    home: TempDir,
    temporary: TempDir,
    mark: String,
    /// Whether there are no namespaces to be had.
    poor: bool,
    /// Whether the user is not root, who has access to everything.
    ordinary: bool,
}

impl Place {
    fn usual() -> Place {
        let home = tempfile::tempdir().unwrap();
        let mark = home.path().display().to_string();
        let temporary = tempfile::tempdir().unwrap();
        Place { home, temporary, mark, poor: false, ordinary: false }
    }

    /// The place of a user that is not root.
    fn ordinary() -> Place {
        let place = Place { ordinary: geteuid().is_root(), ..Place::usual() };
        for folder in [&place.home, &place.temporary] {
            std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        }
        place
    }

    /// The command, or a shell that first takes all namespaces away.
    fn ioconform(&self) -> Command {
        let program = assert_cmd::cargo::cargo_bin("ioconform");
        let mut command = if self.poor {
            let script = "for kind in user net pid mnt; do
                echo 0 > /proc/sys/user/max_${kind}_namespaces; done; exec \"$@\"";
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]);
            command.arg(program);
            command
        } else {
            Command::new(self.reachable(program, "ioconform"))
        };
        if self.ordinary {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.env(MARK, &self.mark).env("TMPDIR", self.temporary.path());
        command.env("XDG_STATE_HOME", self.home.path()).env_remove("IOCONFORM_STRICT");
        command
    }

    /// `ioconform server` with more arguments, on a server that misbehaves.
    fn server(&self, more: &[&str], how: &str, place: &str) -> Command {
        let mut command = self.ioconform();
        command.args(["server", GATE, SECOND, "--progress", "counter", "-o"]).arg(self.result());
        let program = std::env::current_exe().unwrap();
        command.args(more).arg("--").arg(self.reachable(program, "server"));
        command.args([MISBEHAVE, how, place]);
        command
    }

    /// A program where an ordinary user can start it: where it was built, others may have no access.
    fn reachable(&self, program: PathBuf, name: &str) -> PathBuf {
        if !self.ordinary {
            return program;
        }
        let copy = self.home.path().join(name);
        std::fs::copy(program, &copy).unwrap();
        copy
    }

    fn result(&self) -> PathBuf {
        self.home.path().join("r.json")
    }

    fn run(&self) -> Run {
        serde_json::from_str(&std::fs::read_to_string(self.result()).unwrap()).unwrap()
    }

    /// The verdicts on the server that misbehaves, by case, and the reasons.
    fn verdicts(&self) -> BTreeMap<String, (Verdict, String)> {
        let own = self
            .run()
            .records
            .into_iter()
            .filter(|record| record.target.as_deref() != Some(cases::models::REFERENCE));
        own.map(|record| (record.id, (record.verdict, record.reason))).collect()
    }

    /// The processes that inherited the mark, which all do that a trial starts, and their names.
    fn left(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.mark);
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let marked = processes.filter(|process| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        });
        marked
            .map(|process| {
                let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&command).replace('\0', " ")
            })
            .collect()
    }

    /// Nothing is left, at once or after some time.
    fn nothing_is_left(&self, patience: Duration) -> Result<(), Failed> {
        let end = Instant::now() + patience;
        let mut left = self.left();
        while !left.is_empty() && Instant::now() < end {
            std::thread::yield_now();
            left = self.left();
        }
        let files: Vec<_> = std::fs::read_dir(self.temporary.path()).unwrap().flatten().collect();
        demand(left.is_empty() && files.is_empty(), || format!("left: {left:?} {files:?}"))
    }
}

fn demand(holds: bool, why: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(why().into()) }
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn is_judged(expected: &Expected, place: &Place) -> Result<(), Failed> {
    // Silence is waited for, for half of the deadline.
    let silent = SILENT.contains(&expected.how);
    let more = if silent { &["--timeout-scale", "0.25"][..] } else { &[] };
    let output = place.server(more, expected.how, expected.place).output().unwrap();
    place.nothing_is_left(Duration::ZERO)?;
    let text = text(&output);
    let told = || text.clone();
    let verdicts = place.verdicts();
    let (gate, reason) = &verdicts[GATE];
    // A client on a machine with no time to spare accuses nobody of silence: it runs out of time.
    if !(silent && expected.gate == Deviates && reason.starts_with("hung")) {
        demand(output.status.code() == Some(expected.code), told)?;
        demand(text.contains(expected.says), told)?;
        demand(*gate == expected.gate && !reason.contains('\n'), told)?;
    }
    demand(!text.contains(['\u{1b}', '\0']), || format!("{text:?}"))?;
    let (second, _) = &verdicts[SECOND];
    demand((*second == Verdict::Blocked) == (*gate != Verdict::Conforms), told)
}

/// Runs a test without any namespace, if a user may take them away from itself here.
fn in_a_poor_place(
    test: impl FnOnce(&Place) -> Result<(), Failed>,
) -> Result<libtest_mimic::Completion, Failed> {
    let place = Place { poor: true, ..Place::usual() };
    let probe =
        Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return test(&place).map(|()| libtest_mimic::Completion::Completed);
    }
    let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
    demand(!strict, || format!("no user namespaces; mend: {}", harness::need::MEND_NAMESPACES))?;
    Ok(libtest_mimic::Completion::ignored_with("no user namespaces here"))
}

/// The command is killed while its server runs, in the middle of a run that would go on for long.
fn is_killed(how: &str, place: &Place) -> Result<(), Failed> {
    let mut command = place.server(&["--repeat", "1000"], how, "{addr}");
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let server = format!("{MISBEHAVE} {how}");
    let runs = |command: &String| command.contains(&server) && !command.contains("--");
    while !place.left().iter().any(runs) {
        demand(child.try_wait().unwrap().is_none(), || "it ended before it was killed".to_owned())?;
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.nothing_is_left(Duration::from_mins(1))
}

/// Ctrl-C while a server is waited for that listened the first time: what is done is written, and
/// marked.
fn is_interrupted() -> Result<(), Failed> {
    let place = Place::usual();
    let mut command = place.server(&["-j1"], "serves_once", "{addr}");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    stdout.read_line(&mut text).unwrap();
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    stdout.read_to_string(&mut text).unwrap();
    let code = child.wait().unwrap().code();
    place.nothing_is_left(Duration::ZERO)?;
    demand(code == Some(130) && text.contains("; interrupted"), || format!("{code:?} {text}"))?;
    let run = place.run();
    demand(run.interrupted && !run.complete, || "not marked".to_owned())?;
    demand(place.verdicts()[GATE].0 == Conforms, || "what was done is lost".to_owned())
}
