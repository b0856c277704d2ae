//! Whether KVM works here, found out by booting a kernel: that `/dev/kvm` exists, and even that QEMU
//! takes it, does not mean that a guest comes up.

use std::fs::OpenOptions;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::record::System;

use crate::machine::Machine;
use crate::qemu::{Accelerator, Qemu};
use crate::session::{Boot, Lost, Patience};

/// How long a kernel may take with KVM, which is a second or less where it works.
const LIMIT: Duration = Duration::from_secs(10);

/// The file in which the answer is kept, if the user has a place for such files.
pub fn known() -> Option<PathBuf> {
    Some(harness::xdg::folder("XDG_CACHE_HOME", ".cache")?.join("kvm"))
}

/// Where a guest may run fast. The answer of the last time is kept in the file `known`, for as long
/// as this system, its QEMU and the kernel stay what they are: a kernel of the user's own that is
/// broken says nothing of another.
#[derive(Debug)]
pub struct Probe<'a> {
    /// The kernel that is booted: the newer the better.
    pub image: &'a Path,
    /// SHA-256 of the kernel as it was built, in hexadecimal.
    pub image_sha256: &'a str,
    /// The first root file system.
    pub initramfs: &'a Path,
    /// A folder for the console.
    pub folder: &'a Path,
    /// The answer of the last time.
    pub known: Option<&'a Path>,
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: Option<BorrowedFd<'a>>,
}

impl Probe<'_> {
    /// KVM, if a guest came up with it; else TCG, and why: nothing if there is no KVM at all.
    pub fn ask(&self, qemu: &Qemu) -> (Accelerator, Option<String>) {
        if OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
            return (Accelerator::Tcg, None);
        }
        let here = System::here();
        let System { release, version, .. } = here;
        let key = format!("QEMU {}, {release} {version}, {}", qemu.version, self.image_sha256);
        let known =
            self.known.and_then(|known| std::fs::read_to_string(known).ok()).unwrap_or_default();
        let answer = match known.split_once('\n') {
            Some((known, answer)) if known == key => answer.trim().to_owned(),
            _ => {
                let Some(answer) = self.boot(qemu) else { return (Accelerator::Tcg, None) };
                if let Some(known) = self.known {
                    // Kept or not: it is only asked again.
                    let _ = known.parent().map(std::fs::create_dir_all);
                    let _ = std::fs::write(known, format!("{key}\n{answer}\n"));
                }
                answer
            }
        };
        if answer == WORKS {
            (Accelerator::Kvm, None)
        } else {
            (Accelerator::Tcg, Some(format!("KVM is there and does not work: {answer}")))
        }
    }

    /// [`WORKS`], or what does not; nothing if the user wants to end first. The user's own words for
    /// the kernel, which may be meant to break it, are left out.
    fn boot(&self, qemu: &Qemu) -> Option<String> {
        let append = String::new();
        let qemu = Qemu { accelerator: Accelerator::Kvm, append, ..qemu.clone() };
        let boot = Boot {
            machine: &Machine::Qemu(qemu),
            image: self.image,
            initramfs: self.initramfs,
            folder: self.folder,
            patience: Patience { boot: LIMIT, ..Patience::default() },
            cancel: self.cancel,
        };
        match boot.once().and_then(crate::session::Session::stop) {
            Ok(()) => Some(WORKS.to_owned()),
            Err(Lost::Broken(broken)) => Some(broken.reason),
            Err(Lost::Cancelled) => None,
        }
    }
}

const WORKS: &str = "works";
