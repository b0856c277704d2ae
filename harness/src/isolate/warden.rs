//! The process above a trial.

use std::cell::RefCell;
use std::fs::{File, Permissions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{BufRead as _, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Order, Outcome, Request, Work, autopsy, namespaces};
use crate::catalogue;
use crate::sys::process;
use crate::sys::trace::Event;
use crate::trace::{Told, Tracer, Tracing};
use crate::trial::{Message, Stop, Trial};

/// What is kept of the trial's own output.
const OUTPUT: usize = 64 * 1024;
/// What a trial may report before it is taken for runaway.
const REPORT: usize = 8 * 1024 * 1024;
/// The number of a trial's report pipe: out of the way of the descriptors that a case opens, and
/// high enough that the table of descriptors never grows while threads are watched. Growing waits
/// for every other CPU (`expand_fdtable`), and that wait would be counted as a wakeup.
const REPORT_FD: i32 = 1023;
/// The descriptors that a trial may open, where the hard limit allows as many.
const DESCRIPTORS: u64 = 4096;
/// A number that `poll` passes over: negative, and not the -1 that a `BorrowedFd` must not hold.
const GONE: i32 = -2;
/// How long processes that were killed may take to end: some sleep where no signal reaches them.
const CLEAN_UP: Duration = Duration::from_secs(10);
/// A trial of an ordinary user gets no more processes and threads than this.
const PROCESSES: u64 = 2048;

/// Reads orders from stdin, a line each, and writes an outcome for each to stdout, until the
/// orders end; then exits.
pub(super) fn serve() -> ! {
    // Not by `std::io::stdin()`: its lock, held here for life, would be inherited by the trials.
    let Ok(stdin) = process::adopt(0) else { process::exit_now(1) };
    // What the user's shell left open is not for servers to inherit.
    let _ = process::keep_from_programs(3);
    let mut orders = BufReader::new(File::from(stdin)).lines();
    let mut stdout = std::io::stdout();
    // A name that nobody can make first: the numbers of a hash map are the system's random ones.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let name = format!("ioconform-{}-{random:016x}", nix::unistd::getpid());
    let folder = std::env::temp_dir().join(name);
    while let Some(Ok(order)) = orders.next() {
        let answer = match serde_json::from_str::<Request>(&order) {
            Ok(Request::Trial(order)) => serde_json::to_vec(&outcome(&order, &folder)),
            Ok(Request::Probe) => {
                serde_json::to_vec(&namespaces::best().map_err(|error| error.to_string()))
            }
            Ok(Request::ProbeTracer) => {
                serde_json::to_vec(&crate::trace::probe().map_err(|error| error.to_string()))
            }
            Err(error) => {
                serde_json::to_vec(&Outcome::failed(format!("unreadable order: {error}")))
            }
        };
        let mut line = answer.unwrap_or_default();
        line.push(b'\n');
        if stdout.write_all(&line).and_then(|()| stdout.flush()).is_err() {
            break;
        }
    }
    process::exit_now(0)
}

fn outcome(order: &Order, folder: &Path) -> Outcome {
    let started = Instant::now();
    let outcome =
        watch_over(order, folder).unwrap_or_else(|error| Outcome::failed(error.to_string()));
    Outcome { micros: started.elapsed().as_micros().try_into().unwrap_or(u64::MAX), ..outcome }
}

/// `folder` is not there before the trial, and not after it.
fn watch_over(order: &Order, folder: &Path) -> std::io::Result<Outcome> {
    // Of use only where no pid namespace is granted. A system that has neither (old gVisor) can
    // keep what a trial detached from itself; nothing above depends on it.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let (report, report_writer) = std::io::pipe()?;
    let (output, output_writer) = std::io::pipe()?;
    let (status, status_writer) = std::io::pipe()?;
    let (traced, traced_writer) =
        order.tracing.as_ref().map(|_| std::io::pipe()).transpose()?.unzip();
    let writers = Writers {
        report: report_writer,
        output: output_writer,
        status: status_writer,
        traced: traced_writer,
    };
    let writers = RefCell::new(Some(writers));
    let init = namespaces::fork(&order.namespaces, || match writers.take() {
        Some(writers) => init(order, folder, writers),
        None => 1,
    })?;
    drop(writers);

    let mut intake = Intake {
        report: Stream::of(Some(report), REPORT),
        output: Stream::of(Some(output), OUTPUT),
        traced: Stream::of(traced, REPORT),
        status,
    };
    let started = Instant::now();
    let mut end = intake.until_ended(started + order.limit);
    while matches!(end, Ok(End::Deadline)) {
        // The time in which others had the CPUs is not the trial's.
        let starved = autopsy::starved(&subjects(init));
        let deadline = started + (order.limit + starved).min(order.longest());
        if deadline <= Instant::now() {
            break;
        }
        end = intake.until_ended(deadline);
    }
    let hung = matches!(end, Ok(End::Deadline));
    let threads = if hung { autopsy::threads(&subjects(init)) } else { Vec::new() };
    end_everything(init);
    intake.streams().into_iter().for_each(Stream::drain);
    remove(folder).map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot remove {}: {error}", folder.display()))
    })?;
    let mut outcome = judge(&intake, end?, order.limit);
    outcome.evidence.threads = threads;
    outcome.isolation.clone_from(&order.namespaces);
    Ok(outcome)
}

