//! A matrix with everything in it that a report has to show, made from a run of one system. The same
//! run gives the same matrix.

use harness::matrix::{Broken, Column, Fault, Matrix, Platform, PlatformKind};
use harness::record::{Check, Evidence, Record, Run, Verdict};

/// The systems: 14 of them.
pub(crate) const NAMES: [&str; 14] = [
    "5.10",
    "6.1",
    "6.12",
    "6.12-rt",
    "6.16",
    "6.17",
    "6.18",
    "6.19",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "uml",
    "gvisor-systrap",
];

/// Which rows are made different, counted in the run's order.
pub(crate) const FIXED_IN_6_12: usize = 3;
pub(crate) const SINCE_6_1: usize = 8;
pub(crate) const BROKEN_IN_7_1: usize = 12;
pub(crate) const SPLAT_ON_7_2: usize = 17;

/// The commit that mended the first of them.
pub(crate) const COMMIT: &str = "mended by commit 0123456789ab (\"epoll: wake the right one\")";

/// The run on [`NAMES`]: of 6.17 nothing came, and 7.0 panicked half-way.
pub(crate) fn matrix(run: &Run) -> Matrix {
    let columns = NAMES.iter().enumerate().map(|(at, name)| column(run, at, name));
    Matrix {
        millis: 93_000,
        command: ["matrix", "-o", "matrix.html"].map(str::to_owned).into(),
        notes: vec!["7.2 is not in the archive any more; it was kept from before".to_owned()],
        columns: columns.collect(),
        ..Matrix::new("0.1.0", "2026-01-01T00:00:00Z".to_owned())
    }
}

fn column(run: &Run, at: usize, name: &str) -> Column {
    let kind = match name {
        "uml" => PlatformKind::Uml,
        "gvisor-systrap" => PlatformKind::Gvisor,
        _ => PlatformKind::Qemu,
    };
    let release = match name {
        "uml" => "6.1.176-um".to_owned(),
        "gvisor-systrap" => "4.4.0".to_owned(),
        _ => format!(
            "{}.{}{}-cloud-amd64",
            &name[..name.len().min(4)],
            90 - at,
            &name[name.len().min(4)..]
        ),
    };
    let mut run = run.clone();
    run.system.release.clone_from(&release);
    run.system.version = format!("#1 SMP PREEMPT_DYNAMIC Debian {release}-1");
    for (row, record) in run.records.iter_mut().enumerate() {
        alter(record, row, at, name);
    }
    let broken = match name {
        "6.17" => Some(Broken {
            how: Fault::Silent,
            reason: "it ended after 2.1 s without a word".to_owned(),
            console: Vec::new(),
        }),
        "7.0" => {
            run.records.truncate(run.records.len() / 2);
            run.complete = false;
            Some(panic(&run.records))
        }
        _ => None,
    };
    let never = broken.as_ref().is_some_and(|broken| broken.how == Fault::Silent);
    Column {
        name: name.to_owned(),
        platform: Platform {
            kind,
            emulator: match kind {
                PlatformKind::Qemu => "QEMU 7.2.22, tcg, q35, 1 CPU, 256 MiB".to_owned(),
                _ => String::new(),
            },
            origin: format!("linux-image-{release} 1-1"),
            command_line: "console=ttyS0 quiet panic=-1 oops=panic".to_owned(),
            clocksource: "tsc".to_owned(),
            image_sha256: format!("{at:064x}"),
            config_sha256: format!("{:064x}", at + 100),
            boot_millis: (!never).then_some(1200 + 37 * at as u64),
            boots: 1,
        },
        broken,
        run: (!never).then_some(run),
    }
}

/// What a case does on this system that it does not on the one of the run.
fn alter(record: &mut Record, row: usize, at: usize, name: &str) {
    for measure in &mut record.evidence.measures {
        measure.value += at as f64;
    }
    let linux = at < 12;
    if row == FIXED_IN_6_12 && at < 2 {
        deviate(record, "the wrong one was woken");
        COMMIT.clone_into(&mut record.note);
    } else if row == SINCE_6_1 && at == 0 {
        plain(record, Verdict::Unsupported, "EINVAL: the flag is newer than this kernel");
        "upstream has it since 5.11".clone_into(&mut record.note);
    } else if row == BROKEN_IN_7_1 && name == "7.1" {
        deviate(record, "two were woken");
        record.expected = false;
    } else if row == SPLAT_ON_7_2 && name == "7.2" {
        record.evidence.kernel_log = SPLAT.map(str::to_owned).into();
    } else if row % 23 == 5 && name == "uml" {
        plain(record, Verdict::Skipped, "it needs 2 CPUs, and there is one");
    } else if row % 9 == 4 && !linux {
        plain(record, Verdict::Unobservable, "there is no /proc/PID/task/TID/syscall");
    } else if row % 31 == 6 && !linux {
        deviate(record, "EPOLLIN | EPOLLHUP came where EPOLLIN was due");
        record.expected = false;
    } else if row % 47 == 20 && !linux {
        plain(record, Verdict::Error, "hung: the deadline of 5 s passed");
        record.expected = false;
    }
}

fn plain(record: &mut Record, verdict: Verdict, reason: &str) {
    record.verdict = verdict;
    reason.clone_into(&mut record.reason);
    record.evidence = Evidence::default();
}

fn deviate(record: &mut Record, reason: &str) {
    plain(record, Verdict::Deviates, reason);
    record.evidence.checks = vec![Check {
        holds: false,
        sentence: "one worker is woken".to_owned(),
        expression: "crew.wakeups()? == [0, 0, 1]".to_owned(),
        expected: "== [0, 0, 1]".to_owned(),
        observed: "[1, 1, 1]".to_owned(),
        file: "cases/src/kernel/epoll/level.rs".to_owned(),
        line: 77,
    }];
}

const SPLAT: [&str; 4] = [
    "WARNING: CPU: 0 PID: 812 at fs/eventpoll.c:701 ep_poll_callback+0x1c5/0x2a0",
    "RIP: 0010:ep_poll_callback+0x1c5/0x2a0",
    "Call Trace: __wake_up_common sock_def_readable tcp_data_queue",
    "---[ end trace 0000000000000000 ]---",
];

fn panic(records: &[Record]) -> Broken {
    let last = records.last().map_or("", |record| &record.id);
    Broken {
        how: Fault::Panic,
        reason: format!("it panicked behind {last}"),
        console: [
            "BUG: kernel NULL pointer dereference, address: 0000000000000018",
            "RIP: 0010:sock_poll+0x42/0x110",
            "Kernel panic - not syncing: Fatal exception",
            "Rebooting in 1 seconds..",
        ]
        .map(str::to_owned)
        .into(),
    }
}
