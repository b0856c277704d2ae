//! Where the user's files lie, as the XDG Base Directory Specification has it.

use std::path::PathBuf;

/// The folder of ioconform in the one that an environment variable names (`XDG_STATE_HOME`), or
/// else in the one of that place below the user's home (`.local/state`). Nothing if neither is
/// known; a relative path is none.
pub fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(folder.join("ioconform"))
}
