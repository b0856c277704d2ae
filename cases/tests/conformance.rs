//! Every case as a test of its own.

use std::process::ExitCode;

use harness::judge::Judge;
use harness::libtest::{Tests, name};

fn main() -> ExitCode {
    cases::entry();
    let kernel = cases::catalogue().into_iter().filter(|case| !case.is_about_a_server());
    let tests = kernel.map(|case| (name(case), case, None)).collect();
    Tests { tests, gate: None, judge: Judge::here() }.main()
}
