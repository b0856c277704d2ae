//! The catalogue as tests of `cargo test` and nextest: one named test a case.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::case::Case;
use crate::isolate::{Terms, Wardens};
use crate::judge::Judge;
use crate::record::{Record, Verdict};
use crate::runner::take_turn;

/// The whole `main` of a test target without libtest's harness. The environment variable
/// `IOCONFORM_STRICT=1` turns a skip that the machine could mend into a failure.
pub fn main(catalogue: &[&'static Case]) -> ExitCode {
    crate::entry();
    let arguments = Arguments::from_args();
    let tests = catalogue.iter().map(|case| {
        let case: &'static Case = case;
        Trial::ignorable_test(case.id.replace('.', "::"), move || run(case))
    });
    libtest_mimic::run(&arguments, tests.collect()).exit_code()
}

/// Left idle at the end, they end by themselves with this process.
static WARDENS: Wardens = Wardens::new();

fn run(case: &'static Case) -> Result<Completion, Failed> {
    let _turn = take_turn(case.alone);
    let Some(record) = Judge::here().record(case, WARDENS.run(case, Terms::default())) else {
        return Err("cancelled".into());
    };
    match record.verdict {
        _ if !record.expected => Err(explain(&record).into()),
        Verdict::Skipped | Verdict::Unobservable | Verdict::Unsupported => {
            Ok(Completion::ignored_with(format!("{}: {}", record.verdict, record.reason)))
        }
        _ => Ok(Completion::Completed),
    }
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
