//! What a running case sees: checks, measurements, and the ways in which a trial may end.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::Location;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::record::{Check, Measure, Statistic, Verdict};
use crate::target::Target;
use crate::watch::Patience;

/// What a case, and every helper that can end one, returns.
pub type Result<T = ()> = std::result::Result<T, Stop>;

/// Why a trial ends before its last line. Any other error, taken in by `?`, is the suite's own.
#[derive(Debug)]
pub enum Stop {
    /// A check failed; it is in the evidence.
    Deviates,
    /// The system says itself that it lacks the behaviour.
    Unsupported(String),
    /// This system gives no way to see the behaviour.
    Unobservable(String),
    /// A need of the case is missing here.
    Skipped {
        /// What is missing.
        reason: String,
        /// The command that mends it; empty if none does.
        mend: String,
    },
    /// The suite failed.
    Error(String),
}

impl Stop {
    /// The suite's own failure, in words.
    pub fn error(message: impl Into<String>) -> Stop {
        Stop::Error(message.into())
    }

    /// `Unsupported` if `error` is one of `errnos`, else the suite's own failure.
    pub fn unsupported_if(error: Errno, errnos: &[Errno], what: &str) -> Stop {
        if errnos.contains(&error) {
            Stop::Unsupported(format!("{what}: {}", error.desc()))
        } else {
            Stop::Error(format!("{what}: {}", error.desc()))
        }
    }
}

impl<E: std::error::Error + 'static> From<E> for Stop {
    #[track_caller]
    fn from(error: E) -> Stop {
        if is_for_lack_of_proc(&error) {
            return Stop::Unobservable("there is no /proc to look into".to_owned());
        }
        let at = Location::caller();
        Stop::Error(format!("{error} (at {}:{})", at.file(), at.line()))
    }
}

/// Whether a file was not found on a system without `/proc`: files of cases lie nowhere else.
fn is_for_lack_of_proc(error: &(dyn std::error::Error + 'static)) -> bool {
    let not_found = match (error.downcast_ref::<std::io::Error>(), error.downcast_ref::<Errno>()) {
        (Some(error), _) => error.kind() == std::io::ErrorKind::NotFound,
        (_, Some(error)) => *error == Errno::ENOENT,
        _ => false,
    };
    not_found && !std::path::Path::new("/proc/self").exists()
}

/// What `check!` saw; see the fields of [`Check`].
#[derive(Debug)]
#[doc(hidden)]
pub struct Seen {
    pub expression: &'static str,
    pub expected: String,
    pub observed: Option<String>,
    pub sentence: String,
    pub file: &'static str,
    pub line: u32,
}

/// What a trial tells the process above it, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Message {
    /// A check was made.
    Check(Check),
    /// Something was measured.
    Measure(Measure),
    /// A statistical test was made.
    Statistic(Statistic),
    /// Sleeping threads were recognised in this way.
    Settled(String),
    /// The trial ended by itself.
    End {
        /// How.
        verdict: Verdict,
        /// Why, if not `conforms`.
        reason: String,
        /// The command that mends a skip.
        mend: String,
    },
}

/// A running case.
#[derive(Debug)]
pub struct Trial {
    out: OwnedFd,
    limit: Duration,
    in_haste: bool,
    deadline: Instant,
    last: Option<Check>,
    settled: &'static str,
    target: Option<Target>,
    folder: PathBuf,
    folder_made: Cell<bool>,
}

impl Trial {
    /// A trial that reports to `out` and will be killed after `limit`; if it is `in_haste`, it gives up
    /// soon where it waits for what must become true. What is at `folder` is removed after it.
    pub(crate) fn new(
        out: OwnedFd,
        limit: Duration,
        in_haste: bool,
        target: Option<Target>,
        folder: PathBuf,
    ) -> Trial {
        let deadline = Instant::now() + limit;
        Trial {
            out,
            limit,
            in_haste,
            deadline,
            last: None,
            settled: "",
            target,
            folder,
            folder_made: Cell::new(false),
        }
    }

