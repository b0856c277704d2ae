//! Runs the selected cases side by side and gathers their records.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::case::Case;
use crate::isolate::{Terms, Wardens, probe_tracer};
use crate::judge::{Judge, Tally};
use crate::power::{Reasons, reason_for};
use crate::record::{Record, Verdict};
use crate::target::Target;
use crate::trace::Tracing;

/// What to run, and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What is to be tried.
    pub items: Vec<Item<'a>>,
    /// The case that a server must pass before any other is tried on it.
    pub gate: Option<&'static Case>,
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
    /// Whether every trial is traced. If not, a case that deviates unexpectedly gets one more trial,
    /// which is, where that is possible.
    pub trace: bool,
    /// The cases that are not: they would end otherwise.
    pub untraceable: &'a Reasons,
    /// What the trials run under.
    pub wardens: &'a Wardens,
    /// Becomes readable, and stays so, when the run is cancelled.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// A case, and the server that it is tried on if it is about one.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The case.
    pub case: &'static Case,
    /// The server.
    pub target: Option<&'a Target>,
}

impl Item<'_> {
    /// What people call it: the id, behind the name of the server.
    pub fn name(&self) -> String {
        match self.target {
            Some(target) => format!("{}/{}", target.name, self.case.id),
            None => self.case.id.to_owned(),
        }
    }
}

/// Is told how a run goes on, from several threads at once.
pub trait Watcher: Sync {
    /// A trial of a case begins.
    fn started(&self, item: Item);
    /// A trial of a case is through, or was cancelled. Told with the record of all of its trials
    /// so far, if there is one, and whether this was the last.
    fn finished(&self, item: Item, record: Option<&Record>, last: bool);
}

/// Runs the plan, in rounds: every case once before any is repeated. The records are sorted by id
/// and by the order of the servers; there are fewer than the plan has items if it was cancelled or
/// ended early. With a gate, that is tried on every server first. A server that does not pass it
/// is told once what it lacks: the other items are blocked.
pub fn run(plan: &Plan, judge: &Judge, watcher: &dyn Watcher) -> Done {
    let (stop, can_trace) = (AtomicBool::new(false), OnceLock::new());
    let running = Running { plan, judge, watcher, stop, can_trace };
    let mut done = Done { records: Vec::new(), complete: true };
    let mut items = plan.items.clone();
    if let Some(gate) = plan.gate {
        running.run_all(plan.gates(gate), &mut done);
        let open = |item: &Item| {
            let of_it = |record: &&Record| item.target.map(|t| &t.name) == record.target.as_ref();
            done.records.iter().find(of_it).is_some_and(|gate| gate.verdict == Verdict::Conforms)
        };
        let (open, blocked): (Vec<_>, Vec<_>) =
            items.into_iter().filter(|item| item.case.id != gate.id).partition(open);
        items = open;
        for item in blocked.into_iter().take_while(|_| done.complete) {
            let name = item.target.map_or("", |target| &target.name);
            let record = Judge::blocked(item.case, name, gate.id);
            watcher.finished(item, Some(&record), true);
            done.records.push(record);
        }
    }
    running.run_all(items, &mut done);
    let place = |record: &Record| {
        let names = |item: &Item| item.target.map(|target| &target.name) == record.target.as_ref();
        plan.items.iter().position(names)
    };
    done.records.sort_by_cached_key(|record| (record.id.clone(), place(record)));
    done
}

