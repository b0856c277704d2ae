//! Where the systems of a matrix come from: packages of Debian's archive, which apt fetches and
//! checks ([`Store::fetch`]), and files of the user's own ([`Store::find`]).
//!
//! ```text
//! apt.rs      the machine's mirrors, and apt with a state of its own, one for each suite
//! package.rs  which package is the newest of a series, and what is taken out of it
//! store.rs    what is kept in $XDG_CACHE_HOME/ioconform/kernels
//! image.rs    what a file is, and the program inside of a bzImage
//! ```

mod apt;
mod fetch;
pub mod image;
mod own;
mod package;
mod store;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use harness::matrix::PlatformKind;
use harness::suggest::did_you_mean;
use serde::Deserialize;

pub use fetch::{Ended, Event, Fetched};
pub use store::{Kept, Store};

/// Something that `kernels fetch` can fetch: an entry of `ci/kernels.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is called: `6.12`, `7.3-rt`, `gvisor`.
    pub name: String,
    /// What it is.
    pub kind: PlatformKind,
    /// Which package it is in.
    pub package: Package,
    /// The suites of Debian's archive that may hold the package.
    pub suites: Vec<String>,
}

/// How to recognise the package of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Package {
    /// A kernel of a series.
    Kernel {
        /// The version that all of the series share: `6.12`.
        series: String,
        /// The build: `cloud`, `rt`.
        flavour: String,
    },
    /// A program.
    Program {
        /// The package.
        package: String,
        /// The program's path in it, without a slash before it.
        file: String,
    },
}

impl Entry {
    /// What it is, in a few words.
    pub fn what(&self) -> String {
        match &self.package {
            Package::Kernel { series, flavour } => format!("Linux {series}, {flavour}"),
            Package::Program { .. } => match self.kind {
                PlatformKind::Uml => "user-mode Linux".to_owned(),
                _ => "gVisor".to_owned(),
            },
        }
    }
}

/// A system that is here and can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// What it is called: the name of its entry, or that of the user's file.
    pub name: String,
    /// What it is.
    pub kind: PlatformKind,
    /// The kernel as it was built; for what is no plain kernel, the program.
    pub image: PathBuf,
    /// The kernel without its own unpacking, which QEMU starts by PVH; nothing if there is none.
    pub vmlinux: Option<PathBuf>,
    /// The package that it comes from, with version and suite, or the user's path.
    pub origin: String,
    /// SHA-256 of the image, in hexadecimal.
    pub image_sha256: String,
    /// SHA-256 of the configuration, in hexadecimal.
    pub config_sha256: Option<String>,
    /// What is wrong with the image, if it could not be unpacked: it will hardly start.
    pub damage: Option<image::Error>,
}

/// Why a kernel cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no entry of that name.
    #[error("there is no kernel `{name}`{hint}; `ioconform kernels list` names them all")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// It was never fetched.
    #[error("kernel {0} is not here; fetch it with: ioconform kernels fetch {0}")]
    NotKept(String),
    /// The user's file is no kernel.
    #[error("{} is {what}, not a kernel: give a bzImage (vmlinuz) or an ELF vmlinux", path.display())]
    NoKernel {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The user's vmlinux cannot be started by QEMU.
    #[error(
        "{} has no entry point for PVH: build it with CONFIG_PVH=y, or give its bzImage", .0.display()
    )]
    NoPvh(PathBuf),
    /// There is no apt here.
    #[error(
        "there is no apt here, and nothing else fetches kernels; give your own with: --kernel PATH"
    )]
    NoApt,
    /// The machine's apt knows no Debian.
    #[error(
        "the apt sources of this machine name no mirror of Debian's archive; add one (sources.list(5)), or give kernels of your own with: --kernel PATH"
    )]
    NoDebian,
    /// The machine's apt knows Debian, but not its security archive.
    #[error("the apt sources of this machine name no mirror of Debian's security archive")]
    NoSecurity,
    /// The machine has no keys to check Debian's archive with.
    #[error(
        "the keys of Debian's archive are not here; install them with: apt-get install debian-archive-keyring"
    )]
    NoKeyring,
    /// No suite has a package of the entry.
    #[error("no package of it in {0}")]
    NoPackage(String),
    /// A command failed.
    #[error("{command} failed: {why}")]
    Command {
        /// The command.
        command: String,
        /// What it said.
        why: String,
    },
    /// A package does not hold what is taken out of it.
    #[error("{} holds no {what}", package.display())]
    NotInside {
        /// The package.
        package: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// There is nowhere to keep kernels.
    #[error("there is nowhere to keep kernels; set XDG_CACHE_HOME or HOME to a directory of yours")]
    NoCache,
    /// A file cannot be read or written.
    #[error("cannot use {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// Says of an error of the system which file it is about.
fn at(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::File { path: path.to_owned(), error }
}

/// Everything that can be fetched, in the order of the report.
pub fn list() -> &'static [Entry] {
    static LIST: LazyLock<Vec<Entry>> = LazyLock::new(|| read(include_str!("../../kernels.toml")));
    &LIST
}

