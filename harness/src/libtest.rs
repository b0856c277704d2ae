//! The catalogue as tests of `cargo test` and nextest: one named test a case.

use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;

use nix::fcntl::{Flock, FlockArg};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::case::Case;
use crate::isolate::{Namespace, Terms, Wardens};
use crate::judge::Judge;
use crate::record::{Record, Verdict};

/// The whole `main` of a test target without libtest's harness. The environment variable
/// `IOCONFORM_STRICT=1` turns a skip that the machine could mend into a failure.
pub fn main(catalogue: &[&'static Case]) -> ExitCode {
    crate::entry();
    let arguments = Arguments::from_args();
    let granted = match crate::isolate::probe() {
        Ok(granted) => granted,
        Err(error) => {
            eprintln!("error: no trial can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let wardens = Arc::new(Wardens::new(granted));
    let tests = catalogue.iter().map(|case| {
        let (case, wardens): (&'static Case, _) = (case, wardens.clone());
        Trial::ignorable_test(case.id.replace('.', "::"), move || run(case, &wardens))
    });
    libtest_mimic::run(&arguments, tests.collect()).exit_code()
}

fn run(case: &'static Case, wardens: &Wardens) -> Result<Completion, Failed> {
    // Without a network of its own, a trial could meet others on ports and counters.
    let _turn = take_turn(case.alone || !wardens.give(Namespace::Net));
    let Some(record) = Judge::here().record(case, None, wardens.run(case, Terms::default())) else {
        return Err("cancelled".into());
    };
    match record.verdict {
        _ if !record.expected => Err(explain(&record).into()),
        Verdict::Skipped | Verdict::Blocked | Verdict::Unobservable | Verdict::Unsupported => {
            Ok(Completion::ignored_with(format!("{}: {}", record.verdict, record.reason)))
        }
        _ => Ok(Completion::Completed),
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
fn explain(record: &Record) -> String {
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
