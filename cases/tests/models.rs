//! Every case about servers as a test of its own, on each reference server.

use std::process::ExitCode;
use std::sync::Arc;

use harness::judge::Judge;
use harness::libtest::{Tests, name};

/// The workers of a model.
const WORKERS: usize = 4;

fn main() -> ExitCode {
    cases::entry();
    let cases: Vec<_> =
        cases::catalogue().into_iter().filter(|case| case.is_about_a_server()).collect();
    let targets = servers::MODELS.iter().map(|model| cases::models::target(model, WORKERS));
    let tests = targets.map(Arc::new).flat_map(|target| {
        cases.clone().into_iter().map(move |case| {
            (format!("{}::{}", target.name, name(case)), case, Some(target.clone()))
        })
    });
    Tests { tests: tests.collect(), gate: None, judge: Judge::here() }.main()
}
