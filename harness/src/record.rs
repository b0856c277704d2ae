//! What a trial leaves behind. Every report is made from these types and from nothing else.
//!
//! `docs/result-schema.json` is generated from them; [`SCHEMA`] grows by one when a reader of an
//! older version could misread a newer file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Strength};
use crate::target::{Start, Target};
use crate::trace::Span;

/// The version of the result format.
pub const SCHEMA: u32 = 1;

/// How a trial ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check held.
    Conforms,
    /// A check failed.
    Deviates,
    /// The system says itself that it does not have the behaviour.
    Unsupported,
    /// The behaviour may be there; this system gives no way to see it.
    Unobservable,
    /// A stated need of the case is missing here.
    Skipped,
    /// The server did not get as far as to be judged: a case before this one says why.
    Blocked,
    /// The suite failed: set-up, hang, crash.
    Error,
}

impl Verdict {
    /// All verdicts, in the order in which reports count them.
    pub const ALL: [Verdict; 7] = [
        Verdict::Conforms,
        Verdict::Deviates,
        Verdict::Unsupported,
        Verdict::Unobservable,
        Verdict::Skipped,
        Verdict::Blocked,
        Verdict::Error,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Conforms => "conforms",
            Verdict::Deviates => "deviates",
            Verdict::Unsupported => "unsupported",
            Verdict::Unobservable => "unobservable",
            Verdict::Skipped => "skipped",
            Verdict::Blocked => "blocked",
            Verdict::Error => "error",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.word())
    }
}

/// A check: what was asked, what was expected and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Whether it held.
    pub holds: bool,
    /// What it shows, as a sentence.
    pub sentence: String,
    /// The expression as it stands in the source.
    pub expression: String,
    /// The expected value, with the operator of the comparison before it.
    pub expected: String,
    /// The value that was seen.
    pub observed: String,
    /// The file of the check, relative to the workspace.
    pub file: String,
    /// The line of the check.
    pub line: u32,
}

/// A number that was measured on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What was measured, with its unit: `wakeups per connection`.
    pub name: String,
    /// The number.
    pub value: f64,
}

/// A statistical test, with the error rate that its check accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statistic {
    /// What was tested: `chi-square, 4 listeners alike`.
    pub name: String,
    /// How many observations went in.
    pub samples: u64,
    /// The probability of a result at least as far off if the claim is true.
    pub p: f64,
    /// The probability below which the claim is rejected.
    pub alpha: f64,
}

/// What a trial gathered before it ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Evidence {
    /// The checks in the order in which they were made; a loop's equal checks are counted once.
    pub checks: Vec<Check>,
    /// The measurements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// The statistical tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<Statistic>,
    /// How sleeping threads were recognised: `by system call` or `by quiet period`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<String>,
    /// The threads of a trial that hung.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Thread>,
    /// What the trial wrote to stdout and stderr, at most 64 KiB.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The calls of a trial that was traced, in the order in which they ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Span>,
    /// Whether that is another trial of the case, made to be traced, which deviated too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub timeline_is_of_another: bool,
    /// What the kernel logged meanwhile of a warning, an oops or a panic, where its log is watched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kernel_log: Vec<String>,
}

/// A thread of a trial that was killed at its deadline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thread {
    /// The process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// Its name.
    pub name: String,
    /// Its state, as in `/proc/PID/stat`.
    pub state: String,
    /// The system call that it was in, by name where known; `running` outside of one.
    pub syscall: String,
    /// The kernel function that it slept in, where the kernel tells.
    pub wchan: String,
}

/// The outcome of a case on a system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The id of the case.
    pub id: String,
    /// The server that was judged, if one was: its name in [`Run::targets`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its claim.
    pub claim: String,
    /// Where the claim is stated.
    pub sources: Vec<String>,
    /// How binding it is.
    pub strength: Strength,
    /// How the trial ended.
    pub verdict: Verdict,
    /// Whether that is what the contract, or the baseline, says of this kernel.
    pub expected: bool,
    /// Why the verdict is not a plain `conforms`, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What the contract or the baseline says of the verdict on this kernel.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The command that would let a skipped case run here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
    /// How often each verdict came out, where the case ran more than once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub verdicts: BTreeMap<Verdict, u32>,
    /// What the trial gathered.
    pub evidence: Evidence,
    /// The namespaces that the trial had to itself.
    pub isolation: Vec<String>,
    /// How long the trial took, in microseconds.
    pub micros: u64,
}

impl Record {
    /// A record of `case` without evidence.
    pub fn new(case: &Case, verdict: Verdict, reason: impl Into<String>) -> Record {
        let mut record = Record::bare(case.id, case.claim, case.strength, verdict, reason);
        record.sources = case.sources.iter().map(ToString::to_string).collect();
        record
    }

