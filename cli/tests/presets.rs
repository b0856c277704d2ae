//! Every preset at work: the real server, as root and as an ordinary user, with nothing left.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::target::{PresetError, Target};
use rstest::rstest;
use tempfile::TempDir;

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// Whether the preset's program is here. That it is not is a reason to skip, and with
/// `IOCONFORM_STRICT=1` a failure.
fn is_installed(name: &str) -> bool {
    match Target::preset(name, 2) {
        Ok(_) => true,
        Err(PresetError::Missing { .. }) if !is_strict() => {
            eprintln!("skipped: {}", Target::preset(name, 2).unwrap_err());
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn is_strict() -> bool {
    std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1")
}

/// What a preset's server does at its plainest, with everything that its dialect promises.
/// `prepare` may change who does it.
fn conforms(name: &str, prepare: impl Fn(&mut Command, &TempDir)) {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let folder = home.path().join("tmp");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o1777)).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("ioconform"));
    prepare(&mut command, &home);
    command.args(["server", "server.base", "--preset", name, "--workers", "2"]);
    command.args(["--progress", "none", "-v"]);
    command.env("TMPDIR", &folder).env("XDG_STATE_HOME", folder.join("state"));
    command.current_dir(&folder).env_remove("IOCONFORM_STRICT");

    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for case in ["round_trip", "second_request", "big_reply"] {
        assert!(text.contains(&format!("conforms {name}/server.base.{case}")), "{case}: {text}");
    }
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| entry.file_name() == "state"), "left behind: {left:?}");
    assert_eq!(processes_of(&folder), [0; 0], "left behind");
}

/// The processes that name a folder in their environment or command, or are in it.
fn processes_of(folder: &Path) -> Vec<i32> {
    let name = folder.to_str().unwrap().as_bytes();
    let names = |file: PathBuf| {
        let text = std::fs::read(file).unwrap_or_default();
        text.windows(name.len()).any(|part| part == name)
    };
    let belongs = |pid: &i32| {
        let process = Path::new("/proc").join(pid.to_string());
        names(process.join("environ"))
            || names(process.join("cmdline"))
            || std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(belongs).collect()
}

#[rstest]
fn a_preset_conforms(
    #[values("apache", "haproxy", "lighttpd", "memcached", "nginx", "node", "redis")] name: &str,
) {
    if is_installed(name) {
        conforms(name, |_, _| {});
    }
}

#[rstest]
fn a_preset_conforms_for_an_ordinary_user(
    #[values("apache", "haproxy", "lighttpd", "memcached", "nginx", "node", "redis")] name: &str,
) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root, so that this is what the other test shows");
        return;
    }
    if is_installed(name) {
        conforms(name, |command, home| {
            // Where the program was built, others may have no access.
            let copy = home.path().join("ioconform");
            std::fs::copy(command.get_program(), &copy).unwrap();
            *command = Command::new(copy);
            command.uid(NOBODY).gid(NOBODY);
        });
    }
}

#[test]
fn a_process_that_is_left_would_be_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("cat");
    let mut cat = command.current_dir(&folder).stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(processes_of(folder.path()), [cat.id().cast_signed()]);
    drop(cat.stdin.take());
    cat.wait().unwrap();
    assert_eq!(processes_of(folder.path()), [0; 0]);
}

#[test]
fn every_preset_is_tried_here() {
    let text = include_str!("presets.rs");
    for name in harness::target::presets() {
        assert_eq!(text.matches(&format!("\"{name}\"")).count(), 2, "{name}");
    }
}
