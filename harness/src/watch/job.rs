//! A thread that does one thing and returns what came of it.

use std::io::ErrorKind;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::{Call, Sight, State, Task, quiet, until, wakeups_hidden};
use crate::trial::{Result, Stop, Trial};

/// A running thread of the trial.
#[derive(Debug)]
pub struct Job<T> {
    name: String,
    task: Task,
    handle: JoinHandle<Result<T>>,
}

impl Trial {
    /// Starts `work` in a thread of its own, named for the reports of a hang.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<Job<T>> {
        let (tell, told) = mpsc::sync_channel(1);
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            tell.send(nix::unistd::gettid())?;
            work()
        })?;
        Ok(Job { name: name.to_owned(), task: Task::of_thread(told.recv()?), handle })
    }
}

impl<T> Job<T> {
    /// Proves that the thread is asleep in `call`. False if it ended instead: the call did not
    /// block. The suite's own failure if neither can be shown in half the time that is left.
    pub fn sleeps_in(&self, t: &mut Trial, call: Call) -> Result<bool> {
        let sight = Sight::here();
        t.settled(sight.word())?;
        let asleep = t.eventually(|| match sight {
            Sight::Syscall => Ok(self.ended() || asleep_in(&self.task, call)?),
            Sight::Quiet => {
                quiet::rest()?;
                Ok(self.ended() || !self.task.runs())
            }
        })?;
        if !asleep {
            let state = self.task.state()?;
            return Err(Stop::Error(format!(
                "thread `{}` neither ended nor slept in {}: it is {state}",
                self.name, call.name
            )));
        }
        Ok(!self.ended())
    }

    /// Whether the thread is through with its work.
    pub fn ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// How often the thread was woken since it began.
    pub fn wakeups(&self) -> Result<u64> {
        self.task.voluntary_switches()?.ok_or_else(wakeups_hidden)
    }

    /// The thread, for a closer look.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Sends the thread a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) -> Result {
        use std::os::unix::thread::JoinHandleExt;
        Ok(nix::sys::pthread::pthread_kill(self.handle.as_pthread_t(), signal)?)
    }

    /// Waits for the end of the work and returns what came of it.
    pub fn join(self) -> Result<T> {
        until(|| Ok(self.handle.is_finished()))?;
        self.handle
            .join()
            .unwrap_or_else(|_| Err(Stop::Error(format!("thread `{}` panicked", self.name))))
    }

    /// What came of the work if it ends within half of the time that is left, for a `check!`.
    pub fn join_soon(self, t: &Trial) -> Result<Option<T>> {
        if t.eventually(|| Ok(self.handle.is_finished()))? {
            self.join().map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Whether two readings show the thread asleep in `call`, with no switch between them. A thread
/// that is gone is not asleep; of one that may not be looked at, or on a system that does not show
/// system calls, nothing can be said.
pub(crate) fn asleep_in(task: &Task, call: Call) -> Result<bool> {
    asleep_where(task, || Ok(task.syscall()?.is_some_and(|number| call.is(number))))
}

/// The same for a thread that may sleep anywhere.
pub(crate) fn asleep(task: &Task) -> Result<bool> {
    asleep_where(task, || task.is_off_cpu())
}

fn asleep_where(task: &Task, there: impl Fn() -> std::io::Result<bool>) -> Result<bool> {
    if Sight::here() == Sight::Quiet {
        let hidden = "this system does not tell in which system call a thread sleeps";
        return Err(Stop::Unobservable(hidden.to_owned()));
    }
    let reading = || -> std::io::Result<Option<Option<u64>>> {
        let there = task.state()? == State::SLEEPING && there()?;
        Ok(if there { Some(task.voluntary_switches()?) } else { None })
    };
    match (reading(), reading()) {
        (Ok(first), Ok(second)) => Ok(first.is_some() && first == second),
        (Err(error), _) | (_, Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
            Err(Stop::Unobservable(format!("the system call of a thread may not be read: {error}")))
        }
        _ => Ok(false),
    }
}
