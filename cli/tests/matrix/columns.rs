//! Kernels side by side: whole ones, and one for each way to fail.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harness::matrix::{Column, Fault};
use harness::record::Verdict;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::contains;
use rstest::rstest;
use tempfile::TempDir;

use crate::common::{assert_refused, home, path, write};
use crate::guests::{cache, ids, is_whole, kernels, processes, read, with_kernels};

/// A few quick cases.
const FEW: &str = "epoll.edge";

#[test]
fn three_kernels_are_three_whole_columns_in_order() {
    let Some((_turn, _)) = kernels(["5.10", "6.12", "7.3"]) else { return };
    let home = home();
    let file = path(&home, "m.json");
    with_kernels(&home)
        .args(["matrix", FEW, "herd.blocking", "--kernel", "7.3", "--kernel", "5.10"])
        .args(["--kernel", "6.12", "--jobs", "2", "-o", &format!("json={file}")])
        .args(["--append", "panic_on_warn=1"])
        .assert()
        .code(0)
        .stdout(contains("3 systems, ").and(contains(": 0 unexpected, 0 not judged to the end")));
    let matrix = read(&file);
    let mut all = ids(FEW);
    all.extend(ids("herd.blocking"));
    for (column, name) in matrix.columns.iter().zip(["7.3", "5.10", "6.12"]) {
        assert_eq!(column.name, name);
        assert!(column.release().starts_with(name), "{}", column.release());
        assert!(is_whole(column, &all), "{column:?}");
        assert!(column.platform.command_line.ends_with(" panic_on_warn=1"));
        assert!(column.platform.boots >= 1 && column.platform.boot_millis.is_some());
        assert!(!column.platform.image_sha256.is_empty());
    }
    assert_nothing_is_left(&home);
}

/// A column with a fault, beside one of this machine, which must be whole.
#[rstest]
#[case::no_init(
    "5.10",
    "rdinit=/nonexistent init=/nonexistent",
    "it panicked while it booted: ",
    "Kernel panic"
)]
#[case::no_memory(
    "7.3",
    "mem=32M",
    "it panicked while it booted: Cannot find place for new RAMDISK",
    "end Kernel panic"
)]
fn a_kernel_that_panics_is_a_column_that_says_so(
    #[case] kernel: &str,
    #[case] append: &str,
    #[case] reason: &str,
    #[case] console: &str,
) {
    let Some((_turn, _)) = kernels([kernel]) else { return };
    let home = home();
    let file = path(&home, "m.json");
    with_kernels(&home)
        .args(["matrix", FEW, "--kernel", kernel, "--kernel", "machine", "--append", append])
        .args(["-o", &format!("json={file}")])
        .assert()
        .code(3)
        .stdout(contains("2 systems, ").and(contains(", 1 not judged to the end")));
    let matrix = read(&file);
    let [planted, other] = &*matrix.columns else { panic!("{matrix:?}") };
    let broken = planted.broken.as_ref().unwrap();
    assert_eq!(broken.how, Fault::Panic);
    assert!(broken.reason.starts_with(reason), "{}", broken.reason);
    assert!(broken.console.iter().any(|line| line.contains(console)), "{:?}", broken.console);
    assert_eq!(planted.run, None);
    assert!(is_whole(other, &ids(FEW)), "{other:?}");
    assert_nothing_is_left(&home);
}

#[test]
fn files_that_are_no_kernels_are_columns_beside_a_whole_one() {
    let Some((_turn, [image])) = kernels(["7.3"]) else { return };
    let home = home();
    let file = path(&home, "m.json");
    let text = write(&home, "config", "CONFIG_PVH=y\n");
    let mut kernel = std::fs::read(image.with_file_name("vmlinuz")).unwrap();
    kernel.truncate(kernel.len() / 2);
    let cut = path(&home, "bzImage");
    std::fs::write(&cut, kernel).unwrap();
    with_kernels(&home)
        .args(["matrix", FEW, "--kernel", &text, "--kernel", "7.3", "--kernel", &cut])
        .args(["-o", &format!("json={file}")])
        .assert()
        .code(3)
        .stdout(contains("3 systems, ").and(contains(", 2 not judged to the end")));
    let matrix = read(&file);
    let [text, whole, cut] = &*matrix.columns else { panic!("{matrix:?}") };
    for (column, reason) in [(text, "is a text file, not a kernel"), (cut, "it is cut off: ")] {
        let broken = column.broken.as_ref().unwrap();
        assert_eq!(broken.how, Fault::Unbootable);
        assert!(broken.reason.contains(reason), "{}", broken.reason);
    }
    assert!(is_whole(whole, &ids(FEW)), "{whole:?}");
}

