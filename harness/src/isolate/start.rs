//! The runner's side: starts wardens, gives them cases, takes in outcomes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::de::DeserializeOwned;

use super::{EARLY, EARLY_WANTED, IN_MAIN, Namespace, ORDER, Order, Outcome, Request, Work};
use crate::case::Case;
use crate::catalogue::Tool;
use crate::target::Target;
use crate::trace::Tracing;

/// What the warden gets on top of the trial's own time to explain a hang and to clean up.
const GRACE: Duration = Duration::from_secs(20);

/// Why no outcome came back.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The warden could not be started.
    #[error("cannot start a process for the trial: {0}")]
    Spawn(std::io::Error),
    /// The warden did not answer in time, or said something else than an outcome.
    #[error("the process above the trial {0}")]
    Lost(String),
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// What [`Wardens::run`] is told beside the case.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The case's deadline is multiplied by this; 0 stands for 1.
    pub timeout_scale: f64,
    /// Whether the trial is expected to fail, and should do so soon: time in which others had the CPUs
    /// is not given back to it, and it may be impatient.
    pub in_haste: bool,
    /// The server that the case is about, if it is about one.
    pub target: Option<&'a Target>,
    /// What is wished of a tracer, if the trial is to have one.
    pub tracing: Option<&'a Tracing>,
    /// A descriptor that becomes readable, and stays so, when the run is cancelled.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// Wardens that wait for their next case: starting the program costs more than a trial does, so
/// that a warden watches over one trial after the other. Dropping it ends them all.
#[derive(Debug)]
pub struct Wardens {
    namespaces: BTreeSet<Namespace>,
    idle: Mutex<Vec<Warden>>,
}

impl Wardens {
    /// No wardens yet; they are started as they are needed, and give these namespaces to each of
    /// their trials ([`super::probe`] tells what can be given).
    pub fn new(namespaces: BTreeSet<Namespace>) -> Wardens {
        Wardens { namespaces, idle: Mutex::default() }
    }

    /// Whether trials have this to themselves.
    pub fn give(&self, namespace: Namespace) -> bool {
        self.namespaces.contains(&namespace)
    }

    /// Runs one trial of `case` in a process of its own, under a warden that has no other trial.
    pub fn run(&self, case: &Case, terms: Terms) -> Result<Outcome, StartError> {
        self.carry_out(Work::Case(case.id.to_owned()), case.deadline, terms)
    }

    /// The same with a tool, which is given `arguments` and may take so long.
    pub fn run_tool(
        &self,
        tool: &Tool,
        arguments: String,
        limit: Duration,
        terms: Terms,
    ) -> Result<Outcome, StartError> {
        self.carry_out(Work::Tool(tool.id.to_owned(), arguments), limit, terms)
    }

    fn carry_out(&self, work: Work, limit: Duration, terms: Terms) -> Result<Outcome, StartError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut warden = match waiting {
            Some(warden) => warden,
            None => Warden::start().map_err(StartError::Spawn)?,
        };
        let scale = if terms.timeout_scale > 0.0 { terms.timeout_scale } else { 1.0 };
        let order = Order {
            work,
            limit: limit.mul_f64(scale),
            in_haste: terms.in_haste,
            namespaces: self.namespaces.clone(),
            target: terms.target.cloned(),
            tracing: terms.tracing.cloned(),
        };
        // A warden that failed is not used again: dropping it ends it, and its trial.
        let outcome = warden.run(order, terms.cancel)?;
        idle().push(warden);
        Ok(outcome)
    }
}

/// Asks a warden, which then ends.
pub(super) fn probe() -> std::io::Result<BTreeSet<Namespace>> {
    let answer: Result<BTreeSet<Namespace>, String> =
        Warden::start()?.ask(&Request::Probe, GRACE, None).map_err(std::io::Error::other)?;
    answer.map_err(std::io::Error::other)
}

