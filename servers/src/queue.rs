//! A queue for which workers compete: bounded, closed at the end.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::mutants::{Fault, planted};

/// The items that are many to a mutant.
const FEW: usize = 32;

/// See the module. Every push wakes one of the workers that sleep in `pop`.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    drained: Condvar,
    most: usize,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue that holds at most `most` items.
    pub(crate) fn new(most: usize) -> Queue<T> {
        Queue {
            state: Mutex::new(State { items: VecDeque::with_capacity(most), closed: false }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            most,
        }
    }

    /// Appends an item. While the queue is full it sleeps: whoever fills it must not take in more
    /// work than the workers can do.
    pub(crate) fn push(&self, item: T) {
        if planted(Fault::DropsWhenFull) && self.lock().items.len() >= FEW {
            return;
        }
        let full = |state: &mut State<T>| state.items.len() >= self.most && !state.closed;
        let waited = self.drained.wait_while(self.lock(), full);
        waited.unwrap_or_else(PoisonError::into_inner).items.push_back(item);
        self.filled.notify_one();
    }

    /// The first item; sleeps (in `futex`) while there is none. `None` once the queue is closed and
    /// empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let empty = |state: &mut State<T>| state.items.is_empty() && !state.closed;
        let waited = self.filled.wait_while(self.lock(), empty);
        let item = waited.unwrap_or_else(PoisonError::into_inner).items.pop_front();
        self.drained.notify_one();
        item
    }

    /// Sends the workers home once the queue is empty.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
