//! One thread, as `/proc` shows it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

/// A thread of this process or of one below it, by its directory in `/proc`.
#[derive(Debug, Clone)]
pub struct Task {
    directory: PathBuf,
}

/// The state of a thread: the third field of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub char);

/// What a thread has used since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// For how long it ran.
    pub ran: Duration,
    /// How often it gave up its CPU by itself, and how often it was made to; nothing where the
    /// system does not count.
    pub switches: Option<(u64, u64)>,
}

impl State {
    /// Asleep, and a signal would wake it.
    pub const SLEEPING: State = State('S');
    /// It has a CPU, or could use one.
    pub const RUNNING: State = State('R');
}

impl std::fmt::Display for State {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.0 {
            'R' => "running",
            'S' => "sleeping",
            'D' => "in uninterruptible sleep",
            'T' => "stopped",
            't' => "stopped by a tracer",
            'Z' => "a zombie",
            'X' => "dead",
            other => return write!(out, "{other}"),
        };
        write!(out, "{} ({word})", self.0)
    }
}

/// How a thread came to a CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    /// It had one.
    pub ran: Duration,
    /// It could have used one, and others had them all.
    pub waited: Duration,
}

impl Turns {
    /// The share of a CPU that it wants, from 0 to 1, seen over `time`, which these turns are a
    /// part of: it ran for so much of the time in which it did not wait for its turn. The load of
    /// the machine hides no thread that never sleeps, and makes none of one that sleeps.
    pub fn share(self, time: Duration) -> f64 {
        let free = time.saturating_sub(self.waited).max(self.ran);
        if free.is_zero() { 0.0 } else { self.ran.as_secs_f64() / free.as_secs_f64() }
    }
}

impl Task {
    /// The thread with this directory.
    pub fn at(directory: impl Into<PathBuf>) -> Task {
        Task { directory: directory.into() }
    }

    /// A thread of this process. The trial's `/proc` counts in the trial's pid namespace.
    pub fn of_thread(tid: nix::unistd::Pid) -> Task {
        Task::at(format!("/proc/self/task/{tid}"))
    }

    /// The first thread of a process.
    pub fn of_process(pid: nix::unistd::Pid) -> Task {
        Task::at(format!("/proc/{pid}/task/{pid}"))
    }

    /// The calling thread.
    pub fn current() -> Task {
        Task::of_thread(nix::unistd::gettid())
    }

    /// Its state now. That the suite traces it makes no difference: stopped with its process, it is
    /// `T`.
    pub fn state(&self) -> std::io::Result<State> {
        let stat = self.read("stat")?;
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let state = after_name.trim_start().chars().next();
        match state.ok_or_else(|| std::io::Error::other("unreadable /proc/PID/stat"))? {
            't' if self.number().is_some_and(crate::trace::is_left_stopped) => Ok(State('T')),
            state => Ok(State(state)),
        }
    }

    /// Whether it has a CPU or could use one, as far as it shows.
    pub(crate) fn runs(&self) -> bool {
        self.state().is_ok_and(|state| state == State::RUNNING)
    }

    /// Its name.
    pub fn name(&self) -> std::io::Result<String> {
        Ok(self.read("comm")?.trim_end().to_owned())
    }

    /// Whether it has ended and waits to be reaped, or is gone.
    pub fn is_zombie(&self) -> bool {
        self.state().map_or(true, |state| matches!(state, State('Z' | 'X')))
    }

    /// The number of the system call that it sleeps in; `None` if it is running, or sleeps
    /// outside of one. Fails where the system does not tell, or has no such thread any more.
    pub fn syscall(&self) -> std::io::Result<Option<i64>> {
        let line = self.read("syscall")?;
        Ok(line
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .filter(|number| *number >= 0))
    }

    /// Whether it has left its CPU, in a system call or outside of one: what the kernel shows of a
    /// thread that it is about to run again, or has not yet taken off, is `running`. Fails as
    /// [`Task::syscall`] does.
    pub fn is_off_cpu(&self) -> std::io::Result<bool> {
        Ok(self.read("syscall")?.trim() != "running")
    }

    /// How often it gave up its CPU by itself since it began; `None` where the system does not
    /// count. The stops that the suite's tracer is to blame for are none of it.
    pub fn voluntary_switches(&self) -> std::io::Result<Option<u64>> {
        let stops = self.stops();
        let switches = number(&self.read("status")?, "voluntary_ctxt_switches:");
        Ok(switches.map(|switches| switches.saturating_sub(stops)))
    }