fn read(text: &str) -> Vec<Entry> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        kernel: Vec<Kernel>,
        program: Vec<Program>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Kernel {
        name: String,
        series: String,
        flavour: String,
        suites: Vec<String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Program {
        name: String,
        kind: PlatformKind,
        package: String,
        file: String,
        suites: Vec<String>,
    }
    let file: File = toml::from_str(text).expect("kernels.toml is read by a test");
    let kernels = file.kernel.into_iter().map(|kernel| Entry {
        name: kernel.name,
        kind: PlatformKind::Qemu,
        package: Package::Kernel { series: kernel.series, flavour: kernel.flavour },
        suites: kernel.suites,
    });
    let programs = file.program.into_iter().map(|program| Entry {
        name: program.name,
        kind: program.kind,
        package: Package::Program { package: program.package, file: program.file },
        suites: program.suites,
    });
    kernels.chain(programs).collect()
}

/// The entry of that name.
pub fn entry(name: &str) -> Result<&'static Entry, Error> {
    list().iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<_> = list().iter().map(|entry| entry.name.as_str()).collect();
        Error::Unknown { name: name.to_owned(), hint: did_you_mean(name, &names) }
    })
}

impl Store {
    /// The system of an entry that was fetched, or a kernel of the user's own: a name without a
    /// slash that an entry has means the entry, everything else is a path. The program inside of
    /// the user's bzImage is unpacked into `scratch`.
    pub fn find(&self, name_or_path: &str, scratch: &Path) -> Result<Kernel, Error> {
        match entry(name_or_path) {
            Ok(entry) => self.kernel(entry)?.ok_or_else(|| Error::NotKept(entry.name.clone())),
            Err(_) if name_or_path.contains('/') || Path::new(name_or_path).exists() => {
                own::kernel(Path::new(name_or_path), scratch)
            }
            Err(Error::Unknown { name, hint }) => {
                Err(Error::Unknown { name, hint: format!(", and no such file{hint}") })
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_default_matrix_has_every_series_twice_rt_and_two_that_are_no_plain_kernel() {
        let names: Vec<_> = list().iter().map(|entry| entry.name.as_str()).collect();
        for series in
            ["5.10", "6.1", "6.12", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2", "7.3"]
        {
            assert!(names.contains(&series), "{series}");
        }
        assert!(names.iter().filter(|name| name.ends_with("-rt")).count() >= 2);
        assert!(names.contains(&"gvisor") && names.contains(&"uml"));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name twice");
    }

    #[test]
    fn a_mistyped_name_is_told_with_what_may_have_been_meant() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let error = store.find("7.3rt", folder.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no kernel `7.3rt`, and no such file; did you"),
            "{error}"
        );
        assert!(error.contains("7.3-rt"), "{error}");
        let error = store.find("6.12", folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("fetch it with: ioconform kernels fetch 6.12"), "{error}");
    }
}