/// Their columns, and what is kept of them, are not one.
#[test]
fn kernels_of_one_name_are_called_by_their_paths() {
    let home = home();
    // The beginning of a kernel, which says that there is more.
    let mut image = vec![0; 0x250];
    image[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
    image[0x24c] = 200;
    let paths = ["old", "new"].map(|folder| {
        std::fs::create_dir(home.path().join(folder)).unwrap();
        let path = path(&home, &format!("{folder}/bzImage"));
        std::fs::write(&path, &image).unwrap();
        path
    });
    let file = path(&home, "m.json");
    with_kernels(&home)
        .args(["matrix", FEW, "--kernel", &paths[0], "--kernel", &paths[1]])
        .args(["-o", &format!("json={file}")])
        .assert()
        .code(3);
    let names: Vec<String> = read(&file).columns.into_iter().map(|column| column.name).collect();
    assert_eq!(names, paths);
    let twice = ["matrix", FEW, "--kernel", &paths[0], "--kernel", &paths[0]];
    let says = format!("`{}` is there twice", paths[0]);
    assert_refused(with_kernels(&home).args(twice), &says);
}

/// What the ready files for CI do: parts, each judged on its own, and one report of all.
#[test]
fn the_parts_of_a_matrix_are_joined() {
    let Some((_turn, _)) = kernels(["5.10", "7.3"]) else { return };
    let home = home();
    let parts = ["1/2", "2/2"].map(|shard| {
        let part = path(&home, &format!("part-{}.json", &shard[..1]));
        with_kernels(&home)
            .args(["matrix", FEW, "--kernel", "5.10", "--kernel", "7.3", "--shard", shard])
            .args(["-o", &format!("json={part}")])
            .assert()
            .code(0);
        part
    });
    let (all, page) = (path(&home, "all.json"), path(&home, "REPORT.md"));
    with_kernels(&home)
        .arg("report")
        .args(parts)
        .args(["-o", &format!("json={all}"), "-o", &format!("md={page}")])
        .assert()
        .code(0);
    let matrix = read(&all);
    let names: Vec<_> = matrix.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["5.10", "7.3"]);
    assert!(matrix.columns.iter().all(|column| is_whole(column, &ids(FEW))), "{matrix:?}");
    assert!(std::fs::read_to_string(page).unwrap().contains("every_arrival"));
}

/// A matrix that was started, and the folder in which its temporary files lie.
fn started(home: &TempDir, arguments: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("ioconform"));
    command.arg("matrix").args(arguments).env("TMPDIR", home.path());
    command.env("XDG_STATE_HOME", home.path()).env("XDG_CACHE_HOME", cache().unwrap());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits until the console of a guest of this matrix shows a text.
fn wait_for(home: &TempDir, text: &str) {
    while !consoles(home.path()).iter().any(|console| {
        String::from_utf8_lossy(&std::fs::read(console).unwrap_or_default()).contains(text)
    }) {
        std::thread::yield_now();
    }
}

/// The consoles below a folder, which may come and go.
fn consoles(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |path: PathBuf| if path.is_dir() { consoles(&path) } else { vec![path] };
    entries.flat_map(|entry| below(entry.path())).filter(|path| path.ends_with("console")).collect()
}

/// The processes of QEMU that belong to a matrix in this folder.
fn emulators(home: &TempDir) -> Vec<i32> {
    processes(&home.path().display().to_string())
        .into_iter()
        .filter(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.starts_with("qemu-system")
        })
        .collect()
}

fn assert_nothing_is_left(home: &TempDir) {
    assert_eq!(emulators(home), Vec::<i32>::new());
    let left = std::fs::read_dir(home.path()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("ioconform-matrix-")
    });
    assert_eq!(left.count(), 0);
}

