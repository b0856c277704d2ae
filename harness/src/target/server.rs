//! A server while it runs.

mod held;
mod shortage;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

pub use shortage::Shortage;

use super::log::Log;
use super::{Address, Client, Command, Places, Start, Sum, Target, Tasks, listening};
use crate::dialect::{Exchange, Wish};
use crate::sys::process;
use crate::trial::{Result, Stop, Trial};
use crate::watch::{self, Sight};

/// How long a server is looked at to see what it does while nobody asks for anything.
const WINDOW: Duration = Duration::from_millis(500);

/// A server that listens. What the suite started ends with the trial.
#[derive(Debug)]
pub struct Server {
    target: Target,
    address: Address,
    control: Control,
    nonce: Cell<u64>,
}

#[derive(Debug)]
enum Control {
    /// The suite started it.
    Started { child: Child, log: Log },
    /// It ran before.
    Running { pid: Option<Pid> },
}

/// What a server did in a stretch of time in which nobody asked it for anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Idleness {
    /// The CPUs that it wanted: 1.0 is a thread that never sleeps.
    pub cpus: f64,
    /// How often its threads were woken, in a second.
    pub wakeups_per_second: f64,
    /// The lines that it logged, in a second.
    pub lines_per_second: f64,
}

impl Trial {
    /// Starts the server that this trial is about, and returns when it listens.
    pub fn server(&mut self) -> Result<Server> {
        let target = self.target().ok_or_else(|| Stop::error("the case needs a server"))?.clone();
        self.start(target)
    }

    /// Starts a server, and returns when it listens. One that does not come so far is the suite's
    /// own failure: nothing can be said of it.
    pub fn start(&mut self, target: Target) -> Result<Server> {
        let server = self.listening(target)?;
        if let Some(preparation) = server.target.dialect.preparation() {
            let reply = server.connect(self)?.ask(self, &preparation)?;
            if reply != super::Reply::Whole {
                return Err(Stop::Error(format!("the server could not be prepared: {reply:?}")));
            }
        }
        Ok(server)
    }

    /// The same, with nothing asked of the server yet.
    pub fn listening(&mut self, target: Target) -> Result<Server> {
        if !std::path::Path::new("/proc/self").exists() {
            return Err(Stop::Unobservable(
                "there is no /proc to watch a server through".to_owned(),
            ));
        }
        let (address, control) = match &target.start {
            Start::Running { address, pid } => {
                (address.clone(), Control::Running { pid: pid.map(Pid::from_raw) })
            }
            Start::Command(command) => start(self, &target, command)?,
        };
        Ok(Server { target, address, control, nonce: Cell::new(1) })
    }
}

