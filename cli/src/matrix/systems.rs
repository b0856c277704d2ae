//! Which systems the arguments name, and how each is started.

use std::path::Path;

use ::matrix::kernels::{Ended, Entry, Error, Kernel, Store, entry, image, list};
use ::matrix::machine::Machine;
use ::matrix::plan::{Start, System};
use ::matrix::qemu::{self, Accelerator, Qemu};
use ::matrix::uml::Uml;
use harness::matrix::{Platform, PlatformKind};

use crate::Failure;
use crate::arguments::{Guest, Matrix};
use crate::kernels::fetch;
use crate::screen::Screen;

/// The name by which a user asks for the machine that this is.
const HERE: &str = "machine";

/// How gVisor takes over system calls: by signals, and by ptrace(2).
const GVISOR: [&str; 2] = ["systrap", "ptrace"];

/// The systems that are asked for, each of which is here or cannot be had.
pub(super) struct Wanted<'a> {
    names: Vec<&'a str>,
    store: Store,
    /// The version of QEMU, if one of them needs it.
    qemu: Option<String>,
    /// Those that could not be fetched, and why.
    failed: Vec<(String, String)>,
}

impl Wanted<'_> {
    /// What the arguments ask for. What is not here is fetched, after all that could speak against it.
    pub(super) fn of<'a>(arguments: &'a Matrix, screen: &Screen) -> Result<Wanted<'a>, Failure> {
        let mut names: Vec<&str> = arguments.kernel.iter().map(String::as_str).collect();
        if names.is_empty() {
            names = list().iter().map(|entry| entry.name.as_str()).chain([HERE]).collect();
        }
        if let Some(shard) = arguments.shard {
            names = shard.of(names);
        }
        let store = Store::open()?;
        let is_own = |name: &str| name != HERE && entry(name).is_err();
        for name in names.iter().filter(|name| is_own(name) && !Path::new(name).exists()) {
            store.find(name, Path::new("")).map_err(Failure::usage)?;
        }
        let boots = |name: &&str| {
            is_own(name) || entry(name).is_ok_and(|entry| entry.kind == PlatformKind::Qemu)
        };
        let qemu = if names.iter().any(boots) { Some(qemu::version()?) } else { None };
        let missing = missing(&names, &store)?;
        let why = |error: &Error| format!("it could not be fetched: {error}");
        let mut failed = Vec::new();
        if !missing.is_empty() {
            match fetch(&missing, arguments.quiet > 0, screen) {
                Ok(ended) => {
                    let error = |(name, result): Ended| Some((name, why(&result.err()?)));
                    failed.extend(ended.into_iter().filter_map(error));
                }
                // Those that are here are judged all the same.
                Err(error) if missing.len() < names.len() => {
                    failed.extend(missing.iter().map(|entry| (entry.name.clone(), why(&error))));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Wanted { names, store, qemu, failed })
    }

    /// The systems, in the order of the report; guests get so much memory, in MiB. The programs
    /// inside of the user's own kernels are unpacked into `scratch`.
    pub(super) fn systems(
        &self,
        guest: &Guest,
        memory: u64,
        scratch: &Path,
    ) -> Result<Vec<System>, Failure> {
        let append = &guest.append;
        let qemu = || Qemu {
            accelerator: Accelerator::Tcg,
            cpus: guest.cpus,
            memory,
            append: append.clone(),
            version: self.qemu.clone().unwrap_or_default(),
        };
        let uml = || Uml { memory, append: append.clone() };
        let mut systems = Vec::new();
        for name in &self.names {
            if *name == HERE {
                let (name, start) = ("this machine".to_owned(), Start::Here);
                systems.push(System { name, platform: Platform::default(), start });
                continue;
            }
            match self.store.find(name, scratch) {
                Ok(kernel) => match kernel.kind {
                    PlatformKind::Gvisor => systems.extend(gvisor(&kernel)),
                    PlatformKind::Uml => systems.push(boot(kernel, Machine::Uml(uml()))),
                    PlatformKind::Qemu | PlatformKind::Machine => {
                        systems.push(boot(kernel, Machine::Qemu(qemu())));
                    }
                },
                Err(error @ Error::File { .. }) => return Err(Failure::usage(error)),
                Err(error) => {
                    let why = self.failed.iter().find(|(failed, _)| failed == name);
                    systems.push(System {
                        name: (*name).to_owned(),
                        platform: Platform { kind: PlatformKind::Qemu, ..Platform::default() },
                        start: Start::Cannot(
                            why.map_or_else(|| error.to_string(), |(_, why)| why.clone()),
                        ),
                    });
                }
            }
        }
        tell_apart(&mut systems)?;
        Ok(systems)
    }
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
fn boot(kernel: Kernel, machine: Machine) -> System {
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
