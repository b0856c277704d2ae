//! `ioconform vm`: a program in a guest, as if it ran here.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use predicates::prelude::*;
use predicates::str::contains;
use rstest::rstest;

use crate::common::{assert_refused, home, path, write};
use crate::guests::{cache, kernels, with_kernels};

const KERNEL: &str = "5.10";

#[test]
fn arguments_environment_folder_and_status_are_the_program_s() {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    let script = r#"printf '[%s]' "$0" "$@" "$SOME" "$(pwd)"; exit 7"#;
    let folder = home.path().canonicalize().unwrap();
    with_kernels(&home)
        .args([
            "vm",
            "--kernel",
            KERNEL,
            "--",
            "/bin/sh",
            "-c",
            script,
            "a b",
            "",
            "it's \"\\",
            "é",
        ])
        .env("SOME", "x = y\nz")
        .current_dir(&folder)
        .assert()
        .code(7)
        .stdout(format!("[a b][][it's \"\\][é][x = y\nz][{}]", folder.display()))
        .stderr("");
}

#[rstest]
#[case::program_of_the_path(&["true"], 0, "")]
#[case::killed(&["sh", "-c", "kill -SEGV $$"], 139, "")]
#[case::killed_by_a_timer(&["sh", "-c", "kill -ALRM $$"], 142, "")]
#[case::what_stays_behind(&["sh", "-c", "exec 2>&-; (exec >&- <&-; read x) & echo done"], 0, "done\n")]
fn the_status_is_that_of_the_program(
    #[case] command: &[&str],
    #[case] status: i32,
    #[case] out: &'static str,
) {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    let assert = with_kernels(&home).args(["vm", "--kernel", KERNEL, "--"]).args(command).assert();
    assert.code(status).stdout(out).stderr("");
}

/// Bytes of every value, and more of them than any buffer on the way holds.
fn bytes() -> Vec<u8> {
    (0..100_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn input_output_and_errors_come_through_whole() {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    with_kernels(&home)
        .args(["vm", "--kernel", KERNEL, "--", "tee", "/dev/stderr"])
        .write_stdin(bytes())
        .assert()
        .code(0)
        .stdout(predicate::eq(&*bytes()))
        .stderr(predicate::eq(&*bytes()));
}

#[test]
fn a_program_need_not_read_its_input() {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    with_kernels(&home)
        .args(["vm", "--kernel", KERNEL, "--", "sh", "-c", "read x; echo \"$x\""])
        .write_stdin([b"first\n", &*bytes()].concat())
        .assert()
        .code(0)
        .stdout("first\n");
}

/// A program whose reader has seen enough is told so, as everywhere.
#[test]
fn a_reader_that_closes_the_pipe_ends_the_program() {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    let mut vm = std::process::Command::new(assert_cmd::cargo::cargo_bin("ioconform"))
        .args(["vm", "--kernel", KERNEL, "--", "yes"])
        .env("XDG_CACHE_HOME", cache().unwrap())
        .env("TMPDIR", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = vm.stdout.take().unwrap();
    let mut some = [0; 4];
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    assert_eq!(&some, b"y\ny\n");
    assert_eq!(vm.wait().unwrap().code(), Some(128 + 13));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

/// A program that does nothing but end with status 42, and needs no library for it.
fn static_program() -> Vec<u8> {
    let (base, code) = (0x0040_0000_u64, *b"\xbf\x2a\0\0\0\xb8\x3c\0\0\0\x0f\x05");
    let size = 120 + code.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    elf.extend((base + 120).to_le_bytes()); // the entry
    elf.extend(64_u64.to_le_bytes()); // where the program headers are
    elf.extend(b"\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\x01\0\x40\0\0\0\0\0");
    elf.extend(b"\x01\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0"); // all of the file, to be read and run
    for number in [base, base, size, size, 0x1000] {
        elf.extend(number.to_le_bytes());
    }
    elf.extend(code);
    elf
}

/// It lies below the temporary folder, which in the guest is one of its own.
#[test]
fn a_static_program_runs() {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    let program = path(&home, "static");
    std::fs::write(&program, static_program()).unwrap();
    with_kernels(&home).args(["vm", "--kernel", KERNEL, "--", &program]).assert().code(42);
}

#[test]
fn what_cannot_run_is_told_in_a_line() {
    let Some((_turn, [image])) = kernels([KERNEL]) else { return };
    let home = home();
    let script = write(&home, "script", "#!/bin/sh\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = home.path().display().to_string();
    for (program, said) in [
        ("/nonexistent", "there is no program /nonexistent"),
        ("no-such-program", "there is no program no-such-program"),
        (&*folder, "there is no program /"),
        (&*script, "is no program for x86-64 Linux, which must be an ELF file"),
    ] {
        assert_refused(with_kernels(&home).args(["vm", "--kernel", KERNEL, "--", program]), said);
    }
    for (kernel, said) in
        [(&*script, "is a text file, not a kernel"), ("5.11", "did you mean 5.10")]
    {
        assert_refused(with_kernels(&home).args(["vm", "--kernel", kernel, "--", "true"]), said);
    }
    // A kernel whose first process cannot be started has no program's status to give.
    with_kernels(&home)
        .args(["vm", "--append", "init=/none rdinit=/none", "--", "true"])
        .env("IOCONFORM_KERNEL", image)
        .assert()
        .code(3)
        .stderr(contains("error: the kernel: it panicked while it booted: "));
}

/// A program that lacks one of its libraries: the name of its C library, made another one.
#[test]
fn a_missing_library_is_named() {
    let Some((_turn, _)) = kernels([KERNEL]) else { return };
    let home = home();
    let mut program = std::fs::read("/bin/cat").unwrap();
    let at = program.windows(10).position(|name| name == b"libc.so.6\0").unwrap();
    program[at..at + 9].copy_from_slice(b"libX.so.6");
    let place = path(&home, "cat");
    std::fs::write(&place, program).unwrap();
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
    with_kernels(&home)
        .args(["vm", "--kernel", KERNEL, "--", &place])
        .assert()
        .code(3)
        .stderr(contains("cannot find the libraries of ").and(contains("libX.so.6")))
        .stderr(is_one_line());
}

fn is_one_line() -> impl Predicate<str> {
    predicate::function(|text: &str| text.lines().count() == 1)
}
