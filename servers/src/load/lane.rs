//! One thread of the load client, and its connections.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::schedule::{Schedule, Share};
use super::slot::{Listen, Progress, Slot};
use super::{Aim, Failure, MOST_REQUESTS, Tally};

/// The reports that one wait takes.
const MOST_EVENTS: usize = 256;
/// What epoll says of the timer; connections are numbered from 0.
const TIMER: u64 = u64::MAX;
/// The longest latency that is told apart from a longer one: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;
/// The names of workers that are counted; a server with a thread a connection has no end of them.
const MOST_WORKERS: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    aim: Aim,
    epoll: Epoll,
    /// Ticks when a request of an open loop is due.
    timer: TimerFd,
    slots: Vec<Slot>,
    /// The slots that are free.
    idle: Vec<usize>,
}

impl Lane {
    /// So many clients, none of which has a connection yet.
    pub(super) fn new(aim: Aim, slots: usize) -> io::Result<Lane> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let slots: Vec<_> = (0..slots.max(1)).map(|_| Slot::new()).collect();
        let idle = (0..slots.len()).rev().collect();
        Ok(Lane { aim, epoll, timer, slots, idle })
    }

    /// Sends requests for so long, and waits for replies for `drain` more.
    pub(super) fn run(
        &mut self,
        share: Option<Share>,
        time: Duration,
        drain: Duration,
    ) -> io::Result<Tally> {
        let start = Instant::now();
        let mut run = Run {
            end: start + time,
            schedule: share.map(|share| Schedule::new(share, start, time)),
            begun: 0,
            now: start,
            tally: Tally::default(),
        };
        if let Some(schedule) = &run.schedule {
            run.tally.latency = Some(histogram()?);
            self.arm(schedule)?;
        }
        let failure = self.work(&mut run, drain)?;
        self.timer.unset()?;
        let mut tally = run.tally;
        tally.time = run.end - start;
        self.give_up_rest(run.schedule, &mut tally);
        tally.failure = failure;
        tally.client_cpu = thread_cpu()?;
        Ok(tally)
    }

    /// Makes the timer tick at each moment of the schedule.
    fn arm(&self, schedule: &Schedule) -> io::Result<()> {
        let (first, interval) = schedule.grid();
        let first = first.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let grid = Expiration::IntervalDelayed(TimeSpec::from(first), TimeSpec::from(interval));
        Ok(self.timer.set(grid, TimerSetTimeFlags::empty())?)
    }

    /// The loop. Returns what ended it early.
    fn work(&mut self, run: &mut Run, drain: Duration) -> io::Result<Option<Failure>> {
        let mut events = [EpollEvent::empty(); MOST_EVENTS];
        let last = run.end + drain;
        loop {
            run.now = Instant::now();
            if let Err(failure) = self.begin(run) {
                return Ok(Some(failure));
            }
            let done = self.idle.len() == self.slots.len() && !run.has_more();
            if done || run.now >= last {
                return Ok(None);
            }
            let until = if run.now < run.end { run.end } else { last };
            let timeout = crate::stop::round_up(until - run.now);
            let count = match self.epoll.wait(&mut events, timeout) {
                Err(Errno::EINTR) => 0,
                count => count?,
            };
            run.now = Instant::now();
            for event in &events[..count] {
                if event.data() == TIMER {
                    // What is due is told by the schedule.
                    match self.timer.wait() {
                        Ok(()) | Err(Errno::EAGAIN) => continue,
                        Err(errno) => return Err(errno.into()),
                    }
                }
                let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
                let Some(slot) = self.slots.get_mut(number) else { continue };
                match slot.go_on(&self.aim, event.events(), run) {
                    Ok(Progress::Waits) => {}
                    Ok(Progress::Done) => {
                        run.tally.answered_in_all += 1;
                        run.tally.answered += u64::from(run.now <= run.end);
                        self.idle.push(number);
                    }
                    Err(failure) => return Ok(Some(failure)),
                }
            }
        }
    }

    /// Gives requests to clients that are free, as far as there are both.
    fn begin(&mut self, run: &mut Run) -> Result<(), Failure> {
        while let Some(number) = self.idle.last().copied()
            && let Some(intended) = run.next()
        {
            self.idle.pop();
            let opened =
                self.slots[number].begin(&self.aim, &self.epoll, number as u64, intended)?;
            run.tally.connections += u64::from(opened);
        }
        Ok(())
    }

    /// What was not answered by now is not waited for: it counts with the time that it took until
    /// now, as does a request that had its moment and found no client free.
    fn give_up_rest(&mut self, schedule: Option<Schedule>, tally: &mut Tally) {
        let now = Instant::now();
        let mut give_up = |intended: Instant| {
            tally.unanswered += 1;
            record(&mut tally.latency, now.saturating_duration_since(intended));
        };
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if !slot.is_idle() {
                give_up(slot.intended());
                slot.give_up();
                self.idle.push(number);
            }
        }
        if let Some(mut schedule) = schedule {
            while let Some(intended) = schedule.take(now) {
                give_up(intended);
            }
        }
    }
}

/// One run.
struct Run {
    end: Instant,
    schedule: Option<Schedule>,
    begun: u64,
    /// When the reports that are gone through now were taken.
    now: Instant,
    tally: Tally,
}

impl Run {
    /// Takes the next request, if its moment has come: in a closed loop until the end of the run,
    /// in an open one until all are sent.
    fn next(&mut self) -> Option<Instant> {
        match &mut self.schedule {
            Some(schedule) => schedule.take(self.now),
            None if self.now < self.end && self.begun < MOST_REQUESTS => {
                self.begun += 1;
                if self.begun == MOST_REQUESTS {
                    self.end = self.now;
                }
                Some(self.now)
            }
            None => None,
        }
    }

    /// Whether a request has its moment still to come, or was not sent at it.
    fn has_more(&self) -> bool {
        match &self.schedule {
            Some(schedule) => schedule.peek().is_some(),
            None => self.now < self.end,
        }
    }
}

impl Listen for Run {
    fn worker(&mut self, name: &[u8]) {
        let workers = &mut self.tally.by_worker;
        if let Some(count) = workers.get_mut(name) {
            *count += 1;
        } else if workers.len() < MOST_WORKERS {
            workers.insert(name.into(), 1);
        }
    }

    fn whole(&mut self, intended: Instant) {
        if self.schedule.is_some() {
            record(&mut self.tally.latency, intended.elapsed());
        }
    }
}

fn record(latency: &mut Option<Histogram<u64>>, time: Duration) {
    if let Some(latency) = latency {
        latency.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST).max(1));
    }
}

/// Three digits from a nanosecond to an hour.
fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_max(LONGEST, 3).map_err(io::Error::other)
}

/// What the calling thread has used of a CPU since it began.
fn thread_cpu() -> io::Result<Duration> {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    Ok(nix::time::clock_gettime(clock)?.into())
}
