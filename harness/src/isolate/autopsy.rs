//! What the threads of a hung trial were doing, read from outside before they are ended.

use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::Pid;

use crate::record::Thread;
use crate::watch::{Call, Task};

/// The most threads that one record names.
const MOST: usize = 64;

/// Every thread of these processes: its name, its state, its system call, where it sleeps.
pub(super) fn threads(processes: &[Pid]) -> Vec<Thread> {
    let thread = |(process, tid, folder): (Pid, i32, PathBuf)| {
        let read = |file: &str| {
            std::fs::read_to_string(folder.join(file)).unwrap_or_default().trim().to_owned()
        };
        let state = Task::at(&folder).state();
        Thread {
            pid: process.as_raw(),
            tid,
            name: read("comm"),
            state: state.map_or_else(|_| "gone".to_owned(), |state| state.to_string()),
            syscall: Call::describe(&read("syscall")),
            wchan: read("wchan"),
        }
    };
    folders(processes).take(MOST).map(thread).collect()
}

/// How long these processes were kept from what they had to do: the longest time for which one of
/// their threads could have used a CPU, and others had them all.
pub(super) fn starved(processes: &[Pid]) -> Duration {
    let turns = folders(processes).filter_map(|(.., folder)| Task::at(folder).turns().ok());
    turns.map(|turns| turns.waited).max().unwrap_or_default()
}

/// The threads of these processes: process, thread, and folder in `/proc`.
fn folders(processes: &[Pid]) -> impl Iterator<Item = (Pid, i32, PathBuf)> {
    processes.iter().flat_map(|process| {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
        tasks.into_iter().flatten().flatten().filter_map(|entry| {
            Some((*process, entry.file_name().to_str()?.parse().ok()?, entry.path()))
        })
    })
}
