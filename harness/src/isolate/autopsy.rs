//! What the threads of a hung trial were doing, read from outside before they are ended.

use nix::unistd::Pid;

use crate::record::Thread;
use crate::watch::{Call, Task};

/// The most threads that one record names.
const MOST: usize = 64;

/// Every thread of these processes: its name, its state, its system call, where it sleeps.
pub(super) fn threads(processes: &[Pid]) -> Vec<Thread> {
    let mut threads = Vec::new();
    for process in processes {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
        for entry in tasks.into_iter().flatten().flatten().take(MOST) {
            let Some(tid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let read = |file: &str| {
                std::fs::read_to_string(entry.path().join(file))
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            };
            let task = Task::at(entry.path());
            threads.push(Thread {
                pid: process.as_raw(),
                tid,
                name: read("comm"),
                state: task.state().map_or_else(|_| "gone".to_owned(), |state| state.to_string()),
                syscall: Call::describe(&read("syscall")),
                wchan: read("wchan"),
            });
        }
    }
    threads.truncate(MOST);
    threads
}
