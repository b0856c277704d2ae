//! The reference servers as targets: this program itself, started again.

use std::collections::BTreeMap;

use harness::dialect::Http;
use harness::target::{Command, Start, Target};
use servers::{Model, Workers};

/// The model that reports show beside servers that are none: where it conforms and the server does
/// not, it is not the kernel.
pub const REFERENCE: &str = "multi_reactor";

/// The models whose workers serve one connection each, to its end: they hold as many as they have
/// workers.
const ONE_EACH: [&str; 3] =
    ["blocking_acceptors", "blocking_acceptors_forked", "prefork_shared_epoll"];

/// A reference server as a target, with so many workers if it has any.
pub fn target(model: &Model, workers: usize) -> Target {
    let argv = ["/proc/self/exe", model.name, "--listen", "{addr}", "--workers", "{workers}"];
    // A machine that is busy with other work makes none of its clients slow.
    let patient = ["--request-timeout", "3600"];
    let command = Command {
        argv: argv.into_iter().chain(patient).map(str::to_owned).collect(),
        environment: BTreeMap::from([(servers::VARIABLE.to_owned(), "1".to_owned())]),
        files: Vec::new(),
    };
    let dialect = Http::default()
        .big("/bytes/{bytes}")
        .echo("/echo")
        .work("/work/{micros}")
        .thread("Server-Thread");
    let workers = if model.workers == Workers::Single { 1 } else { workers };
    Target {
        name: model.name.to_owned(),
        start: Start::Command(command),
        version: format!("ioconform {}", env!("CARGO_PKG_VERSION")),
        reference: true,
        connections: ONE_EACH.contains(&model.name).then_some(workers),
        ..Target::command(Vec::new(), dialect.into(), workers)
    }
}
