//! Which systems the arguments name, and how each is started.

use std::path::Path;

use ::matrix::machine::Machine;
use ::matrix::plan::{Start, System};
use ::matrix::qemu::{self, Accelerator, Qemu};
use harness::matrix::Platform;

use crate::arguments::Matrix;

pub(super) fn systems(arguments: &Matrix) -> anyhow::Result<Vec<System>> {
    let version = qemu::version()?;
    let mut systems = Vec::new();
    for name in &arguments.kernel {
        if name == "machine" {
            systems.push(System {
                name: "this machine".to_owned(),
                platform: Platform::default(),
                start: Start::Here,
            });
            continue;
        }
        let start = Start::Boot(
            name.into(),
            Machine::Qemu(Qemu {
                accelerator: Accelerator::Tcg,
                cpus: arguments.guest.cpus,
                memory: 0,
                append: arguments.guest.append.clone(),
                version: version.clone(),
            }),
        );
        let label = Path::new(name).file_name().map(|name| name.to_string_lossy().into_owned());
        systems.push(System {
            name: label.unwrap_or_default(),
            platform: Platform { origin: name.clone(), ..Platform::default() },
            start,
        });
    }
    Ok(match arguments.shard {
        Some(shard) => shard.of(systems),
        None => systems,
    })
}
