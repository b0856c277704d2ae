//! What the threads of a hung trial were doing, read from outside before they are ended.

use std::time::Duration;

use nix::unistd::Pid;

use crate::record::Thread;
use crate::watch::{self, Call};

/// The most threads that one record names.
const MOST: usize = 64;

/// Every thread of these processes: its name, its state, its system call, where it sleeps.
pub(super) fn threads(processes: &[Pid]) -> Vec<Thread> {
    let of = |process: &Pid| {
        let pid = process.as_raw();
        watch::threads(*process).map(move |(tid, task)| {
            let read = |file| task.read(file).unwrap_or_default().trim().to_owned();
            Thread {
                pid,
                tid: tid.as_raw(),
                name: read("comm"),
                state: task.state().map_or_else(|_| "gone".to_owned(), |state| state.to_string()),
                syscall: Call::describe(&read("syscall")),
                wchan: read("wchan"),
            }
        })
    };
    processes.iter().flat_map(of).take(MOST).collect()
}

/// How long these processes were kept from what they had to do: the longest time for which one of
/// their threads could have used a CPU, and others had them all.
pub(super) fn starved(processes: &[Pid]) -> Duration {
    let tasks = processes.iter().flat_map(|process| watch::threads(*process));
    let waited = tasks.filter_map(|(_, task)| Some(task.turns().ok()?.waited));
    waited.max().unwrap_or_default()
}
