//! Every case as a test of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    cases::entry();
    let cases: Vec<_> =
        cases::catalogue().into_iter().filter(|case| !case.is_about_a_server()).collect();
    harness::libtest::main(&cases)
}