/// Removes a folder and all in it. A server may have locked folders of its own, even from itself.
fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            unlock(folder)?;
            std::fs::remove_dir_all(folder)
        }
        other => other,
    }
}

/// Lets its owner into a folder and all folders in it. Links are not followed.
fn unlock(folder: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

/// The processes that belong to the case: all below this one but the init.
fn subjects(init: Pid) -> Vec<Pid> {
    let mut below = crate::watch::descendants(nix::unistd::getpid());
    below.retain(|process| *process != init);
    below
}

/// How the trial came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It ended by itself, in this way.
    Ended(Option<WaitStatus>),
    /// The deadline passed.
    Deadline,
    /// It reported without end.
    Runaway,
    /// The runner is gone.
    Orphaned,
}

/// A pipe, and what has come out of it.
struct Stream {
    /// None once it is at its end, or if there never was one.
    pipe: Option<PipeReader>,
    taken: Vec<u8>,
    /// What is kept: the rest is dropped.
    most: usize,
}

impl Stream {
    fn of(pipe: Option<PipeReader>, most: usize) -> Stream {
        Stream { pipe, taken: Vec::new(), most }
    }

    /// What `poll` is to look at.
    fn watched(&self) -> PollFd<'_> {
        let pipe = self.pipe.as_ref().map_or(process::borrow(GONE), AsFd::as_fd);
        PollFd::new(pipe, PollFlags::POLLIN)
    }

    /// Reads once. Returns whether something came.
    fn take_in(&mut self) -> std::io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(false) };
        let mut chunk = [0; 16 * 1024];
        let length = pipe.read(&mut chunk)?;
        if length == 0 {
            self.pipe = None;
        }
        let room = self.most.saturating_sub(self.taken.len());
        self.taken.extend_from_slice(&chunk[..length.min(room)]);
        Ok(length > 0)
    }

    /// Takes in what is left after everything that could write has ended, without waiting for a
    /// writer that escaped.
    fn drain(&mut self) {
        if let Some(pipe) = &self.pipe {
            let _ = fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        }
        while self.take_in().is_ok_and(|came| came) {}
    }
}

/// What comes in from the trial and its init.
struct Intake {
    report: Stream,
    output: Stream,
    traced: Stream,
    status: PipeReader,
}

/// The ends of the pipes that the init and the trial write to.
struct Writers {
    report: PipeWriter,
    output: PipeWriter,
    status: PipeWriter,
    /// For a tracer, if the trial is to have one.
    traced: Option<PipeWriter>,
}

impl Intake {
    fn streams(&mut self) -> [&mut Stream; 3] {
        [&mut self.report, &mut self.output, &mut self.traced]
    }

