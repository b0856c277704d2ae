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

#[cfg(test)]
mod tests {
    use super::*;
    use harness::case::Case;
    use harness::power::reason_for;

    fn server_cases() -> Vec<&'static Case> {
        crate::catalogue().into_iter().filter(|case| case.is_about_a_server()).collect()
    }

    #[test]
    fn every_case_about_servers_must_catch_a_mutant() {
        let mutants = all(1);
        for case in server_cases() {
            assert!(mutants.iter().any(|mutant| mutant.is_for(case)), "{}", case.id);
        }
    }

    #[test]
    fn what_a_mutant_says_of_cases_means_some() {
        assert_eq!(all(1).len(), mutants::all().count());
        for mutant in all(1) {
            let known = |id: &str| server_cases().iter().any(|case| case.id == id);
            assert!(mutant.caught_by.iter().all(|id| known(id)), "{}", mutant.id);
            for related in mutant.also {
                let means = |case: &&&Case| reason_for(&[*related], case).is_some();
                let cases = server_cases();
                assert!(cases.iter().any(|case| means(&case)), "{}: {}", mutant.id, related.0);
            }
        }
    }

    #[test]
    fn a_mutant_is_asked_like_its_base() {
        let all = all(4);
        let store = all.iter().find(|mutant| mutant.base == "store").map(|mutant| &mutant.target);
        assert_eq!(store.map(|target| &target.dialect), Some(&Dialect::Memcached));
        let base = base("reloading", 4);
        assert_eq!(base.and_then(|base| base.reload), Some(SignalName(Signal::SIGHUP)));
    }
}
