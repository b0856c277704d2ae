//! The wrong servers as targets: this program itself, started again.

use harness::dialect::Dialect;
use harness::power::servers::Mutant;
use harness::target::{SignalName, Start, Target};
use nix::sys::signal::Signal;
use servers::mutants::{self, Speaks};

use crate::models;

/// All wrong servers, with so many workers if they have any.
pub fn all(workers: usize) -> Vec<Mutant> {
    let mutant = |mutant: &'static mutants::Mutant| {
        let base = base(mutant.base, workers)?;
        Some(Mutant {
            id: mutant.id,
            breaks: mutant.breaks,
            target: renamed(base, &format!("mutant:{}", mutant.id)),
            base: mutant.base,
            caught_by: mutant.caught_by,
            also: mutant.also,
        })
    };
    mutants::all().filter_map(mutant).collect()
}

/// The server that mutants of this base are without their bugs.
pub fn base(name: &str, workers: usize) -> Option<Target> {
    if let Some(model) = servers::find(name) {
        return Some(models::target(model, workers));
    }
    let control = mutants::control(name)?;
    let target = renamed(models::target(&control.model, workers), &format!("control:{name}"));
    Some(Target {
        dialect: match control.speaks {
            Speaks::Http => target.dialect,
            Speaks::Memcached => Dialect::Memcached,
            Speaks::Echo => Dialect::Echo,
        },
        connections: control.connections,
        reload: control.reloads.then_some(SignalName(Signal::SIGHUP)),
        ..target
    })
}

/// A target of this program, under another name of `serve`.
fn renamed(target: Target, name: &str) -> Target {
    let start = match target.start {
        Start::Command(mut command) => {
            name.clone_into(&mut command.argv[1]);
            Start::Command(command)
        }
        running @ Start::Running { .. } => running,
    };
    Target { name: name.to_owned(), start, ..target }
}
