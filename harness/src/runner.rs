//! Runs the selected cases side by side and gathers their records.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{Flock, FlockArg};

use crate::case::Case;
use crate::isolate::{HandOver, run_case};
use crate::judge::{Judge, merge};
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
    let stop = AtomicBool::new(false);
    let records = Mutex::new(Vec::new());
    for (cases, jobs) in [(together, plan.jobs.max(1)), (alone, 1)] {
        let queue = Mutex::new(VecDeque::from(cases));
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| work(plan, judge, watcher, &queue, &stop, &records));
            }
        });
    }
    let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
    records.sort_by(|a: &Record, b: &Record| a.id.cmp(&b.id));
    records
}

fn work(
    plan: &Plan,
    judge: &Judge,
    watcher: &dyn Watcher,
    queue: &Mutex<VecDeque<&'static Case>>,
    stop: &AtomicBool,
    records: &Mutex<Vec<Record>>,
) {
    while !stop.load(Ordering::Relaxed) {
        let next = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some(case) = next else { return };
        watcher.started(case);
        let record = run_repeatedly(plan, judge, watcher, case, stop);
        watcher.finished(case, record.as_ref());
        if let Some(record) = record {
            if !record.expected && (plan.fail_fast || plan.until_unexpected) {
                stop.store(true, Ordering::Relaxed);
            }
            records
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(record);
        }
    }
}

/// All trials of a case, merged. What was cancelled half-way has no record.
fn run_repeatedly(
    plan: &Plan,
    judge: &Judge,
    watcher: &dyn Watcher,
    case: &'static Case,
    stop: &AtomicBool,
) -> Option<Record> {
    let mut records = Vec::new();
    for done in 1..=plan.repeat.max(1) {
        let record = attempt(plan, judge, case)?;
        let end = !record.expected && plan.until_unexpected;
        // A thousand equal records are one record and a count: only the first evidence is kept.
        records.push(if records.is_empty() || !record.expected {
            record
        } else {
            without_evidence(record)
        });
        watcher.repeated(case, done);
        if end || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    merge(records)
}

fn without_evidence(mut record: Record) -> Record {
    record.evidence = crate::record::Evidence::default();
    record
}

/// One trial, and more of them for as long as the verdict is unexpected and attempts are left. A
/// failure of the suite is forgiven once an attempt succeeds; a deviation never is: both verdicts
/// stand in the record, which stays unexpected.
fn attempt(plan: &Plan, judge: &Judge, case: &'static Case) -> Option<Record> {
    let _turn = take_turn(case.alone);
    let mut records = Vec::new();
    for number in 1..=plan.attempts.max(1) {
        let hand_over = HandOver {
            timeout_scale: plan.timeout_scale,
            cancel: plan.cancel,
        };
        let mut record = judge.record(case, run_case(case, hand_over))?;
        if record.expected {
            if records
                .iter()
                .all(|earlier: &Record| earlier.verdict == Verdict::Error)
                && number > 1
            {
                record.note = format!("at attempt {number}, after errors of the suite");
                return Some(record);
            }
            records.push(record);
            break;
        }
        records.push(record);
    }
    merge(records)
}

/// A case that measures wants no other trial beside it, be it of this process or of another one
/// of the same program (nextest runs a process a test). The program's file is the lock.
pub(crate) fn take_turn(alone: bool) -> Option<Flock<File>> {
    let file = File::open(std::env::current_exe().ok()?).ok()?;
    let kind = if alone {
        FlockArg::LockExclusive
    } else {
        FlockArg::LockShared
    };
    Flock::lock(file, kind).ok()
}