    /// The server that the trial is about.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// A folder of the trial's own, made when it is first asked for and removed after the trial.
    pub fn folder(&self) -> Result<PathBuf> {
        // What lies there already is somebody else's.
        if !self.folder_made.get() {
            std::fs::DirBuilder::new().mode(0o700).create(&self.folder)?;
            self.folder_made.set(true);
        }
        Ok(self.folder.clone())
    }

    /// Used by `check!`: records what was seen; a check that does not hold ends the trial.
    #[doc(hidden)]
    pub fn check(&mut self, holds: bool, seen: Seen) -> Result {
        let check = Check {
            holds,
            sentence: seen.sentence,
            expression: seen.expression.to_owned(),
            expected: seen.expected,
            observed: seen.observed.unwrap_or_else(|| holds.to_string()),
            file: seen.file.to_owned(),
            line: seen.line,
        };
        if self.last.as_ref() != Some(&check) {
            self.last = Some(check.clone());
            self.tell(&Message::Check(check))?;
        }
        if holds { Ok(()) } else { Err(Stop::Deviates) }
    }

    /// Adds a measured number to the evidence: `t.measure("wakeups per connection", 1.0)`.
    pub fn measure(&mut self, name: &str, value: f64) -> Result {
        self.tell(&Message::Measure(Measure { name: name.to_owned(), value }))
    }

    /// Adds a statistical test to the evidence and says whether its claim stands.
    pub fn stands(&mut self, statistic: Statistic) -> Result<bool> {
        let stands = statistic.p >= statistic.alpha;
        self.tell(&Message::Statistic(statistic))?;
        Ok(stands)
    }

    /// Adds to the evidence how sleeping threads were recognised.
    pub(crate) fn settled(&mut self, how: &'static str) -> Result {
        if self.settled != how {
            self.settled = how;
            self.tell(&Message::Settled(how.to_owned()))?;
        }
        Ok(())
    }

    /// Spins, giving way to others, until `condition` holds; false if it never does. For the
    /// outcome of a `check!`.
    ///
    /// "Never" is a sixth of the trial's time, at most half of what is left, and at least a second of
    /// this thread's own turns: a stall of the whole machine does not count (see
    /// [`crate::watch::Patience`]), and a trial without so much time ends as hung before it accuses
    /// anybody. In haste, on a mutant, it is a tenth of a second.
    pub fn eventually(&self, mut condition: impl FnMut() -> Result<bool>) -> Result<bool> {
        let mut patience = self.patience();
        while patience.lasts() {
            if condition()? {
                return Ok(true);
            }
            nix::sched::sched_yield()?;
        }
        condition()
    }

    /// How long this trial waits for what must become true.
    pub(crate) fn patience(&self) -> Patience {
        if self.in_haste {
            return Patience::new(Duration::from_millis(100));
        }
        Patience::new((self.limit / 6).min(self.time_left() / 2).max(Duration::from_secs(1)))
    }

    /// How long the trial may still run.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Ends the trial's report.
    pub(crate) fn end(&mut self, result: Result) -> Result {
        if crate::watch::rested() {
            self.settled(crate::watch::Sight::Quiet.word())?;
        }
        let (verdict, reason, mend) = match result {
            Ok(()) if self.last.is_none() => {
                (Verdict::Error, "the case made no check".to_owned(), String::new())
            }
            Ok(()) => (Verdict::Conforms, String::new(), String::new()),
            Err(Stop::Deviates) => {
                let reason = self.last.as_ref().map(|check| check.sentence.clone());
                (Verdict::Deviates, reason.unwrap_or_default(), String::new())
            }
            Err(Stop::Unsupported(reason)) => (Verdict::Unsupported, reason, String::new()),
            Err(Stop::Unobservable(reason)) => (Verdict::Unobservable, reason, String::new()),
            Err(Stop::Skipped { reason, mend }) => (Verdict::Skipped, reason, mend),
            Err(Stop::Error(reason)) => (Verdict::Error, reason, String::new()),
        };
        self.tell(&Message::End { verdict, reason, mend })
    }

    fn tell(&self, message: &Message) -> Result {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut rest = &line[..];
        while !rest.is_empty() {
            match nix::unistd::write(&self.out, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
