//! User-mode Linux: a kernel that is a program of the host (Documentation/virt/uml).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::guest::{ORDER, POWER_OFF};
use crate::machine::{Started, spawn};

/// A machine that is a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uml {
    /// Its memory, in MiB.
    pub memory: u64,
    /// More words for the kernel's command line.
    pub append: String,
}

impl Uml {
    /// The kernel's command line. The first serial line and the console are closed, and the second
    /// line is the program's standard input and output.
    pub(crate) fn command_line(&self) -> String {
        let memory = self.memory;
        let own = format!(
            "mem={memory}M con=null con0=null,fd:2 ssl=null ssl1=fd:0,fd:1 loglevel=5 \
             printk.devkmsg=on panic=-1 {ORDER}={POWER_OFF}"
        );
        if self.append.is_empty() { own } else { format!("{own} {}", self.append) }
    }

    /// What the machine is, in a few words.
    pub(crate) fn describe(&self) -> String {
        format!("user-mode Linux, 1 CPU, {} MiB", self.memory)
    }

    /// Starts the kernel `image`. Its console and its complaints are one.
    pub(crate) fn start(
        &self,
        image: &Path,
        initramfs: &Path,
        console: &Path,
    ) -> io::Result<Started> {
        let (channel, guest_end) = UnixStream::pair()?;
        let guest_end = OwnedFd::from(guest_end);
        let mut command = Command::new(image);
        command
            .args(self.command_line().split(' '))
            .arg(format!("initrd={}", initramfs.display()))
            .stdin(Stdio::from(guest_end.try_clone()?))
            .stdout(Stdio::from(guest_end))
            .stderr(File::create(console)?);
        Ok(Started { process: spawn(&mut command)?, channel, monitor: None })
    }
}