fn start(t: &Trial, target: &Target, command: &Command) -> Result<(Address, Control)> {
    // Whatever leaves the process that is started now comes back below this one: a daemon too.
    nix::sys::prctl::set_child_subreaper(true)?;
    let folder = t.folder()?;
    // A server that gives up being root must still get at its files.
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    std::fs::set_permissions(&folder, Permissions::from_mode(0o711))?;
    let places = Places {
        address: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        unix: folder.join("socket"),
        folder,
        workers: target.workers,
    };
    for file in &command.files {
        let path = places.folder.join(&file.name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match file.size {
            Some(size) => std::fs::write(path, crate::dialect::filler(size))?,
            None => std::fs::write(path, places.fill(&file.text))?,
        }
    }
    let (output, printed) = std::io::pipe()?;
    let argv: Vec<_> = command.argv.iter().map(|argument| places.fill(argument)).collect();
    let (program, arguments) = argv.split_first().ok_or_else(|| Stop::error("an empty command"))?;
    let mut start = std::process::Command::new(program);
    start.args(arguments).stdin(Stdio::null()).stdout(printed.try_clone()?).stderr(printed);
    // A server that links this crate is no warden.
    start.env_remove(crate::isolate::ORDER);
    start.env("IOCONFORM_ADDR", places.address.to_string());
    start.env("PORT", places.address.port().to_string());
    start.envs(command.environment.iter().map(|(name, value)| (name, places.fill(value))));
    std::os::unix::process::CommandExt::process_group(&mut start, 0);
    let child = start
        .spawn()
        .map_err(|error| Stop::Error(format!("`{program}` cannot be started: {error}")))?;
    // The command holds the writing ends of the pipe: the log would never end with them open.
    drop(start);
    let mut control = Control::Started { child, log: Log::follow(output)? };
    let named = command
        .argv
        .iter()
        .chain(command.environment.values())
        .any(|text| ["{addr}", "{port}", "{unix}"].iter().any(|place| text.contains(place)))
        || command
            .files
            .iter()
            .any(|file| file.text.contains("{port}") || file.text.contains("{addr}"));
    let address = control.listens(t, &places, named)?;
    Ok((address, control))
}

/// A port of 127.0.0.1 that nobody uses at this moment. In a network namespace of the trial's own
/// nobody else could.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Control {
    /// Where the server listens, once it does. If the command was told where, that is where; if
    /// not, it is the one place where it listens.
    fn listens(&mut self, t: &Trial, places: &Places, told: bool) -> Result<Address> {
        let mut patience = t.patience();
        let mut elsewhere = Vec::new();
        while patience.lasts() {
            let processes = self.processes()?;
            let found = listening::addresses(&processes)?;
            let wanted = found.iter().find(|address| places.mean(address));
            match (wanted, &found[..]) {
                (Some(address), _) => return Ok(places.reach(address)),
                (None, [address]) if !told => return Ok(places.reach(address)),
                _ => elsewhere = found,
            }
            if let Some(status) = self.exited(&processes)? {
                return Err(Stop::Error(format!(
                    "the server ended before it listened ({status}): {}",
                    self.last_words()
                )));
            }
            self.wait_a_little()?;
        }
        let places: Vec<_> = elsewhere.iter().map(ToString::to_string).collect();
        Err(Stop::Error(match (places.len(), told) {
            (0, _) => format!("the server did not come to listen: {}", self.last_words()),
            (_, true) => {
                format!("the server listens at {}, not where it was told", places.join(", "))
            }
            (_, false) => format!(
                "the server listens at {}: say which by {{addr}}, {{port}} or {{unix}} in the command",
                places.join(", ")
            ),
        }))
    }

    /// The processes of the server, parents first.
    fn processes(&self) -> Result<Vec<Pid>> {
        match self {
            Control::Started { .. } => Ok(watch::descendants(Pid::this())),
            Control::Running { pid: Some(pid) } => {
                Ok([vec![*pid], watch::descendants(*pid)].concat())
            }
            Control::Running { pid: None } => Err(Stop::Unsupported(
                "the server's processes are not known: name the first with --pid".to_owned(),
            )),
        }
    }

    /// The status of the command, if it has ended and left nobody.
    fn exited(&mut self, processes: &[Pid]) -> Result<Option<ExitStatus>> {
        let Control::Started { child, .. } = self else { return Ok(None) };
        let status = child.try_wait()?;
        let alive = |pid: &&Pid| !watch::Task::of_process(**pid).is_zombie();
        Ok(status.filter(|_| !processes.iter().any(|pid| alive(&pid))))
    }

    fn last_words(&self) -> String {
        match self {
            Control::Started { log, .. } => log.last_line(),
            Control::Running { .. } => String::new(),
        }
    }

    /// Sleeps for a millisecond, or until the server's first process ends.
    fn wait_a_little(&self) -> Result {
        let Control::Started { child, .. } = self else { return Ok(()) };
        let pidfd = process::pidfd(Pid::from_raw(child.id().cast_signed()));
        let mut fds: Vec<_> = pidfd
            .iter()
            .map(|fd| PollFd::new(std::os::fd::AsFd::as_fd(fd), PollFlags::POLLIN))
            .collect();
        poll(&mut fds, PollTimeout::from(1_u8))?;
        Ok(())
    }
}

impl Places {
    /// Whether this is where the command was told to listen: on all addresses, that is too.
    fn mean(&self, address: &Address) -> bool {
        match address {
            Address::Tcp(found) => found.port() == self.address.port(),
            Address::Unix(path) => *path == self.unix,
        }
    }

    /// How a client on this machine reaches a listener.
    fn reach(&self, address: &Address) -> Address {
        match address {
            Address::Tcp(found) if found.ip().is_unspecified() => {
                Address::Tcp(SocketAddr::new(self.address.ip(), found.port()))
            }
            other => other.clone(),
        }
    }
}

