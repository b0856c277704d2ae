//! `ioconform matrix`.

mod kept;
mod progress;
mod systems;

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ::matrix::accelerator::{Probe, known};
use ::matrix::kernels::entry;
use ::matrix::machine::Machine;
use ::matrix::plan::{Plan, Start, System};
use ::matrix::vm::{memory_for, pack};
use anyhow::Context as _;
use harness::baseline::Baseline;
use harness::matrix::{Column, Matrix};

use crate::Failure;
use crate::arguments;
use crate::execution::{Cancel, baseline, command, ids, now};
use crate::outputs::{Output, write_all};
use crate::screen::Screen;
use crate::select::{Kind, choose};
use kept::Kept;
use progress::Display;
use systems::Wanted;

/// What an emulated CPU needs: deadlines are for a fast one.
const TIMEOUT_SCALE: &str = "--timeout-scale=4";

/// What is known of systems that are no Linux.
const KNOWN_OF_OTHERS: &str = include_str!("../../../ci/matrix.toml");

pub(crate) fn matrix(arguments: &arguments::Matrix, screen: &Screen) -> Result<u8, Failure> {
    let cases = choose(&arguments.choice, Kind::Kernel).map_err(Failure::usage)?;
    let mut baselines = vec![Baseline::parse("ci/matrix.toml", KNOWN_OF_OTHERS, &ids())?];
    baselines.extend(arguments.baseline.as_deref().map(baseline).transpose()?);
    arguments.output.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    if arguments.output.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    let wanted = Wanted::of(arguments, screen)?;
    let cancel = Cancel::on_signals()?;
    let folder = tempfile::Builder::new().prefix("ioconform-matrix-").tempdir()?;
    let (initramfs, program) = (folder.path().join("initramfs"), folder.path().join("ioconform"));
    pack(&initramfs, &[])?;
    let memory = memory_for(&initramfs)?;
    let mut systems = wanted.systems(&arguments.guest, memory, folder.path())?;
    if systems.iter().any(|system| matches!(system.start, Start::Gvisor(..))) {
        std::fs::copy("/proc/self/exe", &program).context("cannot copy this program")?;
    }
    if cases.is_empty() || systems.is_empty() {
        let nothing = anyhow::anyhow!("nothing to run: the filters leave nothing");
        return Err(Failure { code: 4, error: nothing });
    }
    let order: Vec<String> = systems.iter().map(|system| system.name.clone()).collect();
    let kept = Kept::of(arguments, &cases)?;
    let before = if arguments.resume { kept.take(&mut systems) } else { Vec::new() };
    let (started, clock) = (now(), Instant::now());
    let mut notes = Vec::new();
    if !before.is_empty() {
        notes.push(format!("{} of {} systems were judged before", before.len(), order.len()));
    }
    notes.extend(accelerate(&mut systems, folder.path(), &initramfs, cancel.reader.as_fd()));
    // Those that take long come first, and none is left alone at the end.
    systems.sort_by_key(|system| match system.start {
        Start::Boot(_, Machine::Uml(_)) => 0,
        Start::Gvisor(..) => 1,
        _ => 2,
    });
    let display = Display::new(screen, arguments, systems.len(), cases.len());
    let plan = Plan {
        jobs: arguments.jobs.map_or_else(|| side_by_side(memory), |jobs| jobs as usize),
        systems,
        initramfs: &initramfs,
        program: &program,
        folder: folder.path(),
        cases: &cases,
        arguments: &[format!("--repeat={}", arguments.repeat)],
        emulated: &[TIMEOUT_SCALE.to_owned()],
        cancel: Some(cancel.reader.as_fd()),
    };
    let apply = |column: &mut Column| {
        for baseline in &baselines {
            baseline.apply_to(column);
        }
    };
    let mut columns = plan.run(&display, &|column: &mut Column| {
        kept.put(column);
        apply(column);
        display.done(column);
    });
    display.close();
    columns.extend(before.into_iter().map(|mut column| {
        apply(&mut column);
        column
    }));
    columns.sort_by_key(|column| order.iter().position(|name| *name == column.name));
    // Only all cases together can tell that an entry matches nothing.
    if arguments.choice.is_whole() {
        for column in columns.iter_mut().filter(|column| column.broken.is_none()) {
            let stale: Vec<_> =
                baselines.iter().flat_map(|baseline| baseline.stale_of(column)).collect();
            column.run.iter_mut().for_each(|run| run.stale_baseline.clone_from(&stale));
        }
    }
    let matrix = Matrix {
        millis: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        interrupted: cancel.happened.load(Ordering::Relaxed),
        command: command(),
        notes,
        columns,
        ..Matrix::new(env!("CARGO_PKG_VERSION"), started)
    };
    progress::summarize(&matrix, arguments.quiet, screen);
    let mend = "what was judged is kept: the same command with --resume writes it";
    write_all(&arguments.output, |format| format.render_matrix(&matrix))
        .map_err(|failure| anyhow::anyhow!("{failure}; {mend}"))?;
    Ok(matrix.exit_code())
}

/// Lets virtual machines run on KVM if the newest of the kernels comes up there: one that was fetched,
/// for the user's own may be broken. Returns what there is to be noted.
fn accelerate(
    systems: &mut [System],
    folder: &Path,
    initramfs: &Path,
    cancel: BorrowedFd,
) -> Option<String> {
    let booted = systems.iter().filter_map(|system| match &system.start {
        Start::Boot(image, Machine::Qemu(qemu)) => Some((system, image, qemu)),
        _ => None,
    });
    let (newest, image, qemu) = booted.max_by_key(|(system, ..)| entry(&system.name).is_ok())?;
    let image_sha256 = &newest.platform.image_sha256;
    let (known, cancel) = (known(), Some(cancel));
    let known = known.as_deref();
    let probe = Probe { image, image_sha256, initramfs, folder, known, cancel };
    let (accelerator, note) = probe.ask(qemu);
    for system in systems {
        if let Start::Boot(_, Machine::Qemu(qemu)) = &mut system.start {
            qemu.accelerator = accelerator;
        }
    }
    note
}

/// How many systems fit beside each other into this machine: one a CPU, and no more than half of
/// the memory that is free.
fn side_by_side(memory: u64) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let room = free.map_or(1, |kibibytes| kibibytes / 1024 / 2 / memory.max(1));
    cpus.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
}
