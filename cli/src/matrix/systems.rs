//! Which systems the arguments name, and how each is started.

use std::path::Path;

use ::matrix::kernels::{Entry, Error, Kernel, Store, entry, list};
use ::matrix::machine::Machine;
use ::matrix::plan::{Start, System};
use ::matrix::qemu::Qemu;
use ::matrix::uml::Uml;
use harness::matrix::{Platform, PlatformKind};

use crate::Failure;
use crate::arguments::Matrix;
use crate::kernels::fetch;
use crate::screen::Screen;

/// The name by which a user asks for the machine that this is.
const HERE: &str = "machine";

/// How gVisor takes over system calls: by signals, and by ptrace(2).
const GVISOR: [&str; 2] = ["systrap", "ptrace"];

/// The systems, in the order of the report; `qemu` is the machine for those that need one. What is
/// not here is fetched.
pub(super) fn systems(
    arguments: &Matrix,
    qemu: &Qemu,
    scratch: &Path,
    screen: &Screen,
) -> Result<Vec<System>, Failure> {
    let mut names: Vec<&str> = arguments.kernel.iter().map(String::as_str).collect();
    if names.is_empty() {
        names = list().iter().map(|entry| entry.name.as_str()).chain([HERE]).collect();
    }
    if let Some(shard) = arguments.shard {
        names = shard.of(names);
    }
    let store = Store::open()?;
    let missing = missing(&names, &store)?;
    if !missing.is_empty() {
        fetch(&missing, screen)?;
    }
    let mut systems = Vec::new();
    for name in names {
        if name == HERE {
            let (name, start) = ("this machine".to_owned(), Start::Here);
            systems.push(System { name, platform: Platform::default(), start });
            continue;
        }
        match store.find(name, scratch) {
            Ok(kernel) => systems.extend(of(kernel, qemu, &arguments.guest.append)),
            Err(error @ (Error::Unknown { .. } | Error::File { .. })) => {
                return Err(Failure::usage(error));
            }
            Err(error) => systems.push(System {
                name: name.to_owned(),
                platform: Platform { kind: PlatformKind::Qemu, ..Platform::default() },
                start: Start::Cannot(error.to_string()),
            }),
        }
    }
    Ok(systems)
}

/// The entries that are named and not here.
fn missing(names: &[&str], store: &Store) -> Result<Vec<&'static Entry>, Error> {
    let mut missing = Vec::new();
    for name in names {
        if let Ok(entry) = entry(name)
            && store.kept(entry)?.is_none()
        {
            missing.push(entry);
        }
    }
    Ok(missing)
}

/// What a kernel is judged as: gVisor on each of its platforms, everything else once.
fn of(kernel: Kernel, qemu: &Qemu, append: &str) -> Vec<System> {
    let platform = Platform {
        kind: kernel.kind,
        origin: kernel.origin,
        image_sha256: kernel.image_sha256,
        config_sha256: kernel.config_sha256.unwrap_or_default(),
        ..Platform::default()
    };
    let system = |name: String, start| System { name, platform: platform.clone(), start };
    match kernel.kind {
        PlatformKind::Gvisor => GVISOR
            .iter()
            .map(|way| {
                let name = format!("{}-{way}", kernel.name);
                let mut system = system(name, Start::Gvisor(kernel.image.clone(), way));
                system.platform.emulator = format!("runsc, platform {way}");
                system
            })
            .collect(),
        PlatformKind::Uml => {
            let machine = Machine::Uml(Uml { memory: 0, append: append.to_owned() });
            vec![system(kernel.name, Start::Boot(kernel.image, machine))]
        }
        PlatformKind::Qemu | PlatformKind::Machine => {
            let image = kernel.vmlinux.unwrap_or(kernel.image);
            vec![system(kernel.name, Start::Boot(image, Machine::Qemu(qemu.clone())))]
        }
    }
}
