//! Which process is below which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nix::unistd::Pid;

use super::Task;

/// The processes below `ancestor`, itself not among them, parents first.
pub(crate) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut children = children_by_parent();
    // A parent that ended in the middle of the reading hides those below it. Of parents that can
    // never be seen (proc(5), hidepid) the next reading says the same.
    let mut missing = missing_parents(&children);
    while !missing.is_empty() {
        children = children_by_parent();
        let still = missing_parents(&children);
        if still.is_subset(&missing) {
            break;
        }
        missing = still;
    }
    let mut found = vec![ancestor.as_raw()];
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next]).unwrap_or_default());
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// The threads of a process, with their numbers, in no order. One that is gone has none.
pub(crate) fn threads(process: Pid) -> impl Iterator<Item = (Pid, Task)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
    tasks.into_iter().flatten().flatten().filter_map(|entry| {
        let tid = entry.file_name().to_str()?.parse().ok()?;
        Some((Pid::from_raw(tid), Task::at(entry.path())))
    })
}

/// Each process that `/proc` shows, under its parent.
fn children_by_parent() -> BTreeMap<i32, Vec<i32>> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(parent) = parent_of(&entry.path()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The parents that were not seen themselves. What has none on this side of a namespace has 0.
fn missing_parents(children: &BTreeMap<i32, Vec<i32>>) -> BTreeSet<i32> {
    let seen: BTreeSet<i32> = children.values().flatten().copied().chain([0]).collect();
    children.keys().filter(|parent| !seen.contains(parent)).copied().collect()
}

/// The fourth field of `/proc/PID/stat`, behind a name that may hold blanks and parentheses.
fn parent_of(process: &Path) -> Option<i32> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
