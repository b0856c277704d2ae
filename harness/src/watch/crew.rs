//! A crew of threads or processes that wait for the same thing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use nix::unistd::Pid;

use super::{Call, Sight, State, Task, asleep_in, quiet, wakeups_hidden};
use crate::sys::{process, shared};
use crate::trial::{Result, Stop, Trial};

/// The most items that a crew may take in one trial; each is logged with its taker.
const LOG: usize = 4096;

/// Counters that threads and processes of a crew share: two for each worker, then the log of who
/// took the items, in order.
#[derive(Debug, Clone, Copy)]
struct Board {
    cells: &'static [AtomicU64],
    workers: usize,
}

impl Board {
    fn new(workers: usize) -> Result<Board> {
        Ok(Board { cells: shared::counters(2 * workers + 1 + LOG)?, workers })
    }

    fn returned(&self, worker: usize) -> &AtomicU64 {
        &self.cells[2 * worker]
    }

    fn took(&self, worker: usize) -> &AtomicU64 {
        &self.cells[2 * worker + 1]
    }

    fn log(&self) -> (&AtomicU64, &[AtomicU64]) {
        (&self.cells[2 * self.workers], &self.cells[2 * self.workers + 1..])
    }
}

/// A member of a crew, as its own code sees itself.
#[derive(Debug, Clone, Copy)]
pub struct Worker {
    /// Its number, from zero, in the order in which the crew went to sleep.
    pub index: usize,
    board: Board,
}

impl Worker {
    /// Counts a return of the call in which it waits.
    pub fn returned(&self) {
        self.board.returned(self.index).fetch_add(1, Ordering::SeqCst);
    }

    /// Counts an item that it got, and logs that it was the one.
    pub fn took(&self) {
        let (length, entries) = self.board.log();
        let at = usize::try_from(length.fetch_add(1, Ordering::SeqCst)).unwrap_or(LOG);
        if let Some(entry) = entries.get(at) {
            entry.store(self.index as u64 + 1, Ordering::SeqCst);
        }
        self.board.took(self.index).fetch_add(1, Ordering::SeqCst);
    }
}

/// What a crew did up to a moment, a number for each worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// How often each was woken: voluntary context switches.
    pub wakeups: Vec<u64>,
    /// How often the call in which each waits came back.
    pub returned: Vec<u64>,
    /// How many items each got.
    pub took: Vec<u64>,
}

impl Counts {
    /// What was done since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Counts) -> Counts {
        let minus = |now: &[u64], then: &[u64]| {
            now.iter().zip(then).map(|(now, then)| now - then).collect()
        };
        Counts {
            wakeups: minus(&self.wakeups, &earlier.wakeups),
            returned: minus(&self.returned, &earlier.returned),
            took: minus(&self.took, &earlier.took),
        }
    }

    /// The workers that were woken at least once.
    pub fn woken(&self) -> Vec<usize> {
        self.wakeups
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(worker, _)| worker)
            .collect()
    }
}

/// Threads or processes that all do the same work. They are ended with the trial.
#[derive(Debug)]
pub struct Crew {
    members: Vec<Task>,
    call: Call,
    board: Board,
    failure: Arc<Mutex<Option<String>>>,
}

impl Trial {
    /// Starts `count` threads that run `work` for ever, each after the one before it is asleep in
    /// `call`: they wait in the order of their numbers.
    pub fn threads(
        &mut self,
        count: usize,
        call: Call,
        work: impl Fn(Worker) -> Result + Send + Sync + 'static,
    ) -> Result<Crew> {
        let mut crew = Crew::new(call, count)?;
        let work = Arc::new(work);
        for index in 0..count {
            let (work, failure) = (work.clone(), crew.failure.clone());
            let worker = Worker { index, board: crew.board };
            let (tell, told) = mpsc::sync_channel(1);
            std::thread::Builder::new().name(format!("worker {index}")).spawn(move || {
                let _ = tell.send(nix::unistd::gettid());
                let end = work(worker);
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(format!("worker {index} ended: {end:?}"));
            })?;
            crew.members.push(Task::of_thread(told.recv()?));
            crew.settle(self)?;
        }
        Ok(crew)
    }

