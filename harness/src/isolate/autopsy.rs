//! What the threads of a hung trial were doing, read from outside before they are ended.

use std::collections::BTreeMap;
use std::path::Path;

use nix::unistd::Pid;

use crate::record::Thread;
use crate::watch::{Call, Task};

/// The most threads that one record names.
const MOST: usize = 64;

/// The processes below `ancestor`, itself not among them, parents first.
pub(super) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(parent) = parent_of(&entry.path()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![ancestor.as_raw()];
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next]).unwrap_or_default());
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/PID/stat`, behind a name that may hold blanks and parentheses.
fn parent_of(process: &Path) -> Option<i32> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

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
