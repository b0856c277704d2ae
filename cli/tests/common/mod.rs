//! What tests of the command have in common.

use assert_cmd::Command;
use predicates::str::{contains, is_empty};
use tempfile::TempDir;

/// The command, with a home of its own.
pub(crate) fn ioconform(home: &TempDir) -> Command {
    let mut command = Command::cargo_bin("ioconform").unwrap();
    command
        .env("XDG_STATE_HOME", home.path())
        .env("XDG_CACHE_HOME", home.path())
        .env_remove("IOCONFORM_STRICT")
        .env_remove("NO_COLOR");
    command
}

pub(crate) fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

pub(crate) fn write(folder: &TempDir, name: &str, text: &str) -> String {
    std::fs::write(folder.path().join(name), text).unwrap();
    path(folder, name)
}

/// Bad input gets exit status 2, no output, and one line that says this.
pub(crate) fn assert_refused(command: &mut Command, says: &str) {
    let found = command.assert().code(2).stdout(is_empty()).stderr(contains(says));
    assert_eq!(String::from_utf8_lossy(&found.get_output().stderr).lines().count(), 1);
}
