//! What a kernel is booted on.

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};

use harness::matrix::PlatformKind;

use crate::guest::EXIT_STATUS;
use crate::qemu::Qemu;
use crate::uml::Uml;

/// Something that boots a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// A virtual machine, for any kernel.
    Qemu(Qemu),
    /// A process of this system, for a kernel that is a program.
    Uml(Uml),
}

/// A machine that runs.
#[derive(Debug)]
pub(crate) struct Started {
    /// The machine's process.
    pub(crate) process: Child,
    /// The serial port of the messages.
    pub(crate) channel: UnixStream,
    /// QEMU's monitor (QMP).
    pub(crate) monitor: Option<UnixStream>,
}

/// Starts the process of a machine, which leads a process group and dies with the calling thread.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    harness::sys::process::bind_to_parent(command);
    command.process_group(0).spawn()
}

impl Machine {
    /// The kernel's command line.
    pub fn command_line(&self) -> String {
        match self {
            Machine::Qemu(qemu) => qemu.command_line(),
            Machine::Uml(uml) => uml.command_line(),
        }
    }

    /// What the machine is, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Machine::Qemu(qemu) => qemu.describe(),
            Machine::Uml(uml) => uml.describe(),
        }
    }

    /// What reports call it.
    pub fn kind(&self) -> PlatformKind {
        match self {
            Machine::Qemu(_) => PlatformKind::Qemu,
            Machine::Uml(_) => PlatformKind::Uml,
        }
    }

    /// Sees to it that the guest has at least so much memory, in MiB.
    pub fn at_least(&mut self, mebibytes: u64) {
        let memory = match self {
            Machine::Qemu(qemu) => &mut qemu.memory,
            Machine::Uml(uml) => &mut uml.memory,
        };
        *memory = mebibytes.max(*memory);
    }

    /// The exit status of its process after an end in order.
    pub(crate) fn end_status(&self) -> i32 {
        match self {
            Machine::Qemu(_) => EXIT_STATUS,
            Machine::Uml(_) => 0,
        }
    }

    /// Starts it; the console's text goes to one file, the complaints of the machine's own program to
    /// another. It dies with the calling thread.
    pub(crate) fn start(
        &self,
        image: &Path,
        initramfs: &Path,
        console: &Path,
        complaints: File,
    ) -> io::Result<Started> {
        match self {
            Machine::Qemu(qemu) => qemu.start(image, initramfs, console, complaints),
            Machine::Uml(uml) => uml.start(image, initramfs, console),
        }
    }
}
