//! What was last seen on this machine: kept in `$XDG_STATE_HOME/ioconform/last.json`, so that
//! `explain` can tell it, and so that no result is lost when a report cannot be written.

use std::path::PathBuf;

use harness::record::{Record, Run};
use harness::report::{Format, merge, read, write};

/// The file; nothing if the user has no home.
pub(crate) fn path() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(folder.join("ioconform/last.json"))
}

/// Adds a run to what was seen before on the same kernel. Returns the file, or nothing if it
/// could not be written: this is a convenience, and a run does not fail for it.
pub(crate) fn remember(run: &Run) -> Option<PathBuf> {
    let path = path()?;
    std::fs::create_dir_all(path.parent()?).ok()?;
    let before = read(&path).ok().filter(|before| before.system.release == run.system.release);
    let whole = merge(before.into_iter().chain([run.clone()]).collect())?;
    write(&path, &Format::Json.render(&whole)).ok()?;
    Some(path)
}

/// What was last seen of a case here, and when.
pub(crate) fn last_seen(id: &str) -> Option<(String, Record)> {
    let run = read(&path()?).ok()?;
    let when = run.started;
    run.records.into_iter().find(|record| record.id == id).map(|record| (when, record))
}
