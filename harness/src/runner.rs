//! Runs the selected cases side by side and gathers their records.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{Flock, FlockArg};

use crate::case::Case;
use crate::isolate::{Terms, Wardens};
use crate::judge::{Judge, Tally};
use crate::record::{Record, Verdict};

/// What to run, and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The cases.
    pub cases: Vec<&'static Case>,
    /// How many trials may run side by side.
    pub jobs: usize,
    /// How often a case is tried until it is as expected.
    pub attempts: u32,
    /// How often each case is run.
    pub repeat: u32,
    /// End the repetition of a case at its first unexpected verdict, and the run with it.
    pub until_unexpected: bool,
    /// End the run at the first unexpected verdict.
    pub fail_fast: bool,
    /// Every deadline is multiplied by this.
    pub timeout_scale: f64,
    /// Becomes readable, and stays so, when the run is cancelled.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// Is told how a run goes on, from several threads at once.
pub trait Watcher: Sync {
    /// A case begins.
    fn started(&self, case: &'static Case);
    /// A case of which one trial is through goes on with the next: `done` of `repeat`.
    fn repeated(&self, case: &'static Case, done: u32);
    /// A case is through, or was cancelled.
    fn finished(&self, case: &'static Case, record: Option<&Record>);
}

/// Runs the plan; the records are sorted by id. Fewer than the plan has cases if it was cancelled
/// or ended early.
pub fn run(plan: &Plan, judge: &Judge, watcher: &dyn Watcher) -> Vec<Record> {
    let (alone, together): (Vec<_>, Vec<_>) =
        plan.cases.iter().copied().partition(|case| case.alone);
    let running =
        Running { plan, judge, watcher, wardens: Wardens::new(), stop: AtomicBool::new(false) };
    let records = Mutex::new(Vec::new());
    for (cases, jobs) in [(together, plan.jobs.max(1)), (alone, 1)] {
        let queue = Mutex::new(VecDeque::from(cases));
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(case) = next().filter(|_| !running.stopped()) {
                        let record = running.case(case);
                        records.lock().unwrap_or_else(PoisonError::into_inner).extend(record);
                    }
                });
            }
        });
    }
    let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
    records.sort_by(|a: &Record, b: &Record| a.id.cmp(&b.id));
    records
}

/// A plan on its way.
struct Running<'a> {
    plan: &'a Plan<'a>,
    judge: &'a Judge,
    watcher: &'a dyn Watcher,
    wardens: Wardens,
    stop: AtomicBool,
}

impl Running<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Runs a case as often as the plan says. What was cancelled half-way has no record.
    fn case(&self, case: &'static Case) -> Option<Record> {
        self.watcher.started(case);
        let record = self.repeat(case);
        self.watcher.finished(case, record.as_ref());
        let unexpected = record.as_ref().is_some_and(|record| !record.expected);
        if unexpected && (self.plan.fail_fast || self.plan.until_unexpected) {
            self.stop.store(true, Ordering::Relaxed);
        }
        record
    }

    fn repeat(&self, case: &'static Case) -> Option<Record> {
        let mut tally = Tally::default();
        for done in 1..=self.plan.repeat.max(1) {
            let record = self.attempt(case)?;
            let end = !record.expected && self.plan.until_unexpected;
            tally.add(record);
            self.watcher.repeated(case, done);
            if end || self.stopped() {
                break;
            }
        }
        tally.record()
    }

    /// One trial, and more of them for as long as the verdict is unexpected and attempts are
    /// left. A failure of the suite is forgiven once an attempt succeeds; a deviation never is:
    /// both verdicts stand in the record, which stays unexpected.
    fn attempt(&self, case: &'static Case) -> Option<Record> {
        let _turn = take_turn(case.alone);
        let terms = Terms { timeout_scale: self.plan.timeout_scale, cancel: self.plan.cancel };
        let mut tally = Tally::default();
        for number in 1..=self.plan.attempts.max(1) {
            let mut record = self.judge.record(case, self.wardens.run(case, terms))?;
            if record.expected && number > 1 && tally.only(Verdict::Error) {
                record.note = format!("at attempt {number}, after errors of the suite");
                return Some(record);
            }
            let end = record.expected;
            tally.add(record);
            if end {
                break;
            }
        }
        tally.record()
    }
}

/// A case that measures wants no other trial beside it, be it of this process or of another one
/// of the same program (nextest runs a process a test). The program's file is the lock.
pub(crate) fn take_turn(alone: bool) -> Option<Flock<File>> {
    let file = File::open(std::env::current_exe().ok()?).ok()?;
    let kind = if alone { FlockArg::LockExclusive } else { FlockArg::LockShared };
    Flock::lock(file, kind).ok()
}
