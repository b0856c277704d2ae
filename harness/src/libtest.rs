//! Cases as tests of `cargo test` and nextest: one named test a case, or a case and a server.

use std::fs::File;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use nix::fcntl::{Flock, FlockArg};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::case::{Case, Strength};
use crate::isolate::{Namespace, Terms, Wardens};
use crate::judge::Judge;
use crate::record::{Record, Verdict};
use crate::target::Target;

/// What is to be tested, by what name, and how it is judged.
#[derive(Debug)]
pub struct Tests {
    /// The tests: a name, a case, and the server if it is about one.
    pub tests: Vec<(String, &'static Case, Option<Arc<Target>>)>,
    /// The case that a server must pass before any other is tried on it.
    pub gate: Option<&'static Case>,
    /// Judges the verdicts.
    pub judge: Judge,
}

/// The name of a case as a path of Rust.
pub fn name(case: &Case) -> String {
    case.id.replace('.', "::")
}

impl Tests {
    /// The whole `main` of a test target without libtest's harness, behind the program's entry.
    /// The environment variable `IOCONFORM_STRICT=1` turns a skip that the machine could mend into
    /// a failure.
    pub fn main(self) -> ExitCode {
        let arguments = Arguments::from_args();
        let tester = match Tester::new(self.gate, self.judge) {
            Ok(tester) => Arc::new(tester),
            Err(error) => {
                eprintln!("error: no trial can be started: {error}");
                return ExitCode::FAILURE;
            }
        };
        let tests = self.tests.into_iter().map(|(name, case, target)| {
            let tester = tester.clone();
            Trial::ignorable_test(name, move || tester.test(case, target.as_deref()))
        });
        libtest_mimic::run(&arguments, tests.collect()).exit_code()
    }
}

/// Runs cases one by one, from any thread.
#[derive(Debug)]
pub struct Tester {
    wardens: Wardens,
    judge: Judge,
    gate: Option<&'static Case>,
    passed: OnceLock<Option<bool>>,
}

impl Tester {
    /// Finds out what trials can be given. Fails if none can be started.
    pub fn new(gate: Option<&'static Case>, judge: Judge) -> std::io::Result<Tester> {
        let wardens = Wardens::new(crate::isolate::probe()?);
        Ok(Tester { wardens, judge, gate, passed: OnceLock::new() })
    }

    /// The record of one trial; nothing if it was cancelled.
    pub fn record(&self, case: &'static Case, target: Option<&Target>) -> Option<Record> {
        // Without a network of its own, a trial could meet others on ports and counters.
        let _turn = take_turn(case.alone || !self.wardens.give(Namespace::Net));
        let outcome = self.wardens.run(case, Terms { target, ..Terms::default() });
        self.judge.record(case, target.map(|target| &*target.name), outcome)
    }

    fn test(&self, case: &'static Case, target: Option<&Target>) -> Result<Completion, Failed> {
        if let (Some(gate), Some(_)) = (self.gate, target)
            && gate.id != case.id
            && !self.passes(gate, target)
        {
            return Ok(Completion::ignored_with(format!(
                "blocked: `{}` does not conform",
                gate.id
            )));
        }
        let Some(record) = self.record(case, target) else {
            return Err("cancelled".into());
        };
        match record.verdict {
            _ if !record.expected => Err(explain(&record).into()),
            // Not to be overlooked, and no failure.
            Verdict::Deviates if record.strength == Strength::Should => {
                let seen = record.failed_check().map_or(String::new(), |check| {
                    format!(": expected {}, observed {}", check.expected, check.observed)
                });
                let Record { verdict, note, reason, .. } = &record;
                Ok(Completion::ignored_with(format!("{verdict}, {note}: {reason}{seen}")))
            }
            Verdict::Conforms | Verdict::Deviates | Verdict::Error => Ok(Completion::Completed),
            Verdict::Skipped | Verdict::Blocked | Verdict::Unobservable | Verdict::Unsupported => {
                Ok(Completion::ignored_with(format!("{}: {}", record.verdict, record.reason)))
            }
        }
    }

    /// Whether the server passes the gate, which is tried once. All tests of a program with a gate
    /// are about one server.
    fn passes(&self, gate: &'static Case, target: Option<&Target>) -> bool {
        let passed = self.passed.get_or_init(|| {
            self.record(gate, target).map(|record| record.verdict == Verdict::Conforms)
        });
        *passed == Some(true)
    }
}

/// A case that must be alone wants no other trial beside it, be it of this process or of another
/// one of the same program (nextest runs a process a test). The program's file is the lock.
fn take_turn(alone: bool) -> Option<Flock<File>> {
    let file = File::open(std::env::current_exe().ok()?).ok()?;
    let kind = if alone { FlockArg::LockExclusive } else { FlockArg::LockShared };
    Flock::lock(file, kind).ok()
}

/// What went wrong, as a test's message.
pub fn explain(record: &Record) -> String {
    let mut text = format!("{}: {}", record.verdict, record.reason);
    if let Some(check) = record.failed_check() {
        text += &format!(
            "\nclaim:    {}\nchecked:  {}\nexpected: {}\nobserved: {}\nat {}:{}",
            record.claim, check.expression, check.expected, check.observed, check.file, check.line
        );
    }
    for thread in &record.evidence.threads {
        text += &format!(
            "\nthread {} `{}`: {}, {}",
            thread.tid, thread.name, thread.state, thread.syscall
        );
    }
    for (label, more) in
        [("mend", &record.mend), ("note", &record.note), ("output", &record.evidence.output)]
    {
        if !more.is_empty() {
            text += &format!("\n{label}: {more}");
        }
    }
    text
}
