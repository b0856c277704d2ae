//! The worker threads of a server: started, woken out of a sleep, waited for.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;

use crate::stop::{self, Stop};
use crate::sys;

/// The signal that ends a thread's sleep in a system call. Its handler does nothing.
const INTERRUPT: Signal = Signal::SIGUSR1;
/// How often a sleep is ended until the thread is gone: a signal that comes just before the system
/// call ends nothing.
const AGAIN: Duration = Duration::from_millis(20);

/// The threads of one server.
pub(crate) struct Crew {
    roll: Mutex<Roll>,
    left: Condvar,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Roll {
    /// Threads that were started and have not left.
    count: usize,
    /// Those of them that run already, by number.
    running: BTreeMap<i32, Pthread>,
    /// What ended a thread that could not go on.
    failure: Option<io::Error>,
}

impl Crew {
    /// A crew without threads.
    pub(crate) fn new() -> Arc<Crew> {
        Arc::new(Crew {
            roll: Mutex::default(),
            left: Condvar::new(),
            stopping: AtomicBool::new(false),
        })
    }

    /// Starts a thread. If its work fails, the whole server stops, and `finish` says why. Fails
    /// with `EAGAIN` where no more threads are granted.
    pub(crate) fn start(
        self: &Arc<Crew>,
        name: &str,
        work: impl FnOnce(&Crew) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.roll().count += 1;
        let crew = self.clone();
        let started = thread::Builder::new().name(name.to_string()).spawn(move || {
            let number = sys::Thread::current().thread;
            crew.roll().running.insert(number, pthread_self());
            let result = catch_unwind(AssertUnwindSafe(|| work(&crew)))
                .unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
            let mut roll = crew.roll();
            roll.running.remove(&number);
            roll.count -= 1;
            if let Err(error) = result {
                roll.failure.get_or_insert(error);
                Stop::request();
            }
            crew.left.notify_all();
        });
        if let Err(error) = started {
            self.roll().count -= 1;
            return Err(error);
        }
        Ok(())
    }

    /// Set once the crew was asked to finish.
    pub(crate) fn stopping(&self) -> &AtomicBool {
        &self.stopping
    }

    /// Waits for the threads, which know of the stop by other means, within the limit of a stop.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.join(|_| {})
    }

    /// Ends the sleep of every thread until all have seen [`stopping`](Self::stopping) and left.
    pub(crate) fn interrupt_and_finish(&self) -> io::Result<()> {
        extern "C" fn nothing(_: i32) {}
        sys::interrupt_by(INTERRUPT, nothing)?;
        self.join(|roll| {
            for thread in roll.running.values() {
                let _ = pthread_kill(*thread, INTERRUPT);
            }
        })
    }

    fn join(&self, urge: impl Fn(&Roll)) -> io::Result<()> {
        self.stopping.store(true, Ordering::SeqCst);
        let end = Instant::now() + stop::LIMIT;
        let mut roll = self.roll();
        while roll.count > 0 && Instant::now() < end {
            urge(&roll);
            roll = self.left.wait_timeout(roll, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
        roll.failure.take().map_or(Ok(()), Err)
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