    /// A record of something that may be no case: without source or evidence, and as expected.
    pub fn bare(
        id: impl Into<String>,
        claim: impl Into<String>,
        strength: Strength,
        verdict: Verdict,
        reason: impl Into<String>,
    ) -> Record {
        Record {
            id: id.into(),
            target: None,
            claim: claim.into(),
            sources: Vec::new(),
            strength,
            verdict,
            expected: true,
            reason: reason.into(),
            note: String::new(),
            mend: String::new(),
            verdicts: BTreeMap::new(),
            evidence: Evidence::default(),
            isolation: Vec::new(),
            micros: 0,
        }
    }

    /// The id, behind the name of the server if one was judged: unlike all others of a run.
    pub fn name(&self) -> String {
        match &self.target {
            Some(target) => format!("{target}/{}", self.id),
            None => self.id.clone(),
        }
    }

    /// Whether repeated trials ended differently.
    pub fn flaky(&self) -> bool {
        self.verdicts.len() > 1
    }

    /// Adds something to the note.
    pub fn remark(&mut self, text: &str) {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(text);
    }

    /// The check that failed, if one did.
    pub fn failed_check(&self) -> Option<&Check> {
        self.evidence.checks.iter().find(|check| !check.holds)
    }
}

/// The system that a run judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// `uname -s`.
    pub name: String,
    /// `uname -r`.
    pub release: String,
    /// `uname -v`.
    pub version: String,
    /// `uname -m`.
    pub machine: String,
    /// The CPUs that the run may use.
    pub cpus: usize,
    /// The effective user.
    pub user: u32,
}

impl System {
    /// This machine.
    pub fn here() -> System {
        let uname = nix::sys::utsname::uname();
        let text = |field: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            uname.as_ref().map_or_else(
                |_| "unknown".into(),
                |uname| field(uname).to_string_lossy().into_owned(),
            )
        };
        System {
            name: text(nix::sys::utsname::UtsName::sysname),
            release: text(nix::sys::utsname::UtsName::release),
            version: text(nix::sys::utsname::UtsName::version),
            machine: text(nix::sys::utsname::UtsName::machine),
            cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            user: nix::unistd::geteuid().as_raw(),
        }
    }
}

/// A server that a run judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// What the records call it.
    pub name: String,
    /// What it says of its version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// How it was started, with its placeholders, or where it ran.
    pub command: String,
    /// What it speaks.
    pub dialect: String,
    /// How many workers it has.
    pub workers: usize,
    /// Whether it is a reference server of ioconform.
    pub reference: bool,
}

impl From<&Target> for Judged {
    fn from(target: &Target) -> Judged {
        let command = match &target.start {
            Start::Command(command) if target.reference => {
                format!("ioconform serve {}", command.argv[1..].join(" "))
            }
            Start::Command(command) => command.argv.join(" "),
            Start::Running { address, .. } => format!("running at {address}"),
        };
        Judged {
            name: target.name.clone(),
            version: target.version.clone(),
            command,
            dialect: target.dialect.word().to_owned(),
            workers: target.workers,
            reference: target.reference,
        }
    }
}

/// A whole run: what `-o json=FILE` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The version of this format: [`SCHEMA`].
    pub schema: u32,
    /// The version of ioconform.
    pub ioconform: String,
    /// When the run began, RFC 3339, UTC, whole seconds.
    pub started: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Whether every selected case has a record; false after an interruption or `--fail-fast`.
    pub complete: bool,
    /// Whether a signal ended the run.
    pub interrupted: bool,
    /// The arguments of the command, without its name.
    pub command: Vec<String>,
    /// The system that was judged, or on which servers were.
    pub system: System,
    /// The servers that were judged, in the order of the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Judged>,
    /// What the run wants its reader to know: missing isolation, stale baseline entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Baseline entries that matched no record; each makes the run fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_baseline: Vec<String>,
    /// A record a case and server, sorted by id, and of one id in the order of `targets`.
    pub records: Vec<Record>,
}

impl Run {
    /// How many records have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.records.iter().filter(|record| record.verdict == verdict).count()
    }

    /// The records that are not what the contract or the baseline says.
    pub fn unexpected(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| !record.expected)
    }

    /// The exit code: 130 interrupted, 4 nothing ran, 1 something unexpected, 3 could not judge,
    /// 0 all as expected.
    pub fn exit_code(&self) -> u8 {
        let unexpected = |record: &Record| {
            !record.expected && (record.verdict != Verdict::Error || record.flaky())
        };
        if self.interrupted {
            130
        } else if self.records.is_empty() {
            4
        } else if !self.stale_baseline.is_empty() || self.records.iter().any(unexpected) {
            1
        } else if self.unexpected().next().is_some() {
            3
        } else {
            0
        }
    }
}
