//! Many systems, judged side by side.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use harness::case::Case;
use harness::matrix::{Broken, Column, Fault, Platform};

use crate::gather::Watcher;
use crate::machine::Machine;
use crate::session::Patience;
use crate::{column, local};

/// A system that is to be judged.
#[derive(Debug, Clone)]
pub struct System {
    /// The column's name.
    pub name: String,
    /// What is known of it.
    pub platform: Platform,
    /// How it is started.
    pub start: Start,
}

/// How a system is started.
#[derive(Debug, Clone)]
pub enum Start {
    /// A kernel's image on a machine.
    Boot(PathBuf, Machine),
    /// gVisor's program, with this platform of its.
    Gvisor(PathBuf, &'static str),
    /// It runs already: this is it.
    Here,
    /// It cannot be started, for this reason.
    Cannot(String),
}

/// What is done with all of them.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The systems; those that take long should come first.
    pub systems: Vec<System>,
    /// How many are judged at a time.
    pub jobs: usize,
    /// The first root file system of guests.
    pub initramfs: &'a Path,
    /// The folder below which each system has its own.
    pub folder: &'a Path,
    /// The cases.
    pub cases: &'a [&'static Case],
    /// More arguments for `ioconform run`.
    pub arguments: &'a [String],
    /// And some that emulated machines need.
    pub emulated: &'a [String],
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: Option<BorrowedFd<'a>>,
}

impl Plan<'_> {
    /// Judges them; each column is handed to `done` as soon as there is one. The columns come in no
    /// order.
    pub fn run(&self, watcher: &dyn Watcher, done: &(dyn Fn(&mut Column) + Sync)) -> Vec<Column> {
        let queue = Mutex::new(self.systems.iter().enumerate().collect::<VecDeque<_>>());
        let columns = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some((number, system)) = next else { return };
                        let folder = self.folder.join(number.to_string());
                        let mut column = self.judge(system, folder, watcher);
                        done(&mut column);
                        columns.lock().unwrap_or_else(PoisonError::into_inner).push(column);
                    }
                });
            }
        });
        columns.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, system: &System, folder: PathBuf, watcher: &dyn Watcher) -> Column {
        let System { name, platform, start } = system.clone();
        let cannot = |reason: String| Column {
            name: name.clone(),
            platform: platform.clone(),
            broken: Some(Broken { how: Fault::Unbootable, reason, console: Vec::new() }),
            run: None,
        };
        if let Err(error) = std::fs::create_dir_all(&folder) {
            return cannot(format!("cannot make {}: {error}", folder.display()));
        }
        let (cases, cancel) = (self.cases, self.cancel);
        let gvisor = match start {
            Start::Cannot(reason) => return cannot(reason),
            Start::Boot(image, machine) => {
                let arguments = [self.arguments, self.emulated].concat();
                let task = column::Task {
                    name,
                    image,
                    platform,
                    machine,
                    initramfs: self.initramfs,
                    patience: Patience::default(),
                    folder,
                    cases,
                    arguments: &arguments,
                    cancel,
                };
                return column::judge(&task, watcher);
            }
            Start::Gvisor(runsc, platform) => Some((runsc, platform)),
            Start::Here => None,
        };
        let arguments = self.arguments;
        let task = local::Task { name, platform, gvisor, folder, cases, arguments, cancel };
        local::judge(&task, watcher)
    }
}
