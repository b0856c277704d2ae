//! What a server's processes cost: CPU time and context switches.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::unistd::Pid;

use super::{Server, Tasks, listening};
use crate::trial::{Result, Stop};
use crate::watch::{Counts, Task};

/// The share of the CPU time of its processes that the threads must account for whose context
/// switches are known: threads that ended took theirs along.
const ENOUGH: f64 = 0.98;
/// And so much may be missing: the time of a thread that runs at this moment is as old as the
/// last tick.
const TICKS: Duration = Duration::from_millis(10);

/// What a server has used up to a moment.
#[derive(Debug, Clone)]
pub struct Usage {
    cpu: Duration,
    threads: BTreeMap<i32, Counts>,
}

/// What a server used between two moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// CPU time, user and system, of all processes and threads: also of those that have ended.
    pub cpu: Duration,
    /// Context switches; nothing if the system does not tell them, or threads that ended took
    /// them along.
    pub switches: Option<Switches>,
}

/// Context switches of threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Switches {
    /// They slept: each is a wakeup.
    pub voluntary: u64,
    /// They were made to give way to others.
    pub involuntary: u64,
}

impl Server {
    /// What its processes have used up to now. The CPU time is the kernel's own, in nanoseconds
    /// (clock_getcpuclockid(3)), with that of threads that have ended; to it comes, in ticks of
    /// 10 ms, that of child processes that have ended and were waited for.
    pub fn usage(&self) -> Result<Usage> {
        let processes = self.processes()?;
        let mut usage = Usage { cpu: Duration::ZERO, threads: BTreeMap::new() };
        for pid in &processes {
            usage.cpu += cpu_of(*pid).unwrap_or_default();
            usage.cpu += Task::of_process(*pid).children_cpu().unwrap_or_default();
        }
        // A thread that ends meanwhile is missed: that shows in what is accounted for.
        usage.threads = Tasks::of(&processes).counts();
        if usage.cpu.is_zero() && processes.is_empty() {
            return Err(Stop::error("the server has ended"));
        }
        Ok(usage)
    }

    /// How many of its connections each of its processes holds, by process id: of a listener that
    /// several share, whoever accepted them.
    pub fn connections_by_process(&self) -> Result<BTreeMap<i32, u64>> {
        let super::Address::Tcp(address) = self.address() else {
            return Err(Stop::Unsupported(
                "who holds a connection is seen over TCP only".to_owned(),
            ));
        };
        let established = |entry: &procfs::net::TcpNetEntry| {
            entry.local_address.port() == address.port()
                && entry.state == procfs::net::TcpState::Established
        };
        let inodes: Vec<u64> =
            listening::tcp()?.iter().filter(|e| established(e)).map(|e| e.inode).collect();
        let count = |pid: Pid| {
            let held = listening::sockets_of(pid);
            inodes.iter().filter(|inode| held.contains(inode)).count() as u64
        };
        Ok(self.processes()?.into_iter().map(|pid| (pid.as_raw(), count(pid))).collect())
    }
}

impl Usage {
    /// What was used since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Usage) -> Spent {
        let cpu = self.cpu.saturating_sub(earlier.cpu);
        let (mut seen, mut switches) = (Duration::ZERO, Some(Switches::default()));
        for (tid, now) in &self.threads {
            let before = earlier.threads.get(tid).copied().unwrap_or_default();
            seen += now.ran.saturating_sub(before.ran);
            switches = switches.zip(now.switches).map(|(sum, (voluntary, involuntary))| {
                let before = before.switches.unwrap_or_default();
                Switches {
                    voluntary: sum.voluntary + voluntary.saturating_sub(before.0),
                    involuntary: sum.involuntary + involuntary.saturating_sub(before.1),
                }
            });
        }
        let enough = seen + TICKS >= cpu.mul_f64(ENOUGH);
        Spent { cpu, switches: switches.filter(|_| enough) }
    }
}

/// The CPU time of all threads of a process, of those that have ended too.
fn cpu_of(pid: Pid) -> nix::Result<Duration> {
    let clock = nix::time::clock_getcpuclockid(pid)?;
    Ok(nix::time::clock_gettime(clock)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(cpu: u64, threads: &[(i32, u64, u64, u64)]) -> Usage {
        let counts = |&(tid, ran, voluntary, involuntary): &(i32, u64, u64, u64)| {
            let ran = Duration::from_millis(ran);
            (tid, Counts { ran, switches: Some((voluntary, involuntary)) })
        };
        Usage { cpu: Duration::from_millis(cpu), threads: threads.iter().map(counts).collect() }
    }

    #[test]
    fn switches_are_those_of_threads_that_are_there() {
        let before = usage(100, &[(1, 60, 5, 2), (2, 40, 7, 0)]);
        let after = usage(200, &[(1, 110, 15, 3), (2, 80, 8, 0), (3, 10, 1, 1)]);
        let spent = after.since(&before);
        assert_eq!(spent.cpu, Duration::from_millis(100));
        assert_eq!(spent.switches, Some(Switches { voluntary: 12, involuntary: 2 }));
    }

    #[test]
    fn threads_that_ended_make_switches_unknown_and_not_few() {
        let before = usage(100, &[(1, 60, 5, 2), (2, 40, 7, 0)]);
        let after = usage(200, &[(1, 70, 6, 2)]);
        assert_eq!(after.since(&before).switches, None);
        assert_eq!(after.since(&before).cpu, Duration::from_millis(100));
    }

    #[test]
    fn the_clock_of_this_process_counts() {
        let before = cpu_of(Pid::this()).unwrap();
        let start = std::time::Instant::now();
        while cpu_of(Pid::this()).unwrap() <= before {
            assert!(start.elapsed() < Duration::from_mins(1));
        }
    }
}
