//! Many systems, judged side by side.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use harness::case::Case;
use harness::matrix::{Broken, Column, Fault, Platform};
use harness::report::merge;

use crate::gather::Watcher;
use crate::machine::Machine;
use crate::session::Patience;
use crate::{column, local};

/// In how many places at a time a system is judged that hides the system calls of its threads: it is
/// seldom at work, and mostly waited for, until all has been quiet for long enough.
const PLACES: usize = 4;
/// Where CPUs would be idle, a kernel is booted a second time if each boot has as many cases to judge:
/// fewer are done before it is up.
const WORTH_A_BOOT: usize = 100;

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
    /// A copy of this program, for gVisor.
    pub program: &'a Path,
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
                        let mut column = self.judge(system, &folder, watcher);
                        done(&mut column);
                        columns.lock().unwrap_or_else(PoisonError::into_inner).push(column);
                    }
                });
            }
        });
        columns.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges a system, in several places if it lets itself be shared or there is room for more guests
    /// than there are systems.
    fn judge(&self, system: &System, folder: &Path, watcher: &dyn Watcher) -> Column {
        let count = match system.start {
            Start::Gvisor(..) | Start::Boot(_, Machine::Uml(_)) => PLACES.min(self.cases.len()),
            Start::Boot(_, Machine::Qemu(_)) => {
                guests(self.jobs, self.systems.len(), self.cases.len())
            }
            _ => 1,
        };
        std::thread::scope(|scope| {
            let places: Vec<_> = (0..count)
                .map(|place| {
                    let cases: Vec<_> =
                        self.cases.iter().copied().skip(place).step_by(count).collect();
                    let folder = folder.join(place.to_string());
                    scope.spawn(move || self.judge_in_one(system, &cases, folder, watcher))
                })
                .collect();
            let columns = places
                .into_iter()
                .map(|place| place.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            columns.reduce(together)
        })
        .unwrap_or_else(|| self.judge_in_one(system, &[], folder.to_owned(), watcher))
    }

    fn judge_in_one(
        &self,
        system: &System,
        cases: &[&'static Case],
        folder: PathBuf,
        watcher: &dyn Watcher,
    ) -> Column {
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
        let cancel = self.cancel;
        let prefix = match start {
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
            Start::Gvisor(runsc, platform) => local::gvisor(&runsc, platform, &folder),
            Start::Here => Vec::new(),
        };
        let arguments = self.arguments;
        // Here this file is found even if another has taken its place.
        let program = if prefix.is_empty() { Path::new("/proc/self/exe") } else { self.program };
        let task =
            local::Task { name, platform, prefix, program, folder, cases, arguments, cancel };
        local::judge(&task, watcher)
    }
}

/// How many guests a kernel gets, one of `systems` of which `jobs` can be judged at a time.
fn guests(jobs: usize, systems: usize, cases: usize) -> usize {
    (jobs / systems).min(cases / WORTH_A_BOOT).max(1)
}

/// What two places of one system have come to.
fn together(whole: Column, part: Column) -> Column {
    let broken = whole.broken.or(part.broken);
    let mut run = merge(whole.run.into_iter().chain(part.run).collect());
    if let Some(run) = &mut run {
        run.complete = broken.is_none();
    }
    let boots = whole.platform.boots + part.platform.boots;
    Column { platform: Platform { boots, ..whole.platform }, broken, run, ..whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_gets_more_guests_only_where_cpus_would_be_idle_and_cases_are_many() {
        assert_eq!(guests(2, 1, 958), 2);
        assert_eq!(guests(8, 3, 958), 2);
        assert_eq!(guests(2, 17, 958), 1);
        assert_eq!(guests(64, 1, 958), 9);
        assert_eq!(guests(2, 1, 24), 1);
    }

    #[test]
    fn a_place_that_broke_breaks_the_system_and_leaves_what_the_others_found() {
        let column = |broken: Option<&str>| Column {
            name: "gvisor".to_owned(),
            platform: Platform { boots: 1, ..Platform::default() },
            broken: broken.map(|reason| Broken {
                how: Fault::Hang,
                reason: reason.to_owned(),
                console: Vec::new(),
            }),
            run: None,
        };
        let whole = together(column(None), column(Some("it hung")));
        assert_eq!(whole.broken.unwrap().reason, "it hung");
        assert_eq!(whole.platform.boots, 2);
        assert_eq!(together(column(None), column(None)).broken, None);
    }
}