/// A machine that is killed costs no verdict, and the column says that it was.
#[rstest]
#[case::killed(Signal::SIGKILL, "it ended at work: signal 9 killed the emulator")]
#[case::ended(Signal::SIGTERM, "it ended at work: the emulator says: ")]
fn an_emulator_that_is_killed_costs_nothing(#[case] signal: Signal, #[case] reason: &str) {
    let Some((_turn, _)) = kernels(["5.10"]) else { return };
    let home = home();
    let file = path(&home, "m.json");
    let mut matrix =
        started(&home, &[FEW, "--kernel", "5.10", "--repeat", "20", "-o", &format!("json={file}")]);
    wait_for(&home, "ioconform: begin ");
    let [qemu] = emulators(&home)[..] else { panic!("one guest") };
    kill(Pid::from_raw(qemu), signal).unwrap();
    let mut said = String::new();
    matrix.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let status = matrix.wait().unwrap();
    let matrix = read(&file);
    let column: &Column = &matrix.columns[0];
    let run = column.run.as_ref().unwrap();
    assert_eq!(run.records.len(), ids(FEW).len(), "{said}");
    assert!(run.records.iter().all(|record| record.verdict != Verdict::Error), "{said}");
    // In a case, or between two.
    if let Some(broken) = &column.broken {
        assert!(broken.reason.starts_with(reason), "{}", broken.reason);
        assert_eq!((status.code(), column.platform.boots), (Some(3), 2), "{said}");
    } else {
        let note = format!("it was started again, for {reason}");
        assert!(run.notes.iter().any(|it| it.starts_with(&note)), "{:?}", run.notes);
        assert_eq!(status.code(), Some(0), "{said}");
    }
    assert_nothing_is_left(&home);
}

/// The first Ctrl-C ends the matrix in order.
#[rstest]
#[case(Signal::SIGINT)]
#[case(Signal::SIGTERM)]
#[case(Signal::SIGHUP)]
fn an_interrupted_matrix_keeps_what_is_done_and_leaves_nothing(#[case] signal: Signal) {
    // This test may run under nohup itself.
    harness::sys::signal::default_action(signal).unwrap();
    let Some((_turn, _)) = kernels(["5.10", "7.3"]) else { return };
    let home = home();
    let file = path(&home, "m.json");
    let output = format!("json={file}");
    let kernels = ["--kernel", "5.10", "--kernel", "7.3", "--jobs", "1"];
    let arguments = [&[FEW, "-o", &output][..], &kernels].concat();
    let mut matrix = started(&home, &arguments);
    let mut stdout = BufReader::new(matrix.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert!(first.starts_with("[1/2] 5.10 "), "{first}");
    kill(Pid::from_raw(matrix.id().cast_signed()), signal).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(matrix.wait().unwrap().code(), Some(130), "{rest}");
    assert_nothing_is_left(&home);
    let matrix = read(&file);
    assert!(matrix.interrupted);
    assert!(is_whole(&matrix.columns[0], &ids(FEW)), "{:?}", matrix.columns[0]);
    assert_eq!(matrix.columns[1].broken.as_ref().unwrap().how, Fault::Interrupted);
    let resumed = started(&home, &[&arguments[..], &["--resume"]].concat());
    let resumed = resumed.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&resumed.stdout);
    assert_eq!(resumed.status.code(), Some(0), "{said}");
    assert!(said.contains("[1/1] 7.3 ") && !said.contains("[1/1] 5.10 "), "{said}");
    let whole = read(&file);
    assert!(whole.notes.iter().any(|note| note == "1 of 2 systems were judged before"));
    assert_eq!(whole.columns[0], matrix.columns[0]);
    assert!(is_whole(&whole.columns[1], &ids(FEW)), "{:?}", whole.columns[1]);
}

/// Not even SIGKILL leaves a guest behind.
#[test]
fn a_matrix_that_is_killed_takes_its_guests_along() {
    let Some((_turn, _)) = kernels(["5.10"]) else { return };
    let home = home();
    let mut matrix = started(&home, &[FEW, "--kernel", "5.10", "--repeat", "100"]);
    wait_for(&home, "ioconform: begin ");
    let [qemu] = emulators(&home)[..] else { panic!("one guest") };
    let end = harness::sys::process::pidfd(Pid::from_raw(qemu)).unwrap();
    matrix.kill().unwrap();
    matrix.wait().unwrap();
    let mut fds =
        [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&end), nix::poll::PollFlags::POLLIN)];
    assert_eq!(nix::poll::poll(&mut fds, 10_000_u16), Ok(1), "the guest lives on");
}
