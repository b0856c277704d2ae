//! Who is told when several wait, and when instances watch instances: the families of the kernel's own
//! `epoll_wakeup_test`, each from one table. An instance is a descriptor that can be watched by poll and
//! by another instance, so one event may have many to tell; whether they all are, and how often, is a
//! matter of the trigger mode at each step of the way.
//!
//! The families, by the numbers of the test (`tools/testing/selftests/filesystems/epoll`):
//!
//! | tests | case |
//! |---|---|
//! | 1-4 | `flat.a_wait_repeats_levels_only` |
//! | 5-8 | `flat.poll_of_an_instance_repeats_levels_only` |
//! | 9-12, 64 | `flat.two_threads_in_epoll_wait` |
//! | 13-16 | `flat.one_in_epoll_wait_and_one_in_poll` |
//! | 17-20 | `nested.the_outer_mode_decides` |
//! | 21-24 | `nested.poll_follows_the_outer_mode` |
//! | 25-28 | `nested.two_threads_outside` |
//! | 29-32 | `nested.poll_and_epoll_wait_outside` |
//! | 33-48 | `nested.one_thread_inside_and_one_outside` |
//! | 49-52 | `nested.over_two_instances` |
//! | 53-58 | `nested.two_events_for_two_threads` |
//! | 59 | `races.a_modification_is_never_missed` |
//! | 60 | `races.no_event_of_many_is_lost` |
//! | 61 | `races.a_timeout_loses_no_event` |
//! | 65 | `races.a_wait_without_time_misses_nothing` |
//! | 66 | `epoll.edge.every_write_to_a_pipe` |

mod flat;
mod nested;
mod races;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::prelude::*;

const LEVEL: EpollFlags = EPOLLIN;
const EDGE: EpollFlags = EPOLLIN.union(EPOLLET);

/// How somebody waits for reports of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// In `epoll_wait`.
    Wait,
    /// In poll of the instance's descriptor; what it is told of, it then takes by `epoll_wait`.
    Poll,
}

impl How {
    const BOTH: [How; 2] = [How::Wait, How::Poll];

    fn call(self) -> Call {
        match self {
            How::Wait => Call::EPOLL_WAIT,
            How::Poll => Call::POLL,
        }
    }

    /// Waits until it has got one report.
    fn get_one(self, epoll: &Epoll) -> Result {
        match self {
            How::Wait => epoll.wait_one().map(drop)?,
            How::Poll => loop {
                poll_wait(epoll, POLLIN)?;
                if epoll.wait(1, 0)?.len() == 1 {
                    break;
                }
            },
        }
        Ok(())
    }

    /// How many reports there are at this moment, asked for so many times.
    fn ask<const TIMES: usize>(self, epoll: &Epoll) -> Result<[usize; TIMES]> {
        let mut reports = [0; TIMES];
        for count in &mut reports {
            *count = self.reports_now(epoll)?;
        }
        Ok(reports)
    }

    /// How many reports there are at this moment. Poll tells only whether there are any, and those
    /// that it is told of are taken.
    fn reports_now(self, epoll: &Epoll) -> Result<usize> {
        match self {
            How::Poll if poll_now(epoll, POLLIN)? != POLLIN => Ok(0),
            How::Poll | How::Wait => Ok(epoll.wait(2, 0)?.len()),
        }
    }
}

/// Stream sockets, and their peers, through which data comes.
struct Sockets {
    watched: Vec<UnixStream>,
    peers: Vec<UnixStream>,
}

impl Sockets {
    fn new(count: usize) -> Result<Sockets> {
        let pairs = (0..count).map(|_| UnixStream::pair()).collect::<std::io::Result<Vec<_>>>()?;
        let (watched, peers) = pairs.into_iter().unzip();
        Ok(Sockets { watched, peers })
    }

    /// Data comes to each of them.
    fn feed(&self) -> Result {
        for mut peer in &self.peers {
            peer.write_all(b"w")?;
        }
        Ok(())
    }
}

/// Threads that each wait for one report.
struct Waiters {
    jobs: Vec<(How, Job<()>)>,
    got: Vec<Arc<AtomicUsize>>,
    /// How many were asleep before anything came.
    asleep: usize,
}

impl Waiters {
    /// Starts them, each after the one before is provably asleep.
    fn asleep(t: &mut Trial, whom: &[(How, &Arc<Epoll>)]) -> Result<Waiters> {
        let (mut jobs, mut got, mut asleep) = (Vec::new(), Vec::new(), 0);
        for (how, epoll) in whom {
            let (how, epoll, count) = (*how, Arc::clone(epoll), Arc::new(AtomicUsize::new(0)));
            got.push(count.clone());
            let job = t.spawn("waiter", move || {
                how.get_one(&epoll)?;
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })?;
            asleep += usize::from(job.sleeps_in(t, how.call())?);
            jobs.push((how, job));
        }
        Ok(Waiters { jobs, got, asleep })
    }

    /// The reports that each of them got, when all that are left sleep again.
    fn reports(&self, t: &mut Trial) -> Result<Vec<usize>> {
        // One that was told may tell the next one, and so on.
        for _ in &self.jobs {
            for (how, job) in &self.jobs {
                job.sleeps_in(t, how.call())?;
            }
        }
        Ok(self.got.iter().map(|got| got.load(Ordering::SeqCst)).collect())
    }
}

/// Checks how many reports threads that wait as `whom` says get of what comes to `sockets`, and returns
/// those of each.
fn get(
    t: &mut Trial,
    row: &str,
    whom: &[(How, &Arc<Epoll>)],
    sockets: &Sockets,
    expected: RangeInclusive<usize>,
) -> Result<Vec<usize>> {
    let waiters = Waiters::asleep(t, whom)?;
    sockets.feed()?;
    t.eventually(|| {
        Ok(waiters.got.iter().map(|got| got.load(Ordering::SeqCst)).sum::<usize>()
            >= *expected.start())
    })?;
    let reports = waiters.reports(t)?;
    let (asleep, sum) = (waiters.asleep, reports.iter().sum());
    check!(
        t,
        asleep == whom.len() && expected.contains(&sum),
        "{row}: {asleep} of {} threads sleep, then they get {reports:?}, in all {expected:?}",
        whom.len()
    );
    Ok(reports)
}
