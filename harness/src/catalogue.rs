//! Every case that is linked into the program, sorted by id; and every tool.

use linkme::distributed_slice;

use crate::case::Case;
use crate::trial::{Result, Trial};

/// Filled by `#[case]` at link time, in no particular order: read it through [`all`].
#[distributed_slice]
pub static CASES: [Case];

/// All cases of this program, sorted by id.
pub fn all() -> Vec<&'static Case> {
    let mut cases: Vec<_> = CASES.iter().collect();
    cases.sort_by_key(|case| case.id);
    cases
}

/// The case with this id.
pub fn find(id: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.id == id)
}

/// Work that is done in a trial and decides no behaviour: a measurement.
#[derive(Debug)]
pub struct Tool {
    /// What it is called; no case's id has this form, as it has no dot.
    pub id: &'static str,
    /// Does it, with the arguments of this trial, in a form of its own. Like a case, it makes at
    /// least one `check!`: of what must hold for its measures to mean something.
    pub run: fn(&mut Trial, &str) -> Result,
}

/// The tools of this program, in no particular order. They are no part of the catalogue: nothing
/// selects, lists or counts them.
#[distributed_slice]
pub static TOOLS: [Tool];

/// The tool with this id.
pub(crate) fn find_tool(id: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.id == id)
}