    /// Takes in reports and output until the trial has ended or something ends it.
    fn until_ended(&mut self, deadline: Instant) -> std::io::Result<End> {
        let runner = process::borrow(0);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(End::Deadline);
            }
            // A pipe whose writers are gone hangs up for ever: it leaves the set, which `poll`
            // does with a descriptor that is not there. Of the runner only its end is of
            // interest: no order comes while one is carried out.
            let mut fds = [
                PollFd::new(self.status.as_fd(), PollFlags::POLLIN),
                PollFd::new(runner, PollFlags::empty()),
                self.report.watched(),
                self.output.watched(),
                self.traced.watched(),
            ];
            match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [status, runner, ready @ ..] = fds.map(|fd| fd.any().unwrap_or(false));
            if runner {
                return Ok(End::Orphaned);
            }
            for (stream, _) in self.streams().into_iter().zip(ready).filter(|(_, ready)| *ready) {
                stream.take_in()?;
            }
            if status {
                return Ok(End::Ended(self.read_status()));
            }
            if self.report.taken.len() >= REPORT {
                return Ok(End::Runaway);
            }
        }
    }

    /// What the init says of the trial's end; nothing if the init itself came to one.
    fn read_status(&mut self) -> Option<WaitStatus> {
        let mut raw = [0; 4];
        self.status.read_exact(&mut raw).ok()?;
        WaitStatus::from_raw(Pid::from_raw(1), i32::from_ne_bytes(raw)).ok()
    }
}

/// Ends the init and all below it. The end of a pid namespace's init is the end of all in it;
/// without one, whoever loses its parent becomes a child of this process (it is a subreaper), so
/// that ending children until there are none ends all.
fn end_everything(init: Pid) {
    let _ = kill(init, Signal::SIGKILL);
    let me = nix::unistd::getpid();
    // Mostly this is all: the kernel lets the init go last. If it cannot, the runner gives up.
    while waitpid(init, None) == Err(Errno::EINTR) {}
    let end = Instant::now() + CLEAN_UP;
    while Instant::now() < end {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {
                for process in crate::watch::descendants(me) {
                    let _ = kill(process, Signal::SIGKILL);
                }
                let _ = nix::sched::sched_yield();
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

fn judge(intake: &Intake, end: End, limit: Duration) -> Outcome {
    let mut outcome = Outcome::failed(String::new());
    outcome.evidence.output = printable(&String::from_utf8_lossy(&intake.output.taken));
    for line in intake.traced.taken.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Told::Span(span)) => outcome.evidence.timeline.push(span),
            Ok(Told::Touched(mutant)) => outcome.touched.push(mutant),
            // The last line may be cut off.
            Err(_) => {}
        }
    }
    let mut ended = None;
    let mut garbage = None;
    for line in intake.report.taken.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Message::Check(check)) => outcome.evidence.checks.push(check),
            Ok(Message::Measure(measure)) => outcome.evidence.measures.push(measure),
            Ok(Message::Statistic(statistic)) => outcome.evidence.statistics.push(statistic),
            Ok(Message::Settled(how)) => outcome.evidence.settled = Some(how),
            Ok(Message::End { verdict, reason, mend }) => ended = Some((verdict, reason, mend)),
            Err(_) => garbage = garbage.or(Some(line)),
        }
    }
    outcome.reason = match (end, ended, garbage) {
        (End::Deadline, ..) => format!("hung: killed after {:.1} s", limit.as_secs_f64()),
        (End::Runaway, ..) => format!("reported more than {REPORT} bytes"),
        (End::Orphaned, ..) => "the runner is gone".to_owned(),
        (End::Ended(None), ..) => "the process above the trial failed, or was killed".to_owned(),
        (End::Ended(Some(WaitStatus::Signaled(_, signal, _))), ..) => format!("killed by {signal}"),
        (End::Ended(_), _, Some(garbage)) => {
            let text: String = String::from_utf8_lossy(garbage).chars().take(80).collect();
            format!("garbage in the trial's report: {text:?}")
        }
        (End::Ended(Some(WaitStatus::Exited(_, 0))), Some((verdict, reason, mend)), None) => {
            outcome.verdict = verdict;
            outcome.mend = mend;
            printable(&reason)
        }
        (End::Ended(status), _, None) => format!("the trial ended without a verdict ({status:?})"),
    };
    outcome
}

