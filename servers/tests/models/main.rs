//! The same checks for every model, from outside: this program, started again, is the server.

mod arrangement;
mod client;
mod ending;
mod limits;
mod protocol;
mod server;

use libtest_mimic::{Arguments, Trial};
use servers::{MODELS, Model};

/// A check that every model must pass: it panics if the model does not.
type Check = fn(&Model);

const CHECKS: &[(&str, Check)] = &[
    ("resources", protocol::resources),
    ("keep_alive", protocol::keep_alive),
    ("every_cut", protocol::every_cut),
    ("pipelining", protocol::pipelining),
    ("expectation", protocol::expectation),
    ("unix_socket", protocol::unix_socket),
    ("workers", protocol::workers),
    ("half_close", ending::half_close),
    ("body_and_end_at_once", ending::body_and_end_at_once),
    ("refused_body", ending::refused_body),
    ("resets", ending::resets),
    ("graceful_stop", ending::graceful_stop),
    ("stop_while_idle", ending::stop_while_idle),
    ("dead_worker", ending::dead_worker),
    ("time_outs", limits::time_outs),
    ("descriptors_run_out", limits::descriptors_run_out),
    ("waiting_is_free", limits::waiting_is_free),
    ("suspended", limits::suspended),
    ("quiet_when_idle", limits::quiet_when_idle),
];

fn main() {
    servers::entry();
    let mut trials = vec![
        Trial::test("every_file_is_in_the_table", || {
            protocol::every_file_is_in_the_table();
            Ok(())
        }),
        Trial::test("usage", || {
            protocol::usage();
            Ok(())
        }),
    ];
    for model in MODELS {
        let special = arrangement::CHECKS.iter().filter(|(_, concerns, _)| concerns(model));
        let checks = CHECKS.iter().copied().chain(special.map(|(name, _, check)| (*name, *check)));
        trials.extend(checks.map(|(name, check)| {
            Trial::test(format!("{}::{name}", model.name), move || {
                check(model);
                Ok(())
            })
        }));
    }
    let mut arguments = Arguments::from_args();
    // They wait more than they compute.
    arguments.test_threads.get_or_insert(16);
    libtest_mimic::run(&arguments, trials).exit();
}
