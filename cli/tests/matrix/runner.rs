//! `cargo test` itself, with `ioconform vm` as cargo's runner.

use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::guests::{cache, kernels};

/// The tests of the catalogue run in a kernel of another version than this one's.
#[rstest]
#[case("5.10")]
#[case("7.3")]
fn cargo_test_runs_in_a_kernel(#[case] kernel: &str) {
    let Some((_turn, _)) = kernels([kernel]) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let command = assert_cmd::cargo::cargo_bin("ioconform");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(command.parent().unwrap().to_owned());
    let places = std::env::join_paths(places.chain(std::env::split_paths(&path))).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--workspace", "--config", "ci/cargo-runner.toml"])
        .args(["--test", "conformance", "--", "epoll::edge"])
        .current_dir(&root)
        .env("PATH", places)
        .env("XDG_CACHE_HOME", cache().unwrap())
        .env("IOCONFORM_KERNEL", kernel)
        .env_remove("IOCONFORM_STRICT")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{said}");
    assert!(
        text.contains("test epoll::edge::every_arrival") && text.contains("; 0 failed"),
        "{text}"
    );
}
