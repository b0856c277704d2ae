//! A server under test: this program, started again.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use servers::{Address, Model};

/// Nothing that a test waits for takes this long, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, which ends with this.
pub(crate) struct Server {
    pub(crate) address: Address,
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Server {
    /// Starts `model` on a port that the kernel chooses, with further arguments.
    pub(crate) fn start(model: &Model, arguments: &[&str]) -> Server {
        Server::launch(command(model).args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// The same, with a limit on the numbers of its descriptors.
    pub(crate) fn start_limited(model: &Model, descriptors: u32, arguments: &[&str]) -> Server {
        let own = command(model);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]);
        shell.arg(own.get_program()).args(own.get_args()).env(servers::VARIABLE, "1");
        Server::launch(shell.args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// Starts a command that is a server, and waits until it listens.
    pub(crate) fn launch(command: &mut Command) -> Server {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("the server says something");
        let address = line.split_once("listening on ").and_then(|(_, rest)| rest.rsplit_once(", "));
        let address = address.unwrap_or_else(|| panic!("not where it listens: {line}")).0;
        Server { address: address.parse().expect("an address"), child, stderr }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGTERM).expect("it can be told");
    }

    /// Waits until it has ended. Returns its status and the rest of what it said.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("stderr can be read");
        (self.child.wait().expect("it can be waited for"), said)
    }

    /// The process and those that it forked.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = std::fs::read_to_string(path).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(self.pid()).chain(children).collect()
    }

    /// A sum over all its processes.
    pub(crate) fn sum(&self, measure: fn(i32) -> Option<u64>) -> u64 {
        self.processes().into_iter().filter_map(measure).sum()
    }

    /// Waits until it has no connection: all its sockets are listeners, of which it has `count`.
    pub(crate) fn wait_until_alone(&self, count: usize) {
        let end = Instant::now() + PATIENCE;
        loop {
            let sockets: BTreeSet<String> = self
                .processes()
                .into_iter()
                .flat_map(|pid| sockets(pid).unwrap_or_default())
                .collect();
            if sockets.len() == count {
                return;
            }
            assert!(Instant::now() < end, "{sockets:?} are left, not {count}");
            pause(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that is killed ends its workers by their PDEATHSIG.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program as a server of `model`.
pub(crate) fn command(model: &Model) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.arg(model.name).env(servers::VARIABLE, "1");
    command
}

/// Lets time pass, where the server must not do anything in it.
pub(crate) fn pause(time: Duration) {
    let time = PollTimeout::try_from(time).expect("a short time");
    poll(&mut [], time).expect("poll sleeps");
}

/// The sockets that a process has open.
pub(crate) fn sockets(pid: i32) -> Option<Vec<String>> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let target = |entry: std::io::Result<std::fs::DirEntry>| {
        Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned())
    };
    Some(folder.filter_map(target).filter(|target| target.starts_with("socket:")).collect())
}

/// The clock ticks that a process has used, in all its threads.
pub(crate) fn ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// The times that the threads of a process went to sleep of their own accord.
pub(crate) fn sleeps(pid: i32) -> Option<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        sum += line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    }
    Some(sum)
}
