//! A server while it runs.

mod held;
mod shortage;
mod start;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use shortage::Shortage;

use super::log::Log;
use super::{Address, Client, Start, Sum, Target, Tasks, listening};
use crate::dialect::{Exchange, Wish};
use crate::sys::diag::Told;
use crate::trial::{Result, Stop, Trial};
use crate::watch::{self, Patience, Sight};

/// How long a server is looked at to see what it does while nobody asks for anything.
const WINDOW: Duration = Duration::from_millis(500);
/// How long a server may take to arrange for its signals when it listens already. One of which a
/// thread never sleeps is not waited for longer than that.
const START: Duration = Duration::from_millis(250);

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
            Start::Command(command) => start::start(self, &target, command)?,
        };
        Ok(Server { target, address, control, nonce: Cell::new(1) })
    }
}

impl Control {
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

    /// Whether no process of the server is left alive. One may start another and end between the
    /// look at the one and the look at the other: so it counts only when there was nobody alive,
    /// and nobody new, in a second look.
    fn have_all_ended(&self) -> Result<bool> {
        let mut before = None;
        loop {
            let processes = self.processes()?;
            if processes.iter().any(|pid| !watch::Task::of_process(*pid).is_zombie()) {
                return Ok(false);
            }
            if before.as_ref() == Some(&processes) {
                return Ok(true);
            }
            before = Some(processes);
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
        Ok(!self.control.have_all_ended()?)
    }

    /// How many descriptors all of its processes have open together.
    pub fn descriptors(&self) -> Result<usize> {
        let mut open = 0;
        for pid in self.processes()? {
            open += watch::Task::of_process(pid).open_descriptors()?.len();
        }
        Ok(open)
    }

    /// The same of a server at rest: it has started all of its workers, and they have opened what
    /// they work with.
    pub fn descriptors_at_rest(&self, t: &mut Trial) -> Result<usize> {
        self.comes_to_rest(t)?;
        self.descriptors()
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
        let remotes = clients.iter().map(Client::local_address).collect::<Option<Vec<_>>>();
        let (Address::Tcp(own), Some(remotes)) = (&self.address, remotes) else {
            return Err(Stop::Unsupported(
                "who holds a connection is seen over TCP only".to_owned(),
            ));
        };
        let ends = listening::sockets(*own, &remotes)?;
        let holder = |end: Option<Told>| holders.get(&end?.inode).copied();
        Ok(ends.into_iter().map(holder).collect())
    }

    /// What is told of its end of a client's connection; nothing over `AF_UNIX`.
    pub(super) fn own_end(&self, client: &Client) -> Result<Option<Told>> {
        match (&self.address, client.local_address()) {
            (Address::Tcp(own), Some(remote)) => {
                Ok(listening::sockets(*own, &[remote])?.pop().flatten())
            }
            _ => Ok(None),
        }
    }

    /// The bytes of a client that wait in the server's kernel to be read.
    pub fn unread(&self, client: &Client) -> Result<usize> {
        let end = self.own_end(client)?.filter(|_| listening::tells_unread());
        end.map(|end| end.unread as usize).ok_or_else(|| {
            Stop::Unobservable("the server's end of a connection does not show here".to_owned())
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
        t.eventually(|| self.is_at_rest())
    }

    /// Whether all of its threads are asleep.
    pub(super) fn is_at_rest(&self) -> Result<bool> {
        Tasks::are_all_at_rest(|| self.tasks())
    }

    /// What its threads did up to now.
    pub fn so_far(&self) -> Result<Sum> {
        self.tasks()?.so_far()
    }

    /// What it does in half a second in which nobody asks it for anything, or in more of them until
    /// each of its threads had its turns. The time in which they wait for a CPU counts for nothing: a
    /// busy machine hides no busy loop, and a server that is woken now and then is not taken for one.
    /// Ends the trial as `unobservable` if they get none for very long.
    pub fn idleness(&self) -> Result<Idleness> {
        let (before, lines, start) = (self.so_far()?, self.lines(), Instant::now());
        let (done, time) = loop {
            watch::let_pass(WINDOW)?;
            let (done, time) = (self.so_far()?.since(&before), start.elapsed());
            if done.had_turns(time) {
                break (done, time);
            }
            if time > 40 * WINDOW {
                return Err(Stop::Unobservable(
                    "its threads got too little of a CPU to tell how much they want".to_owned(),
                ));
            }
        };
        let seconds = time.as_secs_f64();
        Ok(Idleness {
            cpus: done.cpus(time),
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

    /// Stops all of its processes (`SIGSTOP`), and returns when they are: those too that it was
    /// about to start.
    pub fn pause(&self, t: &Trial) -> Result {
        let stopped = t.eventually(|| {
            self.signal_all(Signal::SIGSTOP)?;
            Ok(self.tasks()?.are_stopped())
        })?;
        if stopped { Ok(()) } else { Err(Stop::error("the server's processes did not stop")) }
    }

    /// Lets its processes go on.
    pub fn resume(&self) -> Result {
        self.signal_all(Signal::SIGCONT)
    }

    /// Lets the process that takes signals for all of them go on alone, and waits until it sleeps, for
    /// some time at most: what it was asked for is under way before the others are back.
    pub fn resume_leader(&self) -> Result {
        kill(self.leader()?, Signal::SIGCONT)?;
        self.await_leader()?;
        Ok(())
    }

    fn signal_all(&self, signal: Signal) -> Result {
        for pid in self.own_processes("stop and continue its processes")? {
            match kill(pid, signal) {
                // It has just ended.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The process that takes signals for all of them: the one that was started, or if that has
    /// become a daemon, the first that is left.
    pub fn leader(&self) -> Result<Pid> {
        let processes = self.own_processes("send it a signal")?;
        processes.first().copied().ok_or_else(|| Stop::error("the server has ended"))
    }

    /// Waits until all threads of its leader sleep, or are stopped, for some time at most: a server may
    /// listen before it has arranged for its signals, and one that comes too early is lost on it. One
    /// that waits for a thread of its own that is at work has not come to rest yet.
    pub fn await_leader(&self) -> Result<Pid> {
        let leader = self.leader()?;
        if Sight::here() == Sight::Quiet {
            watch::rest()?;
            return Ok(leader);
        }
        let tasks = || Tasks::of(&[leader]);
        let mut patience = Patience::new(START);
        while patience.lasts() && !Tasks::are_all_at_rest(|| Ok(tasks()))? && !tasks().are_stopped()
        {
            nix::sched::sched_yield()?;
        }
        Ok(leader)
    }

    /// Asks it to end in order, once its start is over.
    pub fn stop(&self) -> Result {
        Ok(kill(self.await_leader()?, self.target.stop.0)?)
    }

    /// Asks it to read its configuration anew, once its start is over. Ends the trial as
    /// `unsupported` if it has no signal for that.
    pub fn reload(&self) -> Result {
        let signal = self.target.reload.ok_or_else(|| {
            Stop::Unsupported(
                "no signal is known that makes it reload: name one with --reload".to_owned(),
            )
        })?;
        Ok(kill(self.await_leader()?, signal.0)?)
    }

    /// Whether all of its processes come to an end.
    pub fn ends(&mut self, t: &Trial) -> Result<bool> {
        t.eventually(|| {
            if let Control::Started { child, .. } = &mut self.control {
                child.try_wait()?;
            }
            self.control.have_all_ended()
        })
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
