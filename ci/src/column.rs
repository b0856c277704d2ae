//! One kernel, judged in a virtual machine: booted, given the cases, and booted again with the rest
//! where a case ended it, so that such a case costs one case.

use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use harness::case::Case;
use harness::matrix::{Broken, Column, Fault, Platform};
use harness::record::{Record, Verdict};

use crate::console;
use crate::gather::{Gathered, Watcher};
use crate::machine::Machine;
use crate::protocol::{EVENTS, Job, Stream};
use crate::session::{Boot, Lost, Patience, Session};
use crate::vm::INIT;

/// How often a kernel may end before it is given up.
const DEATHS: usize = 5;

/// What is to be done with one kernel.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// The column's name.
    pub name: String,
    /// The kernel's image, as it is booted.
    pub image: PathBuf,
    /// What is known of it before it is booted.
    pub platform: Platform,
    /// The machine.
    pub machine: Machine,
    /// The first root file system, with this program in it.
    pub initramfs: &'a Path,
    /// How long the guest is waited for.
    pub patience: Patience,
    /// A folder of its own, for the console.
    pub folder: PathBuf,
    /// The cases.
    pub cases: &'a [&'static Case],
    /// More arguments for `ioconform run`.
    pub arguments: &'a [String],
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// Cases on their way through a kernel.
struct Work<'a, 'b> {
    task: &'b Task<'a>,
    watcher: &'b dyn Watcher,
    platform: Platform,
    gathered: Gathered,
    /// What the kernel said while no case ran.
    stray: Vec<String>,
    /// Why it was started again, for which no case is blamed.
    restarts: Vec<String>,
}

/// Judges a kernel. Whatever it does, there is a column.
pub fn judge(task: &Task, watcher: &dyn Watcher) -> Column {
    let mut work = Work {
        task,
        watcher,
        platform: Platform {
            kind: task.machine.kind(),
            emulator: task.machine.describe(),
            command_line: task.machine.command_line(),
            ..task.platform.clone()
        },
        gathered: Gathered::default(),
        stray: Vec::new(),
        restarts: Vec::new(),
    };
    let broken = work.all().err().map(Broken::from);
    work.column(broken)
}

impl Work<'_, '_> {
    /// Boots until every case has its record, or the kernel is given up. An end for which no case
    /// can be blamed breaks the column, and the cases that are left are judged all the same.
    fn all(&mut self) -> Result<(), Lost> {
        let mut suspects: Vec<String> = Vec::new();
        let mut unexplained = None;
        let mut deaths = 0;
        loop {
            let left = self.left();
            suspects.retain(|id| left.contains(id));
            if left.is_empty() {
                return unexplained.map_or(Ok(()), |broken| Err(Lost::Broken(broken)));
            }
            let alone = !suspects.is_empty();
            let batch = if alone { suspects.clone() } else { left };
            let known = self.gathered.records.len();
            let (broken, running) = match self.boot_and_run(&batch, alone) {
                Ok(()) => continue,
                Err((Lost::Broken(broken), running)) => (broken, running),
                Err((cancelled, _)) => return Err(cancelled),
            };
            deaths += 1;
            match &*running {
                [] if self.gathered.records.len() == known => return Err(Lost::Broken(broken)),
                [] => drop(unexplained.get_or_insert(broken.clone())),
                // A machine that just ends may have been ended by somebody: it is asked again.
                [id] if alone || broken.how != Fault::Silent => self.blame(id, &broken),
                _ => {
                    self.restarts.push(broken.reason.clone());
                    suspects = running;
                }
            }
            if deaths >= DEATHS && !self.left().is_empty() {
                let reason = format!("it ended {deaths} times; the last: {}", broken.reason);
                return Err(Lost::Broken(Broken { reason, ..broken }));
            }
        }
    }

    fn left(&self) -> Vec<String> {
        let ids = self.task.cases.iter().map(|case| case.id.to_owned());
        ids.filter(|id| !self.gathered.records.contains_key(id)).collect()
    }