/// Without what could do something to a terminal: a server may print anything.
fn printable(text: &str) -> String {
    let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().map(|c| if harmless(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Pid 1 of the trial's namespaces, where it has them: starts the trial, reaps what it leaves,
/// tells how it ended. If the trial is to be traced, it is the tracer.
fn init(order: &Order, folder: &Path, writers: Writers) -> i32 {
    let Writers { report, output, mut status, traced } = writers;
    let me = nix::unistd::getpid();
    if process::die_with_parent().is_err() {
        return 1;
    }
    let tracer = order.tracing.as_ref().zip(traced);
    let tracer = tracer.map(|(tracing, traced)| Tracer::new(tracing, traced)).transpose();
    let Ok(mut tracer) = tracer else { return 1 };
    // The parent's copies of the pipes are moved into the closure and closed with it.
    let child = || trial(order, folder, me, report, output);
    let forked = match tracer {
        Some(_) => Tracer::fork(child),
        None => process::fork(child).map_err(Into::into),
    };
    let Ok(trial) = forked else { return 1 };
    let raw = match &mut tracer {
        Some(tracer) => tracer.follow(trial),
        None => reap_until(trial),
    };
    let told = raw.ok().map(|raw| status.write_all(&raw.to_ne_bytes()));
    i32::from(told.is_none_or(|told| told.is_err()))
}

/// Reaps children until this one has ended; returns its status as wait(2) encodes it.
fn reap_until(trial: Pid) -> nix::Result<i32> {
    loop {
        match crate::sys::trace::next() {
            Ok((thread, Event::Ended(status))) if thread == trial => return Ok(status),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The trial itself.
fn trial(order: &Order, folder: &Path, parent: Pid, report: PipeWriter, output: PipeWriter) -> i32 {
    let prepared = prepare_trial(parent, report, output);
    // From here on its calls are the case's.
    let stop_calls = || order.tracing.as_ref().map_or(Ok(()), Tracing::stop_calls);
    match prepared.and_then(|report| stop_calls().map(|()| report)) {
        Ok(report) => {
            let mut trial = Trial::new(
                report,
                order.limit,
                order.in_haste,
                order.target.clone(),
                folder.to_owned(),
            );
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(&order.work, &mut trial)
            }));
            let result = result
                .unwrap_or_else(|panic| Err(Stop::Error(format!("panicked: {}", words(&*panic)))));
            let printed = std::io::stdout().flush();
            i32::from(trial.end(result).is_err() || printed.is_err())
        }
        Err(error) => {
            eprintln!("cannot prepare the trial: {error}");
            1
        }
    }
}

fn run(work: &Work, trial: &mut Trial) -> crate::trial::Result {
    let missing = |id: &str| Stop::error(format!("no `{id}` in this program"));
    let case = match work {
        Work::Case(id) => catalogue::find(id).ok_or_else(|| missing(id))?,
        Work::Tool(id, arguments) => {
            let tool = catalogue::find_tool(id).ok_or_else(|| missing(id))?;
            return (tool.run)(trial, arguments);
        }
    };
    for need in case.needs {
        need.probe()?;
    }
    (case.run)(trial)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

/// Gives the trial its report pipe, its output, an empty standard input, and its limits.
fn prepare_trial(parent: Pid, report: PipeWriter, output: PipeWriter) -> std::io::Result<OwnedFd> {
    process::die_with(parent)?;
    let limits = [(Resource::RLIMIT_NOFILE, DESCRIPTORS), (Resource::RLIMIT_NPROC, PROCESSES)];
    for (resource, most) in limits {
        let (_, hard) = getrlimit(resource)?;
        setrlimit(resource, hard.min(most), hard)?;
    }
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let (nothing, _) = std::io::pipe()?;
    process::copy_to(&nothing, 0, false)?;
    process::copy_to(&output, 1, false)?;
    process::copy_to(&output, 2, false)?;
    let number = i32::try_from(getrlimit(Resource::RLIMIT_NOFILE)?.0)
        .map_or(REPORT_FD, |limit| REPORT_FD.min(limit - 1));
    process::copy_to(&report, number, true)?;
    Ok(process::adopt(number)?)
}
