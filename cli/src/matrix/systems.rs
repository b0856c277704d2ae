//! Which systems the arguments name, and how each is started.

use std::path::Path;

use ::matrix::kernels::{Entry, Error, Kernel, Store, entry, image, list};
use ::matrix::machine::Machine;
use ::matrix::plan::{Start, System};
use ::matrix::qemu::{self, Accelerator, NoQemu, Qemu};
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

/// The systems, in the order of the report; guests get so much memory, in MiB. What is not here is
/// fetched.
pub(super) fn systems(
    arguments: &Matrix,
    memory: u64,
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
    let version = qemu::version();
    let append = &arguments.guest.append;
    let qemu = |version: &String| Qemu {
        accelerator: Accelerator::Tcg,
        cpus: arguments.guest.cpus,
        memory,
        append: append.clone(),
        version: version.clone(),
    };
    let uml = Uml { memory, append: append.clone() };
    let mut systems = Vec::new();
    for name in names {
        if name == HERE {
            let (name, start) = ("this machine".to_owned(), Start::Here);
            systems.push(System { name, platform: Platform::default(), start });
            continue;
        }
        match store.find(name, scratch) {
            Ok(kernel) => match kernel.kind {
                PlatformKind::Gvisor => systems.extend(gvisor(&kernel)),
                PlatformKind::Uml => systems.push(guest(kernel, Machine::Uml(uml.clone()))),
                PlatformKind::Qemu | PlatformKind::Machine => {
                    let version = version.as_ref().map_err(|_| NoQemu)?;
                    systems.push(guest(kernel, Machine::Qemu(qemu(version))));
                }
            },
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
    tell_apart(&mut systems)?;
    Ok(systems)
}

/// Two files of the same name are called by their paths. A system that is named twice is a mistake.
fn tell_apart(systems: &mut [System]) -> Result<(), Failure> {
    let names: Vec<String> = systems.iter().map(|system| system.name.clone()).collect();
    for system in &mut *systems {
        let named = names.iter().filter(|name| **name == system.name).count();
        if named > 1 && !system.platform.origin.is_empty() {
            system.name.clone_from(&system.platform.origin);
        }
    }
    for (at, system) in systems.iter().enumerate() {
        if systems[..at].iter().any(|earlier| earlier.name == system.name) {
            let twice = anyhow::anyhow!("`{}` is there twice", system.name);
            return Err(Failure::usage(twice));
        }
    }
    Ok(())
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

/// A kernel that is booted on a machine.
fn guest(kernel: Kernel, machine: Machine) -> System {
    let platform = platform(&kernel);
    let start = match kernel.damage {
        Some(damage @ image::Error::CutOff { .. }) => {
            Start::Cannot(format!("{}: {damage}", kernel.image.display()))
        }
        _ => Start::Boot(kernel.vmlinux.unwrap_or(kernel.image), machine),
    };
    System { name: kernel.name, platform, start }
}

/// gVisor on each of its platforms.
fn gvisor(kernel: &Kernel) -> Vec<System> {
    let on = |way: &&'static str| System {
        name: format!("{}-{way}", kernel.name),
        platform: Platform { emulator: format!("runsc, platform {way}"), ..platform(kernel) },
        start: Start::Gvisor(kernel.image.clone(), way),
    };
    GVISOR.iter().map(on).collect()
}

fn platform(kernel: &Kernel) -> Platform {
    Platform {
        kind: kernel.kind,
        origin: kernel.origin.clone(),
        image_sha256: kernel.image_sha256.clone(),
        config_sha256: kernel.config_sha256.clone().unwrap_or_default(),
        ..Platform::default()
    }
}