    /// How often the suite's tracer has stopped it. To be asked before the switches are: a thread that
    /// looks at itself is stopped while it looks, and would have more stops than switches.
    fn stops(&self) -> u64 {
        self.number().map_or(0, crate::trace::stops)
    }

    /// Its number, if its directory is named so.
    fn number(&self) -> Option<nix::unistd::Pid> {
        let name = self.directory.file_name()?.to_str()?;
        name.parse().ok().map(nix::unistd::Pid::from_raw)
    }

    /// What it has used since it began: the time that it ran is the first field of `schedstat`, in
    /// nanoseconds, or where the kernel has none, in ticks of 10 ms.
    pub fn counts(&self) -> std::io::Result<Counts> {
        let ran = self.read("schedstat").ok().and_then(|line| {
            Some(Duration::from_nanos(line.split_whitespace().next()?.parse().ok()?))
        });
        let stops = self.stops();
        let status = self.read("status")?;
        let voluntary = number(&status, "voluntary_ctxt_switches:");
        let voluntary = voluntary.map(|switches| switches.saturating_sub(stops));
        let involuntary = number(&status, "nonvoluntary_ctxt_switches:");
        let ran = ran.map_or_else(|| self.used_cpu(), Ok)?;
        Ok(Counts { ran, switches: voluntary.zip(involuntary) })
    }

    /// For how long it ran since it began, and for how long it waited for its turn. From
    /// `/proc/PID/task/TID/schedstat` (Documentation/scheduler/sched-stats.rst), or where the
    /// kernel has none, the CPU time alone, in ticks of 10 ms.
    pub fn turns(&self) -> std::io::Result<Turns> {
        let used = || Ok(Turns { ran: self.used_cpu()?, waited: Duration::ZERO });
        let Ok(line) = self.read("schedstat") else { return used() };
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        match (fields.next(), fields.next()) {
            (Some(Ok(ran)), Some(Ok(waited))) => {
                Ok(Turns { ran: Duration::from_nanos(ran), waited: Duration::from_nanos(waited) })
            }
            _ => used(),
        }
    }

    /// The CPU time that it used, user and system. `sysconf(_SC_CLK_TCK)` is 100 on every
    /// architecture that Linux still has (`USER_HZ`).
    pub fn used_cpu(&self) -> std::io::Result<Duration> {
        self.ticks(11)
    }

    /// The CPU time of its process's children that have ended and were waited for, user and
    /// system; theirs of their own children is in it (proc_pid_stat(5), `cutime`).
    pub fn children_cpu(&self) -> std::io::Result<Duration> {
        self.ticks(13)
    }

    /// A time for user and one for system, from the field with this number behind the name on.
    fn ticks(&self, field: usize) -> std::io::Result<Duration> {
        let stat = self.read("stat")?;
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields =
            after_name.split_whitespace().skip(field).map(|text| text.parse::<u64>().ok());
        fields
            .next()
            .flatten()
            .zip(fields.next().flatten())
            .map(|(user, system)| Duration::from_millis((user + system) * 10))
            .ok_or_else(|| std::io::Error::other("unreadable /proc/PID/stat"))
    }

    /// The numbers of the descriptors that it has open.
    pub fn open_descriptors(&self) -> std::io::Result<Vec<i32>> {
        let entries = std::fs::read_dir(self.directory.join("fd"))?;
        let mut numbers: Vec<i32> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// A file of its directory. Reads without allocating for more than a page, and in one call: the files of `/proc` are
    /// made anew for each read from the start.
    pub(crate) fn read(&self, name: &str) -> std::io::Result<String> {
        let file = File::open(self.directory.join(name))?;
        let mut page = [0; 4096];
        let length = file.read_at(&mut page, 0)?;
        Ok(String::from_utf8_lossy(&page[..length]).into_owned())
    }
}

/// The number behind a name at the beginning of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_thread_sees_itself_running() {
        let task = Task::current();
        // What a young thread ran is accounted when it first gives way (`update_curr`).
        nix::sched::sched_yield().unwrap();
        assert_eq!(task.state().unwrap(), State('R'));
        assert!(task.voluntary_switches().unwrap().is_some());
        assert!(task.open_descriptors().unwrap().contains(&0));
        assert!(task.used_cpu().is_ok());
        assert!(task.turns().unwrap().ran > Duration::ZERO);
        assert!(task.counts().unwrap().switches.is_some());
        // The kernel brings the time of a running thread up to date at the next tick.
        while task.counts().unwrap().ran.is_zero() {}
        assert!(task.children_cpu().is_ok());
    }
}
