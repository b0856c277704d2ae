//! QEMU: which one there is, and the command line that boots a kernel fast and tells the truth about
//! how it ended.

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::guest::{DEBUG_EXIT, EXIT_PORT, ORDER};
use crate::machine::{Started, spawn};

/// The program.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// What mends its absence.
pub const MEND: &str = "apt-get install --no-install-recommends qemu-system-x86";

/// What makes a virtual CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's CPU.
    Kvm,
    /// An emulated one: slower by a factor of five to ten, and to be had everywhere.
    Tcg,
}

impl Accelerator {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        }
    }

    /// The virtual CPU. Without RDRAND the first getrandom(2) waits for seconds. cmpxchg16b, of
    /// which QEMU's newer models make use in several threads, brings random double faults in the
    /// emulator (QEMU 7.2), and this model has none.
    fn cpu(self) -> &'static str {
        match self {
            Accelerator::Kvm => "host",
            Accelerator::Tcg => "qemu64,+rdrand,-cx16",
        }
    }
}

/// A virtual machine of QEMU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qemu {
    /// What makes its CPUs.
    pub accelerator: Accelerator,
    /// How many CPUs it has.
    pub cpus: u32,
    /// Its memory, in MiB.
    pub memory: u64,
    /// More words for the kernel's command line.
    pub append: String,
    /// QEMU's version.
    pub version: String,
}

impl Qemu {
    /// The kernel's command line. `loglevel=5` lets warnings through, and `printk.devkmsg=on` every
    /// mark at a case's begin and end; `earlyprintk` shows what a kernel dies of before it has a
    /// console; `oops=panic`, and `panic=-1` with QEMU's `-no-reboot`, end a kernel that is broken
    /// at once; `unknown_nmi_panic` makes it explain a hang; self-tests of cryptography would take as
    /// long as all the rest of the boot; the check of the timer fails on loaded hosts. None of
    /// these touches what is judged.
    pub(crate) fn command_line(&self) -> String {
        let own = format!(
            "console=ttyS0 earlyprintk=ttyS0 loglevel=5 printk.devkmsg=on panic=-1 oops=panic unknown_nmi_panic=1 \
             no_timer_check cryptomgr.notests random.trust_cpu=on {ORDER}={DEBUG_EXIT}"
        );
        if self.append.is_empty() { own } else { format!("{own} {}", self.append) }
    }

    /// What the machine is, in a few words.
    pub(crate) fn describe(&self) -> String {
        let cpus = if self.cpus == 1 { "1 CPU".to_owned() } else { format!("{} CPUs", self.cpus) };
        let accelerator = self.accelerator;
        let (cpu, word) = (accelerator.cpu(), accelerator.word());
        format!("QEMU {}, {word}, q35, {cpus} ({cpu}), {} MiB", self.version, self.memory)
    }

    /// Starts the machine. Its console goes to the file `console`, what QEMU itself says to
    /// `complaints`. It dies with the calling thread.
    pub(crate) fn start(
        &self,
        image: &Path,
        initramfs: &Path,
        console: &Path,
        complaints: File,
    ) -> io::Result<Started> {
        let (channel, guest_end) = UnixStream::pair()?;
        let (monitor, qemu_end) = UnixStream::pair()?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["-M", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-accel", self.accelerator.word(), "-cpu", self.accelerator.cpu()])
            .args(["-smp", &self.cpus.to_string(), "-m", &self.memory.to_string()])
            .arg("-chardev")
            .arg(format!("file,id=console,path={}", escaped(console)))
            .args(["-serial", "chardev:console"])
            // The descriptors 0 and 1 are sockets: no file to be left behind, no port to be raced for.
            .args(["-chardev", "socket,id=channel,fd=0", "-serial", "chardev:channel"])
            .args(["-chardev", "socket,id=monitor,fd=1", "-mon", "chardev=monitor,mode=control"])
            .args(["-device", &format!("isa-debug-exit,iobase={EXIT_PORT:#x},iosize=1")])
            .arg("-kernel")
            .arg(image)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &self.command_line()])
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(guest_end)))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(qemu_end)))
            .stderr(complaints);
        Ok(Started { process: spawn(&mut command)?, channel, monitor: Some(monitor) })
    }
}

/// A path in an option of QEMU, where a comma ends a value.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// The version of QEMU here, as `7.2.22`; an error that says how to get it, if there is none.
pub fn version() -> Result<String, NoQemu> {
    let output = Command::new(PROGRAM).arg("--version").output().map_err(|_| NoQemu)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_once("version ").and_then(|(_, rest)| rest.split_whitespace().next());
    version.map(str::to_owned).ok_or(NoQemu)
}

/// There is no QEMU.
#[derive(Debug, thiserror::Error)]
#[error("there is no {PROGRAM} here; install it with: {MEND}")]
pub struct NoQemu;
