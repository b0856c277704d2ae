//! `ioconform server`.

use anyhow::{Context as _, ensure};
use cases::models::REFERENCE;
use harness::dialect::Dialect;
use harness::suggest::did_you_mean;
use harness::target::{Start, Target, TargetError};

use crate::Failure;
use crate::arguments::{self, Targets};
use crate::execution::{Assignment, execute};
use crate::screen::Screen;
use crate::select::{Kind, select};

pub(crate) fn server(arguments: &arguments::Server, screen: &Screen) -> Result<u8, Failure> {
    let selection = &arguments.selection;
    let cases = select(selection, Kind::Server).map_err(Failure::usage)?;
    let targets = targets(&arguments.targets).map_err(Failure::usage)?;
    for target in &targets {
        target.check().map_err(|error| match error {
            // The server could not be judged, and nothing is wrong with the arguments.
            TargetError::Unreachable(..) => Failure::from(error),
            error => Failure::usage(error),
        })?;
    }
    let assignment = Assignment { cases, targets: &targets, whole: selection.is_whole() };
    execute(&assignment, &arguments.execution, screen)
}

/// The servers that the arguments name, and the reference beside them, unless there are only
/// references.
fn targets(arguments: &Targets) -> anyhow::Result<Vec<Target>> {
    let workers = arguments.workers as usize;
    let mut targets = Vec::new();
    if !arguments.command.is_empty() || arguments.addr.is_some() {
        let dialect = Dialect::named(&arguments.dialect)?;
        let mut target = Target::command(arguments.command.clone(), dialect, workers);
        if let Some(address) = &arguments.addr {
            target.name = address.to_string();
            target.start = Start::Running { address: address.clone(), pid: arguments.pid };
        }
        target.connections = arguments.connections.map(|count| count as usize);
        target.stop = arguments.stop;
        target.reload = arguments.reload;
        targets.push(target);
    }
    for name in &arguments.preset {
        targets.push(Target::preset(name, workers)?);
    }
    for name in &arguments.model {
        targets.push(cases::models::target(model(name)?, workers));
    }
    if arguments.all_models {
        targets.extend(servers::MODELS.iter().map(|model| cases::models::target(model, workers)));
    }
    ensure!(
        !targets.is_empty(),
        "no server: name one as `-- CMD ARG...`, --preset NAME, --model MODEL or --addr ADDRESS"
    );
    let foreign = targets.iter().any(|target| !target.reference && target.is_started());
    if foreign && let Some(model) = servers::find(REFERENCE) {
        targets.push(cases::models::target(model, workers));
    }
    name_apart(&mut targets);
    Ok(targets)
}

/// The model of that name.
pub(crate) fn model(name: &str) -> anyhow::Result<&'static servers::Model> {
    let names: Vec<_> = servers::MODELS.iter().map(|model| model.name).collect();
    servers::find(name).with_context(|| {
        let near = did_you_mean(name, &names);
        format!("there is no model `{name}`{near}; there are {}", names.join(", "))
    })
}

/// Takes out what was named twice, and gives different servers of one name a number.
pub(crate) fn name_apart(targets: &mut Vec<Target>) {
    let mut apart: Vec<Target> = Vec::new();
    for target in targets.drain(..) {
        let same = |other: &Target| Target { name: target.name.clone(), ..other.clone() } == target;
        if apart.iter().any(same) {
            continue;
        }
        let taken = |name: &str| apart.iter().any(|other| other.name == name);
        let numbered = (2..).map(|number| format!("{}-{number}", target.name));
        let name = std::iter::once(target.name.clone()).chain(numbered).find(|name| !taken(name));
        apart.push(Target { name: name.unwrap_or_default(), ..target });
    }
    *targets = apart;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_one_name_are_told_apart_and_none_is_tried_twice() {
        let target = |command: &str| {
            Target::command(command.split(' ').map(str::to_owned).collect(), Dialect::Echo, 1)
        };
        let mut targets =
            vec![target("a"), target("a -x"), target("b"), target("a"), target("/c/a")];
        name_apart(&mut targets);
        let names: Vec<_> = targets.iter().map(|target| &*target.name).collect();
        assert_eq!(names, ["a", "a-2", "b", "a-3"]);
    }
}
