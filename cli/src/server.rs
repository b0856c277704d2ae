//! `ioconform server`.

use anyhow::ensure;
use harness::dialect::Dialect;
use harness::target::{Start, Target};

use crate::Failure;
use crate::arguments::{self, Targets};
use crate::execution::{Assignment, execute};
use crate::screen::Screen;
use crate::select::{Kind, select};

pub(crate) fn server(arguments: &arguments::Server, screen: &Screen) -> Result<u8, Failure> {
    let selection = &arguments.selection;
    let cases = select(selection, Kind::Server).map_err(Failure::usage)?;
    let targets = targets(&arguments.targets).map_err(Failure::usage)?;
    let assignment = Assignment { cases, targets: &targets, whole: selection.is_whole() };
    execute(&assignment, &arguments.execution, screen)
}

/// The servers that the arguments name, and the reference beside them, unless there are only
/// references.
fn targets(arguments: &Targets) -> anyhow::Result<Vec<Target>> {
    let workers = arguments.workers as usize;
    let mut targets = Vec::new();
    for name in &arguments.preset {
        targets.push(Target::preset(name, workers)?);
    }
    if !arguments.command.is_empty() || arguments.addr.is_some() {
        let dialect = Dialect::named(&arguments.dialect)?;
        let mut target = Target::command(arguments.command.clone(), dialect, workers);
        if let Some(address) = &arguments.addr {
            target.name = address.to_string();
            target.start = Start::Running { address: address.clone(), pid: arguments.pid };
        }
        target.stop = arguments.stop;
        target.reload = arguments.reload;
        targets.push(target);
    }
    ensure!(
        !targets.is_empty(),
        "no server: name one as `-- CMD ARG...`, --preset NAME, --model MODEL or --addr ADDRESS"
    );
    Ok(targets)
}
