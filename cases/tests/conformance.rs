//! Every case as a test of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::libtest::main(&cases::catalogue())
}
