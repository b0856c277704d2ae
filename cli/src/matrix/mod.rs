//! `ioconform matrix`.

mod kept;
mod progress;
mod systems;

use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ::matrix::accelerator::{Probe, known};
use ::matrix::machine::Machine;
use ::matrix::plan::{Plan, Start};
use ::matrix::qemu::{self, Accelerator, Qemu};
use ::matrix::vm::{memory_for, pack};
use harness::matrix::{Column, Matrix};

use crate::Failure;
use crate::arguments;
use crate::execution::{Cancel, now};
use crate::outputs::Output;
use crate::screen::Screen;
use crate::select::{Kind, choose};
use kept::Kept;
use progress::Display;

/// What an emulated CPU needs: deadlines are for a fast one.
const TIMEOUT_SCALE: &str = "--timeout-scale=10";

pub(crate) fn matrix(arguments: &arguments::Matrix, screen: &Screen) -> Result<u8, Failure> {
    let cases = choose(&arguments.choice, Kind::Kernel).map_err(Failure::usage)?;
    arguments.output.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    if arguments.output.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    let folder = tempfile::Builder::new().prefix("ioconform-matrix-").tempdir()?;
    let initramfs = folder.path().join("initramfs");
    pack(&initramfs, &[])?;
    let memory = memory_for(&initramfs)?;
    let qemu = Qemu {
        accelerator: Accelerator::Tcg,
        cpus: arguments.guest.cpus,
        memory,
        append: arguments.guest.append.clone(),
        version: qemu::version()?,
    };
    let mut systems = systems::systems(arguments, &qemu, folder.path(), screen)?;
    let order: Vec<String> = systems.iter().map(|system| system.name.clone()).collect();
    systems.sort_by_key(|system| match system.start {
        Start::Boot(_, Machine::Uml(_)) => 0,
        Start::Gvisor(..) => 1,
        _ => 2,
    });
    if cases.is_empty() || systems.is_empty() {
        let nothing = anyhow::anyhow!("nothing to run: the filters leave nothing");
        return Err(Failure { code: 4, error: nothing });
    }
    let cancel = Cancel::on_signals()?;
    let mut notes = Vec::new();
    let newest = systems.iter().rev().find_map(|system| match &system.start {
        Start::Boot(image, Machine::Qemu(_)) => Some(image.clone()),
        _ => None,
    });
    if let Some(image) = newest {
        let probe = Probe {
            image: &image,
            initramfs: &initramfs,
            folder: folder.path(),
            known: &known(),
            cancel: Some(cancel.reader.as_fd()),
        };
        let (accelerator, note) = probe.ask(&qemu);
        notes.extend(note);
        for system in &mut systems {
            if let Start::Boot(_, Machine::Qemu(qemu)) = &mut system.start {
                qemu.accelerator = accelerator;
            }
        }
    }
    for system in &mut systems {
        if let Start::Boot(_, machine) = &mut system.start {
            machine.at_least(memory);
        }
    }
    let kept = Kept::of(arguments, &cases)?;
    let before = if arguments.resume { kept.take(&mut systems) } else { Vec::new() };
    if !before.is_empty() {
        notes.push(format!("{} systems were judged before", before.len()));
    }
    let repeat = format!("--repeat={}", arguments.repeat);
    let display = Display::new(screen, arguments, systems.len(), cases.len());
    let (started, clock) = (now(), Instant::now());
    let plan = Plan {
        jobs: arguments.jobs.map_or_else(|| side_by_side(memory), |jobs| jobs as usize),
        systems,
        initramfs: &initramfs,
        folder: folder.path(),
        cases: &cases,
        arguments: &[repeat],
        emulated: &[TIMEOUT_SCALE.to_owned()],
        cancel: Some(cancel.reader.as_fd()),
    };
    let mut columns = plan.run(&display, &|column: &Column| {
        kept.put(column);
        display.done(column);
    });
    display.close();
    columns.extend(before);
    columns.sort_by_key(|column| order.iter().position(|name| *name == column.name));
    let matrix = Matrix {
        millis: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        interrupted: cancel.happened.load(Ordering::Relaxed),
        command: std::env::args().skip(1).collect(),
        notes,
        columns,
        ..Matrix::new(env!("CARGO_PKG_VERSION"), started)
    };
    progress::summarize(&matrix, arguments.quiet, screen);
    for output in &arguments.output {
        output.write(&output.format.render_matrix(&matrix))?;
    }
    Ok(matrix.exit_code())
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