/// Asks a warden, which then ends.
pub(super) fn probe_tracer() -> std::io::Result<()> {
    let answer: Result<(), String> =
        Warden::start()?.ask(&Request::ProbeTracer, GRACE, None).map_err(std::io::Error::other)?;
    answer.map_err(std::io::Error::other)
}

/// A warden; see the module above. Its standard input is its lifeline: when that ends, so does it.
#[derive(Debug)]
struct Warden {
    process: Child,
    orders: Option<ChildStdin>,
}

impl Warden {
    fn start() -> std::io::Result<Warden> {
        let mut process = Warden::spawn()?;
        let orders = process.stdin.take();
        Ok(Warden { process, orders })
    }

    /// The running program itself, even if its file was replaced since; where there is no `/proc`,
    /// what lies at the path by which it was started.
    fn spawn() -> std::io::Result<Child> {
        let early = EARLY_WANTED.load(std::sync::atomic::Ordering::Relaxed);
        let spawn = |program: &Path| {
            Command::new(program)
                .env(ORDER, if early { EARLY } else { IN_MAIN })
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .process_group(0)
                .spawn()
        };
        spawn(Path::new("/proc/self/exe")).or_else(|error| {
            let path = crate::sys::process::started_as().ok_or(error)?;
            spawn(&path)
        })
    }

    fn run(&mut self, order: Order, cancel: Option<BorrowedFd>) -> Result<Outcome, StartError> {
        let limit = order.longest() + GRACE;
        self.ask(&Request::Trial(Box::new(order)), limit, cancel)
    }

    fn ask<Answer: DeserializeOwned>(
        &mut self,
        request: &Request,
        limit: Duration,
        cancel: Option<BorrowedFd>,
    ) -> Result<Answer, StartError> {
        let lost = |what: String| StartError::Lost(what);
        let mut line = serde_json::to_vec(request).map_err(|error| lost(error.to_string()))?;
        line.push(b'\n');
        let orders = self.orders.as_mut().ok_or_else(|| lost("takes no orders".to_owned()))?;
        orders.write_all(&line).map_err(|error| lost(format!("takes no orders: {error}")))?;
        let answer = self.answer(Instant::now() + limit, cancel)?;
        serde_json::from_slice(&answer).map_err(|_| {
            lost(format!("ended without an answer: {:?}", String::from_utf8_lossy(&answer)))
        })
    }

    /// The line that the warden writes, or what there was of it.
    fn answer(&mut self, end: Instant, cancel: Option<BorrowedFd>) -> Result<Vec<u8>, StartError> {
        let mut answer = Vec::new();
        let Some(stdout) = self.process.stdout.as_mut() else {
            return Err(StartError::Lost("has no output".to_owned()));
        };
        while answer.last() != Some(&b'\n') {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StartError::Lost("did not end in time".to_owned()));
            }
            let mut fds = vec![PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
            fds.extend(cancel.map(|cancel| PollFd::new(cancel, PollFlags::POLLIN)));
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(StartError::Spawn(error.into())),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            if ready.get(1) == Some(&true) {
                return Err(StartError::Cancelled);
            }
            if ready[0] {
                let mut chunk = [0; 16 * 1024];
                match stdout.read(&mut chunk).map_err(StartError::Spawn)? {
                    0 => return Ok(answer),
                    length => answer.extend_from_slice(&chunk[..length]),
                }
            }
        }
        Ok(answer)
    }
}

impl Drop for Warden {
    /// Ends the warden, which ends its trial first. One that does not is killed: its trial then
    /// dies with it.
    fn drop(&mut self) {
        drop(self.orders.take());
        let pid = i32::try_from(self.process.id()).map(nix::unistd::Pid::from_raw);
        let ended = pid.is_ok_and(|pid| {
            let ended = crate::sys::process::wait_at_most(pid, Duration::from_secs(5));
            ended.is_ok_and(|status| status.is_some())
        });
        if !ended {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
