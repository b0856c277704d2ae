//! Systems that need no boot: the one on which ioconform was started, and gVisor, a kernel that is a
//! program and takes over the system calls of another.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::case::Case;
use harness::matrix::{Broken, Column, Fault, Platform};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::console;
use crate::gather::{Gathered, Watcher};
use crate::session::Lost;

/// How long nothing at all may happen.
const SILENCE: Duration = Duration::from_mins(2);

/// What is to be done on such a system.
#[derive(Debug)]
pub struct Task<'a> {
    /// The column's name.
    pub name: String,
    /// What is known of the system.
    pub platform: Platform,
    /// What stands before the command: nothing, or gVisor's.
    pub prefix: Vec<String>,
    /// This program, as it is found there.
    pub program: &'a Path,
    /// A folder of its own.
    pub folder: PathBuf,
    /// The cases.
    pub cases: &'a [&'static Case],
    /// More arguments for `ioconform run`.
    pub arguments: &'a [String],
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// The command by which gVisor runs another: with all of the host's files, which it can change only
/// for itself, and no network but its own.
pub fn gvisor(runsc: &Path, platform: &str, folder: &Path) -> Vec<String> {
    let root = format!("--root={}", folder.join("root").display());
    let runsc = runsc.display().to_string();
    let options = [&*root, "--network=none", "--ignore-cgroups", "do", "--force-overlay"];
    let platform = format!("--platform={platform}");
    [&*runsc, &*platform].into_iter().chain(options).map(str::to_owned).collect()
}

/// Judges such a system. Whatever it does, there is a column.
pub fn judge(task: &Task, watcher: &dyn Watcher) -> Column {
    watcher.booting(&task.name);
    let mut gathered = Gathered::default();
    let broken = run(task, &mut gathered, watcher).err().map(Broken::from);
    let run = gathered.run(broken.is_none());
    Column { name: task.name.clone(), platform: task.platform.clone(), broken, run }
}

fn run(task: &Task, gathered: &mut Gathered, watcher: &dyn Watcher) -> Result<(), Lost> {
    let broken = |how, reason: String| {
        let console = console::tail(&console::read(&task.folder.join("console")));
        Lost::Broken(Broken { how, reason, console })
    };
    let begin = Instant::now();
    let mut process = start(task)
        .map_err(|error| broken(Fault::Unbootable, format!("it cannot be started: {error}")))?;
    let mut first = true;
    let ended = follow(&mut process, task.cancel, |piece| {
        if std::mem::take(&mut first) {
            let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            watcher.booted(&task.name, millis);
        }
        gathered.take(piece, &task.name, watcher);
    });
    if !matches!(ended, Ended::Itself) {
        let _ = process.kill();
    }
    let status = process.wait();
    let missing = task.cases.iter().filter(|case| !gathered.records.contains_key(case.id)).count();
    match (ended, status) {
        (Ended::Cancelled, _) => Err(Lost::Cancelled),
        (Ended::Silent, _) => {
            Err(broken(Fault::Hang, format!("it hung: silent for {} s", SILENCE.as_secs())))
        }
        (Ended::Itself, Ok(status)) if missing > 0 => {
            Err(broken(Fault::Silent, format!("it ended ({status}) and left {missing} cases")))
        }
        (Ended::Itself, _) => Ok(()),
    }
}

fn start(task: &Task) -> io::Result<Child> {
    let mut words = task.prefix.clone();
    words.push(task.program.display().to_string());
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .arg("run")
        .args(task.arguments)
        .args(["--progress=none", "-qq", "--events=/dev/stdout"])
        .args(task.cases.iter().map(|case| case.id))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(task.folder.join("console"))?);
    harness::sys::process::bind_to_parent(&mut command);
    command.spawn()
}

enum Ended {
    Itself,
    Silent,
    Cancelled,
}

/// Hands on what a process writes, until it has closed its output.
fn follow(process: &mut Child, cancel: Option<BorrowedFd>, mut take: impl FnMut(&[u8])) -> Ended {
    let Some(mut out) = process.stdout.take() else { return Ended::Itself };
    let silence = PollTimeout::try_from(SILENCE).unwrap_or(PollTimeout::MAX);
    let mut piece = [0; 16 * 1024];
    loop {
        let mut fds = vec![PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        fds.extend(cancel.map(|cancel| PollFd::new(cancel, PollFlags::POLLIN)));
        match poll(&mut fds, silence) {
            Ok(0) => return Ended::Silent,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Ended::Itself,
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        if ready.get(1) == Some(&true) {
            return Ended::Cancelled;
        }
        if ready[0] {
            match out.read(&mut piece) {
                Ok(0) | Err(_) => return Ended::Itself,
                Ok(length) => take(&piece[..length]),
            }
        }
    }
}
