//! What tests with guests have in common: the kernels, and a turn for each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex};

use harness::matrix::{Column, Matrix};

use crate::common::ioconform;

/// How many tests may have a guest at a time.
const GUESTS: usize = 2;

static GUESTS_NOW: Mutex<usize> = Mutex::new(0);
static GUEST_ENDED: Condvar = Condvar::new();

/// The right to start a guest, until it is dropped.
pub(crate) struct Turn;

impl Turn {
    fn wait() -> Turn {
        let mut now = GUESTS_NOW.lock().unwrap();
        while *now >= GUESTS {
            now = GUEST_ENDED.wait(now).unwrap();
        }
        *now += 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *GUESTS_NOW.lock().unwrap() -= 1;
        GUEST_ENDED.notify_one();
    }
}

/// The images of these kernels of the user's own cache, which are fetched if they are missing. That
/// they, or QEMU, cannot be had is a reason to skip, and with `IOCONFORM_STRICT=1` a failure.
pub(crate) fn kernels<const N: usize>(names: [&str; N]) -> Option<(Turn, [PathBuf; N])> {
    if cfg!(not(target_arch = "x86_64")) {
        eprintln!("skipped: guests run programs for x86-64 alone");
        return None;
    }
    match had(&names) {
        Ok(cache) => {
            let image = |name| cache.join("ioconform/kernels").join(name).join("vmlinux");
            Some((Turn::wait(), names.map(image)))
        }
        Err(reason) => {
            let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
            assert!(!strict, "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

fn had(names: &[&str]) -> Result<PathBuf, String> {
    matrix::qemu::version().map_err(|error| error.to_string())?;
    let cache = cache().ok_or("there is neither XDG_CACHE_HOME nor HOME")?;
    let image = |name: &&str| cache.join("ioconform/kernels").join(name).join("vmlinux");
    let missing: Vec<_> = names.iter().filter(|name| !image(name).exists()).collect();
    if missing.is_empty() {
        return Ok(cache);
    }
    let fetched = Command::new(assert_cmd::cargo::cargo_bin("ioconform"))
        .args(["kernels", "fetch"])
        .args(missing)
        .output()
        .map_err(|error| error.to_string())?;
    if fetched.status.success() {
        return Ok(cache);
    }
    let said = [fetched.stdout, fetched.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned())
}

/// The user's own.
pub(crate) fn cache() -> Option<PathBuf> {
    let home = || Some(Path::new(&std::env::var_os("HOME")?).join(".cache"));
    std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)
}

/// The command, with a home of its own, and the kernels of the user's cache.
pub(crate) fn with_kernels(home: &tempfile::TempDir) -> assert_cmd::Command {
    let mut command = ioconform(home);
    command.env("TMPDIR", home.path()).env_remove("XDG_CACHE_HOME");
    if let Some(cache) = cache() {
        command.env("XDG_CACHE_HOME", cache);
    }
    command
}

/// A matrix as it was written.
pub(crate) fn read(path: &str) -> Matrix {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether a column has a verdict of each of these cases, all of them as expected.
pub(crate) fn is_whole(column: &Column, ids: &BTreeSet<String>) -> bool {
    column.broken.is_none()
        && column.run.as_ref().is_some_and(|run| {
            let records: BTreeSet<_> = run.records.iter().map(|record| record.id.clone()).collect();
            run.complete && records == *ids && run.unexpected().next().is_none()
        })
}

/// The ids that a pattern means.
pub(crate) fn ids(pattern: &str) -> BTreeSet<String> {
    let home = crate::common::home();
    let output = ioconform(&home).args(["list", pattern]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

/// The processes in whose command line this stands.
pub(crate) fn processes(mark: &str) -> Vec<i32> {
    let all = std::fs::read_dir("/proc").unwrap();
    let numbers = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    let has = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    };
    numbers.filter(has).collect()
}
