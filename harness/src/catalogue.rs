//! Every case that is linked into the program, sorted by id.

use linkme::distributed_slice;

use crate::case::Case;

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