    /// The same with processes, forked from this one.
    pub fn processes(
        &mut self,
        count: usize,
        call: Call,
        work: impl Fn(Worker) -> Result,
    ) -> Result<Crew> {
        let mut crew = Crew::new(call, count)?;
        for index in 0..count {
            let worker = Worker { index, board: crew.board };
            let pid: Pid = process::fork_bound(|| {
                let end = work(worker);
                eprintln!("worker {index} ended: {end:?}");
                1
            })?;
            crew.members.push(Task::of_process(pid));
            crew.settle(self)?;
        }
        Ok(crew)
    }
}

impl Crew {
    fn new(call: Call, count: usize) -> Result<Crew> {
        Ok(Crew { members: Vec::new(), call, board: Board::new(count)?, failure: Arc::default() })
    }

    /// Returns when every member is provably asleep in the crew's call: the next thing that wakes
    /// one is the next thing that the case does.
    pub fn settle(&self, t: &mut Trial) -> Result {
        let sight = Sight::here();
        t.settled(sight.word())?;
        let asleep = t.eventually(|| self.all_asleep(sight))?;
        if asleep {
            Ok(())
        } else {
            Err(Stop::Error(format!(
                "the crew did not come to rest in {}: {}",
                self.call.name,
                self.describe()
            )))
        }
    }

    /// Whether every member sleeps, and none did anything while that was found out.
    fn all_asleep(&self, sight: Sight) -> Result<bool> {
        self.all_at_work()?;
        let before = self.switches()?;
        let asleep = |member| match sight {
            Sight::Syscall => asleep_in(member, self.call),
            Sight::Quiet => Ok(!member.runs()),
        };
        if sight == Sight::Quiet {
            quiet::rest()?;
        }
        for member in &self.members {
            if !asleep(member)? {
                return Ok(false);
            }
        }
        Ok(self.switches()? == before)
    }

    /// Ends the trial if the work of a thread came to an end.
    fn all_at_work(&self) -> Result {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(Stop::Error(failure.clone())),
            None => Ok(()),
        }
    }

    fn switches(&self) -> Result<Vec<Option<u64>>> {
        Ok(self.members.iter().map(Task::voluntary_switches).collect::<std::io::Result<_>>()?)
    }

    fn describe(&self) -> String {
        let one = |(index, member): (usize, &Task)| match (member.state(), member.syscall()) {
            (Ok(state), Ok(call)) => format!("worker {index} is {state} in system call {call:?}"),
            _ => format!("worker {index} is gone"),
        };
        self.members.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }

    /// What the crew did so far.
    pub fn counts(&self) -> Result<Counts> {
        let wakeups =
            self.switches()?.into_iter().collect::<Option<Vec<_>>>().ok_or_else(wakeups_hidden)?;
        let read = |cell: fn(&Board, usize) -> &AtomicU64| {
            (0..self.board.workers)
                .map(|worker| cell(&self.board, worker).load(Ordering::SeqCst))
                .collect()
        };
        Ok(Counts { wakeups, returned: read(Board::returned), took: read(Board::took) })
    }

    /// How many items the crew has taken and logged.
    pub fn taken(&self) -> u64 {
        self.takers().len() as u64
    }

    /// Whether the crew comes to have taken `items` items in all, counted from its start, for a
    /// `check!`. The suite's own failure if it does not because a worker ended.
    pub fn wait_for(&self, t: &Trial, items: u64) -> Result<bool> {
        let taken = t.eventually(|| {
            self.all_at_work()?;
            Ok(self.taken() >= items)
        })?;
        let gone = |member: &Task| member.state().map_or(true, |state| state == State('Z'));
        if !taken && self.members.iter().any(gone) {
            return Err(Stop::Error(format!("a worker ended: {}", self.describe())));
        }
        Ok(taken)
    }

    /// Who took the items, in order.
    pub fn takers(&self) -> Vec<usize> {
        let (_, entries) = self.board.log();
        let workers = entries
            .iter()
            .map(|entry| entry.load(Ordering::SeqCst))
            .take_while(|worker| *worker > 0);
        workers.filter_map(|worker| usize::try_from(worker - 1).ok()).collect()
    }

    /// The members, in the order of their numbers.
    pub fn members(&self) -> &[Task] {
        &self.members
    }
}
