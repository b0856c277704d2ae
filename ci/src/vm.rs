//! Any program, run in any kernel: what it reads, writes and returns is carried through.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::accelerator::Probe;
use crate::initramfs::Initramfs;
use crate::machine::Machine;
use crate::program::{ProgramError, files_of};
use crate::protocol::{Job, Stream};
use crate::session::{Boot, Lost, Patience};

/// Where a guest's first process lies.
pub const INIT: &str = "/init";

/// How much memory a guest has beside its files, which lie in it twice while it boots, in MiB.
const MEMORY: u64 = 256;

/// Why an initramfs cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A program cannot be taken along.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file cannot be read or written.
    #[error("cannot make the guest's file system: {0}")]
    Io(#[from] io::Error),
}

/// Writes an initramfs to `path`: this program as the first process, and `programs`, each at its own
/// absolute path, with what they need to be started.
pub fn pack(path: &Path, programs: &[&Path]) -> Result<(), PackError> {
    // Whatever has become of the file since it was started, and whoever looks.
    let me = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    let mut archive = Initramfs::new(BufWriter::new(File::create(path)?));
    // The kernel looks for no other place, and the running program may lie anywhere.
    archive.file(Path::new(INIT), &std::fs::read(&me)?)?;
    let mut files: Vec<PathBuf> = files_of(&me)?.into_iter().filter(|file| *file != me).collect();
    for program in programs {
        files.extend(files_of(program)?);
    }
    files.sort();
    files.dedup();
    for file in files {
        archive.file(&file, &std::fs::read(&file)?)?;
    }
    archive.finish()?;
    Ok(())
}

/// The memory of a guest with this initramfs, in MiB.
pub fn memory_for(initramfs: &Path) -> io::Result<u64> {
    Ok(MEMORY + 2 * initramfs.metadata()?.len().div_ceil(1 << 20))
}

/// A program that is to be run in a kernel.
#[derive(Debug)]
pub struct Errand<'a> {
    /// The kernel's image.
    pub image: &'a Path,
    /// SHA-256 of the kernel as it was built, in hexadecimal.
    pub image_sha256: &'a str,
    /// The machine; its memory grows with the program.
    pub machine: Machine,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where the answer is kept whether KVM works ([`Probe`]).
    pub known: Option<&'a Path>,
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// Why a program did not run in a guest.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    /// There is no such program.
    #[error("there is no program {0}")]
    NoProgram(String),
    /// The guest cannot be made.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The guest is told of files in UTF-8.
    #[error("{} is not UTF-8, and the guest cannot be told of it", .0.display())]
    NotUtf8(PathBuf),
    /// Something of this machine failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The guest failed, and its last words.
    #[error("the kernel: {reason}\n{console}")]
    Broken {
        /// What happened.
        reason: String,
        /// The last lines of its console.
        console: String,
    },
    /// The guest could not start the program.
    #[error("the guest cannot start it: {0}")]
    NotStarted(String),
    /// The user ended it.
    #[error("interrupted")]
    Cancelled,
}

/// Runs a program in a guest, with this process's environment (what of it is UTF-8), working
/// directory, standard input, output and error. Returns its exit status: 128 and the signal, if one
/// ended it.
pub fn run(errand: Errand) -> Result<i32, ErrandError> {
    let name = errand.argv.first().map_or("", String::as_str);
    let program = find(name).ok_or_else(|| ErrandError::NoProgram(name.to_owned()))?;
    let here = std::env::current_dir()?;
    for told in [&program, &here] {
        told.to_str().ok_or_else(|| ErrandError::NotUtf8(told.clone()))?;
    }
    let folder = tempfile::Builder::new().prefix("ioconform-vm-").tempdir()?;
    let initramfs = folder.path().join("initramfs");
    pack(&initramfs, &[&program])?;
    let mut machine = errand.machine;
    machine.at_least(memory_for(&initramfs)?);
    if let Machine::Qemu(qemu) = &mut machine {
        let probe = Probe {
            image: errand.image,
            image_sha256: errand.image_sha256,
            initramfs: &initramfs,
            folder: folder.path(),
            known: errand.known,
            cancel: errand.cancel,
        };
        qemu.accelerator = probe.ask(qemu).0;
    }
    let boot = Boot {
        machine: &machine,
        image: errand.image,
        initramfs: &initramfs,
        folder: folder.path(),
        patience: Patience::default(),
        cancel: errand.cancel,
    };
    let job = Job {
        program,
        argv: errand.argv,
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        folder: here,
    };
    let lost = |lost| match lost {
        Lost::Broken(broken) => {
            ErrandError::Broken { reason: broken.reason, console: broken.console.join("\n") }
        }
        Lost::Cancelled => ErrandError::Cancelled,
    };
    let mut session = boot.start().map_err(lost)?;
    let mut written = Ok(());
    let mut input = io::stdin();
    let ended = session
        .run(&job, Some(&mut input), errand.cancel, |stream, data| {
            let wrote = match stream {
                Stream::Out => io::stdout().write_all(data).and_then(|()| io::stdout().flush()),
                Stream::Error => io::stderr().write_all(data),
                Stream::Events => Ok(()),
            };
            match wrote {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    written = Err(error);
                    ControlFlow::Break(())
                }
            }
        })
        .map_err(lost)?;
    let status = ended.map_err(ErrandError::NotStarted)?;
    session.stop().map_err(lost)?;
    match written {
        // A reader that closes the pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(status),
    }
}

/// The absolute path of a program, which is looked for as a shell would.
fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Path::new(name).canonicalize().ok().filter(|program| program.is_file());
    }
    let path = std::env::var_os("PATH")?;
    let is_program = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    let mut places = std::env::split_paths(&path).map(|place| place.join(name));
    places.find(is_program)?.canonicalize().ok()
}