    /// One boot, and these cases in it. If it fails, the cases that were running are named.
    fn boot_and_run(&mut self, ids: &[String], alone: bool) -> Result<(), (Lost, Vec<String>)> {
        self.watcher.booting(&self.task.name);
        self.gathered.again();
        let boot = Boot {
            machine: &self.task.machine,
            image: &self.task.image,
            initramfs: self.task.initramfs,
            folder: &self.task.folder,
            patience: self.task.patience,
            cancel: self.task.cancel,
        };
        let mut session = boot.start().map_err(|lost| (lost, Vec::new()))?;
        self.platform.boots += session.starts;
        self.platform.boot_millis.get_or_insert(session.boot_millis);
        self.platform.clocksource.clone_from(&session.clocksource);
        self.watcher.booted(&self.task.name, session.boot_millis);
        let ended = self.run(&mut session, ids, alone);
        let console = session.console();
        let ended = ended.and_then(|()| session.stop());
        self.attribute(&console);
        ended.map_err(|lost| (lost, console::running(&console)))
    }

    /// The cases, in a guest that is up.
    fn run(&mut self, session: &mut Session, ids: &[String], alone: bool) -> Result<(), Lost> {
        let job = Job {
            program: INIT.into(),
            argv: self.command(ids, alone),
            environment: vec![("TERM".to_owned(), "dumb".to_owned())],
            folder: "/".into(),
        };
        let mut complaint = Vec::new();
        let (cancel, name, watcher) = (self.task.cancel, &self.task.name, self.watcher);
        let gathered = &mut self.gathered;
        let ended = session.run(&job, None, cancel, |stream, data| {
            match stream {
                Stream::Events => gathered.take(data, name, watcher),
                Stream::Error => complaint.extend_from_slice(data),
                Stream::Out => {}
            }
            ControlFlow::Continue(())
        })?;
        let missing = ids.iter().filter(|id| !self.gathered.records.contains_key(*id)).count();
        if missing == 0 {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&complaint);
        let how = match ended {
            Ok(status) => format!("with status {status}"),
            Err(why) => format!("at its start: {why}"),
        };
        let last = complaint.lines().last().unwrap_or("").trim();
        let reason =
            format!("the run ended {how}, and {missing} cases had no verdict; it said: {last}");
        let console = console::tail(&session.console());
        Err(Lost::Broken(Broken { how: Fault::Silent, reason, console }))
    }

    fn command(&self, ids: &[String], alone: bool) -> Vec<String> {
        let mut command = vec!["ioconform".to_owned(), "run".to_owned()];
        command.extend_from_slice(self.task.arguments);
        let own = ["--progress=none", "-qq", "--log=/dev/kmsg", "--events", EVENTS];
        command.extend(own.map(str::to_owned));
        if alone {
            command.push("--jobs=1".to_owned());
        }
        command.extend_from_slice(ids);
        command
    }

    /// Puts what the kernel logged into the records of the cases that ran meanwhile. A case at which
    /// the kernel warns is not as it should be, whatever its verdict.
    fn attribute(&mut self, lines: &[String]) {
        for (id, log) in console::splats(lines) {
            match self.gathered.records.get_mut(&id) {
                Some(record) => {
                    record.expected = false;
                    let first = log.first().map_or("", |line| line.as_str());
                    record.note = format!("the kernel says: {first}");
                    record.evidence.kernel_log = log;
                }
                None => self.stray.extend(log),
            }
        }
    }

    /// The record of a case that ended the kernel.
    fn blame(&mut self, id: &str, broken: &Broken) {
        let Some(case) = self.task.cases.iter().find(|case| case.id == id) else { return };
        let mut record =
            Record::new(case, Verdict::Error, format!("the kernel: {}", broken.reason));
        record.expected = false;
        record.evidence.kernel_log.clone_from(&broken.console);
        self.watcher.judged(&self.task.name, &record);
        self.gathered.records.insert(id.to_owned(), record);
    }

    fn column(self, broken: Option<Broken>) -> Column {
        let mut run = self.gathered.run(broken.is_none());
        if let Some(run) = &mut run {
            let said = |first| format!("while no case ran, the kernel said: {first}");
            let started_again = |reason| format!("it was started again, for {reason}");
            run.notes.extend(self.stray.first().map(said));
            run.notes.extend(self.restarts.iter().map(started_again));
        }
        Column { name: self.task.name.clone(), platform: self.platform, broken, run }
    }
}
