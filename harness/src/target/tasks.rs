//! The threads of a server, and what they did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::unistd::Pid;

use crate::trial::Result;
use crate::watch::{Call, Counts, State, Task, Turns, asleep, asleep_in, threads, wakeups_hidden};

/// Every thread of some processes at a moment.
#[derive(Debug, Clone)]
pub struct Tasks {
    members: Vec<Member>,
}

#[derive(Debug, Clone)]
struct Member {
    pid: Pid,
    tid: Pid,
    task: Task,
}

/// For how long a thread has to have been free to run or to sleep, until it is plain which of both it
/// prefers.
const FREE: Duration = Duration::from_millis(40);

/// What threads did up to a moment, or between two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// How each came to a CPU, by its thread id.
    pub turns: BTreeMap<i32, Turns>,
    /// How often each was woken, by its thread id.
    pub wakeups: BTreeMap<i32, u64>,
    /// Those that were not asleep at the moment, or at the first of the two.
    pub awake: BTreeSet<i32>,
}

impl Sum {
    /// What was done since `earlier`, by the threads that were there at both moments, and by those
    /// that came in between.
    #[must_use]
    pub fn since(&self, earlier: &Sum) -> Sum {
        let before = |tid| earlier.wakeups.get(tid).copied().unwrap_or(0);
        Sum {
            turns: self
                .turns
                .iter()
                .map(|(tid, turns)| {
                    let before = earlier.turns.get(tid).copied().unwrap_or_default();
                    let ran = turns.ran.saturating_sub(before.ran);
                    (*tid, Turns { ran, waited: turns.waited.saturating_sub(before.waited) })
                })
                .collect(),
            wakeups: self
                .wakeups
                .iter()
                .map(|(tid, count)| (*tid, count.saturating_sub(before(tid))))
                .collect(),
            awake: earlier.awake.clone(),
        }
    }

    /// How many CPUs they want, all together, seen over `time` ([`Turns::share`]), in which they had
    /// their turns ([`Sum::had_turns`]). A thread that has not slept wants a whole one: the wait for a
    /// turn that it has not got yet does not show.
    pub fn cpus(&self, time: Duration) -> f64 {
        let one = |(tid, turns): (&i32, &Turns)| {
            if self.is_sleepless(*tid) { 1.0 } else { turns.share(time) }
        };
        self.turns.iter().map(one).sum()
    }

    /// Whether each thread could have slept for [`FREE`] of `time`, or ran for so long: one that is
    /// kept from running, or comes to run once and waits for the rest of the time, tells nothing of
    /// how much of a CPU it wants.
    pub fn had_turns(&self, time: Duration) -> bool {
        self.turns.iter().all(|(tid, turns)| {
            let free = time.saturating_sub(turns.waited);
            FREE <= if self.is_sleepless(*tid) { turns.ran } else { free }
        })
    }

    /// Whether a thread was awake at first and was never woken since: it has not slept.
    fn is_sleepless(&self, tid: i32) -> bool {
        self.awake.contains(&tid) && self.wakeups.get(&tid) == Some(&0)
    }

    /// The threads that were woken at least once.
    pub fn woken(&self) -> Vec<i32> {
        self.wakeups.iter().filter(|(_, count)| **count > 0).map(|(tid, _)| *tid).collect()
    }

    /// All wakeups together.
    pub fn wakeups(&self) -> u64 {
        self.wakeups.values().sum()
    }
}

