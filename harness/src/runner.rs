//! Runs the selected cases side by side and gathers their records.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

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
    /// End the run at the first unexpected verdict, whatever is still to be repeated.
    pub until_unexpected: bool,
    /// End the run at the first unexpected verdict.
    pub fail_fast: bool,
    /// Every deadline is multiplied by this.
    pub timeout_scale: f64,
    /// What the trials run under.
    pub wardens: &'a Wardens,
    /// Becomes readable, and stays so, when the run is cancelled.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// Is told how a run goes on, from several threads at once.
pub trait Watcher: Sync {
    /// A trial of a case begins.
    fn started(&self, case: &'static Case);
    /// A trial of a case is through, or was cancelled. Told with the record of all of its trials
    /// so far, if there is one, and whether this was the last.
    fn finished(&self, case: &'static Case, record: Option<&Record>, last: bool);
}

/// Runs the plan, in rounds: every case once before any is repeated. The records are sorted by
/// id; fewer than the plan has cases if it was cancelled or ended early.
pub fn run(plan: &Plan, judge: &Judge, watcher: &dyn Watcher) -> Done {
    let (alone, together): (Vec<_>, Vec<_>) =
        plan.cases.iter().copied().partition(|case| case.alone);
    let running = Running { plan, judge, watcher, stop: AtomicBool::new(false) };
    let mut done = Done { records: Vec::new(), complete: true };
    for (cases, jobs) in [(together, plan.jobs.max(1)), (alone, 1)] {
        let queue = Mutex::new(cases.into_iter().map(Work::new).collect::<VecDeque<_>>());
        let finished = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| running.work(&queue, &finished));
            }
        });
        let finished = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        let left = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.complete &= left.is_empty();
        done.records
            .extend(finished.into_iter().chain(left).filter_map(|work| work.tally.record()));
    }
    done.complete &= done.records.len() == plan.cases.len();
    done.records.sort_by(|a, b| a.id.cmp(&b.id));
    done
}

/// What a run came to.
#[derive(Debug)]
pub struct Done {
    /// A record for each case that had a trial.
    pub records: Vec<Record>,
    /// Whether every case had all of its trials.
    pub complete: bool,
}

/// A case on its way through its trials.
struct Work {
    case: &'static Case,
    rounds: u32,
    tally: Tally,
}

impl Work {
    fn new(case: &'static Case) -> Work {
        Work { case, rounds: 0, tally: Tally::default() }
    }
}

/// A plan on its way.
struct Running<'a> {
    plan: &'a Plan<'a>,
    judge: &'a Judge,
    watcher: &'a dyn Watcher,
    stop: AtomicBool,
}

impl Running<'_> {
    /// Takes cases from the head of the queue and puts those that are to be repeated at its end.
    fn work(&self, queue: &Mutex<VecDeque<Work>>, finished: &Mutex<Vec<Work>>) {
        let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stop.load(Ordering::Relaxed) {
            let next = lock().pop_front();
            let Some(mut work) = next else { return };
            self.watcher.started(work.case);
            let record = self.attempt(work.case);
            let cancelled = record.is_none();
            let unexpected = record.as_ref().is_some_and(|record| !record.expected);
            if let Some(record) = record {
                work.tally.add(record);
                work.rounds += 1;
            }
            let last = work.rounds >= self.plan.repeat.max(1);
            let stop =
                cancelled || unexpected && (self.plan.fail_fast || self.plan.until_unexpected);
            self.watcher.finished(work.case, work.tally.so_far(), last || stop);
            if stop {
                self.stop.store(true, Ordering::Relaxed);
            }
            if last {
                finished.lock().unwrap_or_else(PoisonError::into_inner).push(work);
            } else {
                lock().push_back(work);
            }
        }
    }

    /// One trial, and more of them for as long as the verdict is unexpected and attempts are
    /// left. A failure of the suite is forgiven once an attempt succeeds; a deviation never is:
    /// both verdicts stand in the record, which stays unexpected. Nothing if it was cancelled.
    fn attempt(&self, case: &'static Case) -> Option<Record> {
        let terms = Terms { timeout_scale: self.plan.timeout_scale, cancel: self.plan.cancel };
        let mut tally = Tally::default();
        for number in 1..=self.plan.attempts.max(1) {
            let outcome = self.plan.wardens.run(case, terms);
            let Some(mut record) = self.judge.record(case, outcome) else { break };
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
