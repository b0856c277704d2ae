//! What was seen on this machine, kept in `$XDG_STATE_HOME/ioconform`: `last.json` is the result
//! of the last run, so that none is lost when a report cannot be written; `seen.json` holds the
//! last record of each case, on each server, for `explain`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness::record::{Record, Run};
use harness::report::{Format, write};

/// When a case was last seen, by its name and its server's, and how it ended.
type Seen = BTreeMap<String, (String, Record)>;

/// The folder; nothing if the user has no home.
fn folder() -> Option<PathBuf> {
    harness::xdg::folder("XDG_STATE_HOME", ".local/state")
}

/// Keeps a run. Returns the file of its result, or nothing if it could not be written: this is a
/// convenience, and a run does not fail for it.
pub(crate) fn remember(run: &Run) -> Option<PathBuf> {
    let folder = folder()?;
    std::fs::create_dir_all(&folder).ok()?;
    let mut seen = seen().unwrap_or_default();
    for record in &run.records {
        let mut record = record.clone();
        // It is long, and a newer one can be had at any time.
        record.evidence.timeline.clear();
        record.evidence.timeline_is_of_another = false;
        seen.insert(record.name(), (run.started.clone(), record));
    }
    let _ = write(&folder.join("seen.json"), &serde_json::to_string(&seen).ok()?);
    let last = folder.join("last.json");
    write(&last, &Format::Json.render(run)).ok()?;
    Some(last)
}

fn seen() -> Option<Seen> {
    serde_json::from_str(&std::fs::read_to_string(folder()?.join("seen.json")).ok()?).ok()
}

/// What was last seen of a case here, and when: once, or once for each server.
pub(crate) fn last_seen(id: &str) -> Vec<(String, Record)> {
    let seen = seen().unwrap_or_default();
    seen.into_values().filter(|(_, record)| record.id == id).collect()
}