impl Tasks {
    /// The threads of these processes now. A process that is gone has none.
    pub(super) fn of(processes: &[Pid]) -> Tasks {
        let of = |pid: &Pid| {
            let pid = *pid;
            threads(pid).map(move |(tid, task)| Member { pid, tid, task })
        };
        let mut members: Vec<_> = processes.iter().flat_map(of).collect();
        members.sort_by_key(|member| (member.pid, member.tid));
        Tasks { members }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The process and the thread id of each, by process and thread id, which for processes that
    /// were forked one after the other is their order.
    pub fn ids(&self) -> impl Iterator<Item = (Pid, Pid)> {
        self.members.iter().map(|member| (member.pid, member.tid))
    }

    /// Those whose name begins with `prefix`, sorted by name (`/proc/PID/task/TID/comm`, at most
    /// 15 bytes). A thread that is gone has none.
    pub fn named(&self, prefix: &str) -> Result<Tasks> {
        let named = |member: &&Member| {
            let name = member.task.name().ok().filter(|name| name.starts_with(prefix));
            name.map(|name| (name.len(), name))
        };
        let mut members: Vec<_> =
            self.members.iter().filter(|member| named(member).is_some()).cloned().collect();
        members.sort_by_cached_key(|member| named(&member));
        Ok(Tasks { members })
    }

    /// Those that are not of this process.
    #[must_use]
    pub fn without(&self, process: Pid) -> Tasks {
        let others = self.members.iter().filter(|member| member.pid != process);
        Tasks { members: others.cloned().collect() }
    }

    /// Those that sleep in `call` at this moment.
    pub fn in_call(&self, call: Call) -> Result<Tasks> {
        let mut members = Vec::new();
        for member in &self.members {
            if asleep_in(&member.task, call)? {
                members.push(member.clone());
            }
        }
        Ok(Tasks { members })
    }

    /// Those that are not asleep at this moment.
    pub fn awake(&self) -> Result<Tasks> {
        let mut members = Vec::new();
        for member in &self.members {
            if !asleep(&member.task)? {
                members.push(member.clone());
            }
        }
        Ok(Tasks { members })
    }

    /// Whether all of them are asleep, wherever it be, and none was woken while that was found
    /// out.
    pub fn at_rest(&self) -> Result<bool> {
        let before = self.switches();
        for member in &self.members {
            if !asleep(&member.task)? {
                return Ok(false);
            }
        }
        Ok(self.switches() == before)
    }

    /// Whether all that `list` finds are asleep ([`Tasks::at_rest`]), and there are no others: one may
    /// have been started by another that has fallen asleep since they were listed.
    pub(super) fn are_all_at_rest(list: impl Fn() -> Result<Tasks>) -> Result<bool> {
        let tasks = list()?;
        Ok(tasks.at_rest()? && list()?.ids().eq(tasks.ids()))
    }

    /// Whether all of them are stopped by a signal.
    pub(super) fn are_stopped(&self) -> bool {
        self.members.iter().all(|member| {
            member.task.state().is_ok_and(|state| state == State('T') || state == State('Z'))
        })
    }

    /// What they did up to now. A thread that ended takes its counts with it.
    pub fn so_far(&self) -> Result<Sum> {
        let mut sum = Sum::default();
        for member in &self.members {
            let (Ok(turns), Ok(switches)) = (member.task.turns(), member.task.voluntary_switches())
            else {
                continue;
            };
            sum.turns.insert(member.tid.as_raw(), turns);
            if member.task.state().ok() == Some(State('R')) {
                sum.awake.insert(member.tid.as_raw());
            }
            sum.wakeups.insert(member.tid.as_raw(), switches.ok_or_else(wakeups_hidden)?);
        }
        Ok(sum)
    }

    /// How long each has run and how often it gave its CPU away, by thread id.
    pub(super) fn counts(&self) -> BTreeMap<i32, Counts> {
        let count = |member: &Member| Some((member.tid.as_raw(), member.task.counts().ok()?));
        self.members.iter().filter_map(count).collect()
    }

    fn switches(&self) -> Vec<Option<u64>> {
        self.members.iter().map(|member| member.task.voluntary_switches().ok().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// A second in which a thread ran and waited so long, and was woken so often.
    #[rstest]
    #[case::asleep(0, 0, 0, false, 0.0)]
    #[case::a_spin_on_a_free_machine(1000, 0, 0, true, 1.0)]
    #[case::a_spin_that_seldom_gets_its_turn(100, 900, 0, true, 1.0)]
    #[case::a_spin_whose_last_wait_does_not_show(100, 200, 0, true, 1.0)]
    #[case::a_spin_that_was_kept_from_running(0, 0, 0, true, 1.0)]
    #[case::a_timer(10, 0, 10, false, 0.01)]
    #[case::a_timer_that_waits_long_for_each_turn(10, 500, 10, true, 0.02)]
    #[case::just_woken(1, 0, 0, false, 0.001)]
    #[case::half_of_a_cpu(500, 0, 100, false, 0.5)]
    fn the_load_of_a_machine_makes_no_spin_and_hides_none(
        #[case] ran: u64,
        #[case] waited: u64,
        #[case] woken: u64,
        #[case] awake: bool,
        #[case] cpus: f64,
    ) {
        let millis = Duration::from_millis;
        let sum = Sum {
            turns: BTreeMap::from([(7, Turns { ran: millis(ran), waited: millis(waited) })]),
            wakeups: BTreeMap::from([(7, woken)]),
            awake: awake.then_some(7).into_iter().collect(),
        };
        let found = sum.cpus(millis(1000));
        assert!((found - cpus).abs() < 0.001, "{found}");
    }

    #[rstest]
    #[case::asleep(0, 0, false, true)]
    #[case::a_spin_on_a_free_machine(1000, 0, true, true)]
    #[case::a_spin_that_was_kept_from_running(0, 0, true, false)]
    #[case::the_end_of_its_work_and_a_wait_that_does_not_show(20, 300, true, false)]
    #[case::one_turn_and_then_a_long_wait(3, 995, false, false)]
    #[case::a_spin_that_seldom_gets_its_turn(100, 900, true, true)]
    fn a_thread_without_its_turns_tells_nothing(
        #[case] ran: u64,
        #[case] waited: u64,
        #[case] awake: bool,
        #[case] told: bool,
    ) {
        let millis = Duration::from_millis;
        let sum = Sum {
            turns: BTreeMap::from([(7, Turns { ran: millis(ran), waited: millis(waited) })]),
            wakeups: BTreeMap::from([(7, 0)]),
            awake: awake.then_some(7).into_iter().collect(),
        };
        assert_eq!(sum.had_turns(millis(1000)), told);
    }
}
