//! One process per trial, in namespaces of its own.
//!
//! ```text
//! runner ── warden ── init (pid 1 of the trial's namespaces) ── trial ── what the case starts
//! ```
//!
//! The *warden* is this program, started again; it has one thread, and watches over one trial
//! after the other. It enforces the deadline, takes in what the trial
//! reports and prints, explains a hang, ends everything below it, and hands one [`Outcome`] to
//! the runner. Its standard input is a pipe that only the runner holds open: when the runner is
//! gone, however it went, the pipe ends, and so do trial and warden. The *init* exists only where the
//! system grants a pid namespace; its end is the end of every process in it.

mod autopsy;
mod namespaces;
mod start;
mod warden;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::record::{Evidence, Verdict};
use crate::target::Target;
use crate::trace::Tracing;

pub use start::{StartError, Terms, Wardens};

/// The environment variable by which a program is told to be a warden.
pub(crate) const ORDER: &str = "IOCONFORM_WARDEN";

/// A kind of namespace that a trial has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// Users and capabilities.
    User,
    /// Network devices, ports, sysctls and counters.
    Net,
    /// Process ids.
    Pid,
    /// Mounts; `/proc` is the trial's own.
    Mount,
}

impl Namespace {
    /// All of them: what a trial has on a system that grants it.
    pub const ALL: [Namespace; 4] =
        [Namespace::User, Namespace::Net, Namespace::Pid, Namespace::Mount];

    /// The word for it in records.
    pub fn word(self) -> &'static str {
        match self {
            Namespace::User => "user",
            Namespace::Net => "net",
            Namespace::Pid => "pid",
            Namespace::Mount => "mount",
        }
    }
}

/// What the runner tells the warden, a line each.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// To find out which namespaces the system grants; answered by their list.
    Probe,
    /// To find out whether a trial can be traced; answered by why not.
    ProbeTracer,
    /// To watch over a trial; answered by its [`Outcome`].
    Trial(Box<Order>),
}

/// A trial that is to be run.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    work: Work,
    limit: Duration,
    /// Whether it is not given back what others take from it, and gives up soon.
    in_haste: bool,
    namespaces: BTreeSet<Namespace>,
    target: Option<Target>,
    tracing: Option<Tracing>,
}

/// How many times its limit a trial may last longer because others had the CPUs.
const STARVED: u32 = 4;

impl Order {
    /// The longest that the trial may last.
    fn longest(&self) -> Duration {
        self.limit * if self.in_haste { 1 } else { 1 + STARVED }
    }
}

/// What is done in a trial.
#[derive(Debug, Serialize, Deserialize)]
enum Work {
    /// The case with this id.
    Case(String),
    /// The tool with this id, with these arguments.
    Tool(String, String),
}

/// What the warden tells the runner.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// How the trial ended.
    pub verdict: Verdict,
    /// Why, if not `conforms`.
    pub reason: String,
    /// The command that mends a skip.
    pub mend: String,
    /// What was gathered.
    pub evidence: Evidence,
    /// The namespaces that the trial had.
    pub isolation: BTreeSet<Namespace>,
    /// The mutants that changed a call of the trial, or would have.
    pub touched: Vec<String>,
    /// From the start of the warden's work to its end.
    pub micros: u64,
}

impl Outcome {
    /// That of a trial which could not be carried out, through no fault of what it is about.
    pub(crate) fn failed(reason: String) -> Outcome {
        Outcome {
            verdict: Verdict::Error,
            reason,
            mend: String::new(),
            evidence: Evidence::default(),
            isolation: BTreeSet::new(),
            touched: Vec::new(),
            micros: 0,
        }
    }
}

/// The namespaces that were made for the trial in which this process runs.
static GRANTED: OnceLock<BTreeSet<Namespace>> = OnceLock::new();

/// Whether the trial in which this code runs has a namespace of this kind to itself.
pub fn granted(namespace: Namespace) -> bool {
    GRANTED.get().is_some_and(|granted| granted.contains(&namespace))
}

/// The namespaces that this system grants to trials, found out by making them: in a process that
/// has one thread, as a process that forks into namespaces must.
pub fn probe() -> std::io::Result<BTreeSet<Namespace>> {
    start::probe()
}

/// Whether trials can be traced here; an error says why not.
pub fn probe_tracer() -> std::io::Result<()> {
    start::probe_tracer()
}

/// What [`ORDER`] is set to for a warden that [`entry`] starts, or for one that starts before
/// `main`.
const IN_MAIN: &str = "1";
const EARLY: &str = "early";

/// Whether programs are started as wardens before their `main`.
static EARLY_WANTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// From now on wardens start before `main`: for a program whose `main` is not ours to write, as
/// that of libtest, and so does not call [`entry`].
pub fn start_wardens_early() {
    crate::sys::early::keep();
    EARLY_WANTED.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Called before `main` in every program that links this crate.
pub(crate) fn before_main() {
    if std::env::var_os(ORDER).is_some_and(|value| value == EARLY) {
        warden::serve();
    }
}

/// Must be the first call of `main` in every program that runs cases. Returns at once in the
/// program that the user started; in a copy that was started as a warden, does that work and
/// never returns.
pub fn entry() {
    if std::env::var_os(ORDER).is_some() {
        warden::serve();
    }
}