impl Server {
    /// What was started.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.target.workers
    }

    /// The request for a wish; `last` asks for the end of the connection as well. Ends the trial
    /// as `unsupported` if the server's protocol has none.
    pub fn request(&self, wish: Wish, last: bool) -> Result<Exchange> {
        self.target.dialect.exchange(wish, last).map_err(Stop::Unsupported)
    }

    /// A small request, unlike all before it where the protocol allows that.
    pub fn small(&self) -> Result<Exchange> {
        self.nonce.set(self.nonce.get() + 1);
        self.request(Wish::Small(self.nonce.get()), false)
    }

    /// A client that has connected, or has failed to.
    pub fn connect(&self, t: &Trial) -> Result<Client> {
        Client::connect(t, &self.address, None)
    }

    /// A client whose receive buffer holds little (4 KiB are asked for, and doubled by the kernel:
    /// socket(7), `SO_RCVBUF`).
    pub fn connect_narrow(&self, t: &Trial) -> Result<Client> {
        Client::connect(t, &self.address, Some(4096))
    }

    /// So many clients, one after the other.
    pub fn crowd(&self, t: &Trial, count: usize) -> Result<Vec<Client>> {
        (0..count).map(|_| self.connect(t)).collect()
    }

    /// Its processes, parents first. Ends the trial as `unsupported` if they are not known.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        let mut processes = self.control.processes()?;
        processes.retain(|pid| !watch::Task::of_process(*pid).is_zombie());
        Ok(processes)
    }

    /// Its threads now.
    pub fn tasks(&self) -> Result<Tasks> {
        Ok(Tasks::of(&self.processes()?))
    }

    /// Whether a process of it is left.
    pub fn is_alive(&self) -> Result<bool> {
        Ok(!self.processes()?.is_empty())
    }

    /// How many descriptors all of its processes have open together.
    pub fn descriptors(&self) -> Result<usize> {
        let mut open = 0;
        for pid in self.processes()? {
            open += watch::Task::of_process(pid).open_descriptors()?.len();
        }
        Ok(open)
    }

    /// How many connections it holds that its clients have ended (`CLOSE_WAIT`, tcp(7)).
    pub fn half_closed_connections(&self) -> Result<usize> {
        let held: std::collections::BTreeSet<u64> =
            self.processes()?.into_iter().flat_map(listening::sockets_of).collect();
        let waits = |entry: &procfs::net::TcpNetEntry| {
            entry.state == procfs::net::TcpState::CloseWait && held.contains(&entry.inode)
        };
        Ok(listening::tcp()?.iter().filter(|entry| waits(entry)).count())
    }

    /// The process that holds the server's end of a client's connection; nothing if nobody has
    /// accepted it.
    pub fn holder(&self, client: &Client) -> Result<Option<Pid>> {
        Ok(self.holders(std::slice::from_ref(client))?.pop().flatten())
    }

    /// The processes that hold the server's ends of these connections; nothing for one that nobody
    /// has accepted. Of several processes that hold one, the first.
    pub fn holders(&self, clients: &[Client]) -> Result<Vec<Option<Pid>>> {
        let mut holders = BTreeMap::new();
        for pid in self.processes()?.into_iter().rev() {
            holders.extend(listening::sockets_of(pid).into_iter().map(|inode| (inode, pid)));
        }
        let holder = |client: &Client| {
            let (Address::Tcp(own), Some(remote)) = (&self.address, client.local_address()) else {
                return Err(Stop::Unsupported(
                    "who holds a connection is seen over TCP only".to_owned(),
                ));
            };
            let socket = listening::socket(*own, remote)?;
            Ok(socket.and_then(|socket| holders.get(&socket.inode)).copied())
        };
        clients.iter().map(holder).collect()
    }

    /// The bytes of a client that wait in the server's kernel to be read (`rx_queue` of
    /// `/proc/net/tcp`, proc_pid_net(5)).
    pub fn unread(&self, client: &Client) -> Result<usize> {
        let address = client.local_address();
        let entries = listening::tcp()?;
        let entry = entries.iter().find(|entry| Some(entry.remote_address) == address);
        entry.map(|entry| entry.rx_queue as usize).ok_or_else(|| {
            Stop::Unobservable("/proc/net/tcp does not show the server's end here".to_owned())
        })
    }

    /// Whether all of its threads come to sleep: it has nothing to do, and does nothing. A server
    /// that polls without rest never does.
    pub fn settles(&self, t: &mut Trial) -> Result<bool> {
        let sight = Sight::here();
        t.settled(sight.word())?;
        if sight == Sight::Quiet {
            watch::rest()?;
            return Ok(true);
        }
        t.eventually(|| self.tasks()?.at_rest())
    }

    /// What its threads did up to now.
    pub fn so_far(&self) -> Result<Sum> {
        self.tasks()?.so_far()
    }

    /// What it does in half a second in which nobody asks it for anything. The CPU that it wants
    /// includes the time in which it waits for one: a busy machine hides no busy loop, and a
    /// server that is woken now and then is not taken for one.
    pub fn idleness(&self) -> Result<Idleness> {
        let (before, lines, start) = (self.so_far()?, self.lines(), Instant::now());
        watch::let_pass(WINDOW)?;
        let seconds = start.elapsed().as_secs_f64();
        let done = self.so_far()?.since(&before);
        Ok(Idleness {
            cpus: done.wanted_cpu.as_secs_f64() / seconds,
            wakeups_per_second: done.wakeups() as f64 / seconds,
            lines_per_second: (self.lines() - lines) as f64 / seconds,
        })
    }

    /// How many lines it has printed.
    fn lines(&self) -> u64 {
        match &self.control {
            Control::Started { log, .. } => log.lines(),
            Control::Running { .. } => 0,
        }
    }

    /// The last that it printed.
    pub fn log(&self) -> String {
        match &self.control {
            Control::Started { log, .. } => log.end(),
            Control::Running { .. } => String::new(),
        }
    }

    /// The processes that may be controlled. Ends the trial as `unsupported` if the server ran
    /// before: it is left alone.
    fn own_processes(&self, what: &str) -> Result<Vec<Pid>> {
        match self.control {
            Control::Started { .. } => self.processes(),
            Control::Running { .. } => Err(Stop::Unsupported(format!(
                "the case would {what}, and the server is not the suite's own: let ioconform start it"
            ))),
        }
    }

    /// Stops all of its processes (`SIGSTOP`), and returns when they are.
    pub fn pause(&self, t: &Trial) -> Result {
        for pid in self.own_processes("stop and continue its processes")? {
            kill(pid, Signal::SIGSTOP)?;
        }
        if t.eventually(|| Ok(self.tasks()?.are_stopped()))? {
            Ok(())
        } else {
            Err(Stop::error("the server's processes did not stop"))
        }
    }

    /// Lets its processes go on.
    pub fn resume(&self) -> Result {
        for pid in self.own_processes("stop and continue its processes")? {
            kill(pid, Signal::SIGCONT)?;
        }
        Ok(())
    }

    /// The process that takes signals for all of them: the one that was started, or if that has
    /// become a daemon, the first that is left.
    pub fn leader(&self) -> Result<Pid> {
        let processes = self.own_processes("send it a signal")?;
        processes.first().copied().ok_or_else(|| Stop::error("the server has ended"))
    }

    /// Asks it to end in order.
    pub fn stop(&self) -> Result {
        Ok(kill(self.leader()?, self.target.stop.0)?)
    }

    /// Asks it to read its configuration anew. Ends the trial as `unsupported` if it has no
    /// signal for that.
    pub fn reload(&self) -> Result {
        let signal = self.target.reload.ok_or_else(|| {
            Stop::Unsupported(
                "no signal is known that makes it reload: name one with --reload".to_owned(),
            )
        })?;
        Ok(kill(self.leader()?, signal.0)?)
    }

    /// Whether all of its processes come to an end.
    pub fn ends(&mut self, t: &Trial) -> Result<bool> {
        t.eventually(|| {
            let processes = self.control.processes()?;
            if let Control::Started { child, .. } = &mut self.control {
                child.try_wait()?;
            }
            Ok(processes.iter().all(|pid| watch::Task::of_process(*pid).is_zombie()))
        })
    }

    /// How the process that was started ended, if it has.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.control {
            Control::Started { child, .. } => Ok(child.try_wait()?),
            Control::Running { .. } => Ok(None),
        }
    }
}

impl Drop for Server {
    /// What it printed last becomes the trial's output.
    fn drop(&mut self) {
        if let Control::Started { log, .. } = &self.control {
            let end = log.end();
            if !end.trim().is_empty() {
                print!("{end}");
            }
        }
    }
}