impl<'a> Plan<'a> {
    /// The gate, once for each server.
    fn gates(&self, gate: &'static Case) -> Vec<Item<'a>> {
        let mut gates: Vec<Item> = Vec::new();
        for item in &self.items {
            let named = |gate: &Item| gate.target.map(|t| &t.name) == item.target.map(|t| &t.name);
            if !gates.iter().any(named) {
                gates.push(Item { case: gate, ..*item });
            }
        }
        gates
    }
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
struct Work<'a> {
    item: Item<'a>,
    rounds: u32,
    tally: Tally,
    /// Whether a trial was made for the sake of its timeline.
    shown: bool,
}

impl<'a> Work<'a> {
    fn new(item: Item<'a>) -> Work<'a> {
        Work { item, rounds: 0, tally: Tally::default(), shown: false }
    }
}

/// A plan on its way.
struct Running<'a> {
    plan: &'a Plan<'a>,
    judge: &'a Judge,
    watcher: &'a dyn Watcher,
    stop: AtomicBool,
    /// Whether trials can be traced here, once somebody has asked.
    can_trace: OnceLock<bool>,
}

impl<'a> Running<'a> {
    /// Runs items side by side, and then those that must be alone.
    fn run_all(&self, items: Vec<Item<'a>>, done: &mut Done) {
        let count = items.len();
        let (alone, together): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.case.alone);
        let before = done.records.len();
        for (items, jobs) in [(together, self.plan.jobs.max(1)), (alone, 1)] {
            let queue = Mutex::new(items.into_iter().map(Work::new).collect::<VecDeque<_>>());
            let finished = Mutex::new(Vec::new());
            std::thread::scope(|scope| {
                for _ in 0..jobs {
                    scope.spawn(|| self.work(&queue, &finished));
                }
            });
            let finished = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
            let left = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
            done.complete &= left.is_empty();
            done.records
                .extend(finished.into_iter().chain(left).filter_map(|work| work.tally.record()));
        }
        done.complete &= done.records.len() == before + count;
    }

    /// Takes cases from the head of the queue and puts those that are to be repeated at its end.
    fn work(&self, queue: &Mutex<VecDeque<Work<'a>>>, finished: &Mutex<Vec<Work<'a>>>) {
        let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stop.load(Ordering::Relaxed) {
            let next = lock().pop_front();
            let Some(mut work) = next else { return };
            self.watcher.started(work.item);
            let mut record = self.attempt(work.item);
            if let Some(record) = record.as_mut().filter(|_| !work.shown) {
                work.shown = self.show(work.item, record);
            }
            let cancelled = record.is_none();
            let unexpected = record.as_ref().is_some_and(|record| !record.expected);
            if let Some(record) = record {
                work.tally.add(record);
                work.rounds += 1;
            }
            let last = work.rounds >= self.plan.repeat.max(1);
            let stop =
                cancelled || unexpected && (self.plan.fail_fast || self.plan.until_unexpected);
            self.watcher.finished(work.item, work.tally.so_far(), last || stop);
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
    fn attempt(&self, item: Item) -> Option<Record> {
        let untraceable =
            if self.plan.trace { reason_for(self.plan.untraceable, item.case) } else { None };
        let tracing = (self.plan.trace && untraceable.is_none()).then_some(&Tracing::Record);
        let mut tally = Tally::default();
        for number in 1..=self.plan.attempts.max(1) {
            let Some(mut record) = self.trial(item, tracing) else { break };
            if let Some(reason) = untraceable {
                record.remark(&format!("not traced: {reason}"));
            }
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

    /// One trial. Nothing if it was cancelled.
    fn trial(&self, Item { case, target }: Item, tracing: Option<&Tracing>) -> Option<Record> {
        let terms = Terms {
            timeout_scale: self.plan.timeout_scale,
            target,
            cancel: self.plan.cancel,
            tracing,
            ..Terms::default()
        };
        let outcome = self.plan.wardens.run(case, terms);
        self.judge.record(case, target.map(|target| &*target.name), outcome)
    }

    /// Gives the record of an unexpected deviation a timeline, that of one more trial, if that
    /// deviates too. Its verdict stays. Returns whether there was such a trial.
    fn show(&self, item: Item, record: &mut Record) -> bool {
        let wanted = record.verdict == Verdict::Deviates && !record.expected;
        let possible = || {
            let can = || *self.can_trace.get_or_init(|| probe_tracer().is_ok());
            reason_for(self.plan.untraceable, item.case).is_none() && can()
        };
        if self.plan.trace || !wanted || !possible() {
            return false;
        }
        let again = self.trial(item, Some(&Tracing::Record));
        if let Some(again) = again.filter(|again| again.verdict == Verdict::Deviates) {
            record.evidence.timeline = again.evidence.timeline;
            record.evidence.timeline_is_of_another = true;
        }
        true
    }
}
