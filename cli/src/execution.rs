//! Cases, run, judged, told of and written down: what `run` and `server` have in common.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use harness::baseline::Baseline;
use harness::case::Case;
use harness::catalogue;
use harness::events::{Event, Writer};
use harness::isolate::{Namespace, Wardens, probe, probe_tracer};
use harness::judge::Judge;
use harness::record::{Judged, Record, Run, SCHEMA};
use harness::runner::{self, Item, Plan};
use harness::target::Target;
use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::arguments::Execution;
use crate::outputs::{Output, write_all};
use crate::progress::Display;
use crate::screen::Screen;
use crate::summary::summarize;
use crate::{COULD_NOT_JUDGE, Failure, state};

/// What is to be done.
pub(crate) struct Assignment<'a> {
    /// The cases.
    pub(crate) cases: Vec<&'static Case>,
    /// The servers that they are tried on, each on each; none if they are about the kernel.
    pub(crate) targets: &'a [Target],
    /// Whether these are all the cases that there are: only then can a baseline be found stale.
    pub(crate) whole: bool,
}

/// What was done, and the file of its result, if it could be kept.
pub(crate) struct Performed {
    pub(crate) run: Run,
    kept: Option<PathBuf>,
}

/// Runs the cases, tells what came of it, and writes it down. Returns the exit code.
pub(crate) fn execute(
    assignment: &Assignment,
    arguments: &Execution,
    screen: &Screen,
) -> Result<u8, Failure> {
    let performed = perform(assignment, arguments, screen)?;
    summarize(arguments, screen, &performed.run);
    Ok(write_down(performed, arguments, screen))
}

/// Runs the cases, with progress on the screen.
pub(crate) fn perform(
    assignment: &Assignment,
    arguments: &Execution,
    screen: &Screen,
) -> Result<Performed, Failure> {
    let judge = judge(arguments)?;
    if arguments.trace {
        check_tracer()?;
    }
    arguments.output.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    if arguments.output.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    if assignment.cases.is_empty() {
        return Err(Failure {
            code: 4,
            error: anyhow::anyhow!("nothing to run: the filters leave no case"),
        });
    }
    let mut notes = harness::doctor::notes();
    // A server that runs already can be tried only where it is.
    let foreign = assignment.targets.iter().any(|target| !target.is_started());
    let wardens = Wardens::new(if foreign { BTreeSet::new() } else { probe()? });
    let mut jobs = arguments.jobs.map_or(judge.system.cpus, |jobs| jobs as usize);
    if foreign {
        jobs = 1;
    } else if !wardens.give(Namespace::Net) && jobs > 1 {
        jobs = 1;
        notes.push("trials ran one at a time: they share ports and counters".to_owned());
    }
    let cancel = Cancel::on_signals()?;
    let items = assignment.items();
    let gate = catalogue::find(cases::server::GATE).filter(|_| !assignment.targets.is_empty());
    // The gate is tried whether or not it was selected.
    let selected = |gate: &&Case| assignment.cases.iter().any(|case| case.id == gate.id);
    let gates = gate.filter(|gate| !selected(gate)).map_or(0, |_| assignment.targets.len());
    let total = items.len() + gates;
    let plan = Plan {
        items,
        gate,
        jobs,
        attempts: arguments.attempts,
        repeat: if arguments.until_unexpected && arguments.repeat == 1 {
            u32::MAX
        } else {
            arguments.repeat
        },
        until_unexpected: arguments.until_unexpected,
        fail_fast: arguments.fail_fast,
        timeout_scale: arguments.timeout_scale,
        trace: arguments.trace,
        untraceable: cases::power::UNTRACEABLE,
        wardens: &wardens,
        cancel: Some(cancel.reader.as_fd()),
    };
    let (started, clock) = (now(), Instant::now());
    let mut run = Run {
        schema: SCHEMA,
        ioconform: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        millis: 0,
        complete: false,
        interrupted: false,
        command: command(),
        stale_baseline: Vec::new(),
        system: judge.system.clone(),
        targets: assignment.targets.iter().map(Judged::from).collect(),
        notes,
        records: Vec::new(),
    };
    let display = Display::new(screen, arguments.progress, total, plan.repeat, arguments.quiet);
    let events = events(arguments)?;
    let done = match &events {
        Some(events) => {
            events.write(&Event::Start(Box::new(run.clone())));
            runner::run(&plan, &judge, events)
        }
        None => runner::run(&plan, &judge, &display),
    };
    display.close();

    run.millis = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    run.complete = done.complete;
    run.interrupted = cancel.happened.load(Ordering::Relaxed);
    run.stale_baseline = stale(&judge, assignment, done.complete);
    if let Some(events) = &events {
        events.write(&Event::End(Box::new(run.clone())));
    }
    run.records = done.records;
    let kept = state::remember(&run);
    Ok(Performed { run, kept })
}

/// That trials can be traced here; or else what mends it.
pub(crate) fn check_tracer() -> anyhow::Result<()> {
    probe_tracer().context(
        "trials cannot be traced here: ptrace(2) and seccomp(2) are needed \
         (sysctl -w kernel.yama.ptrace_scope=1; in a container, --cap-add=SYS_PTRACE)",
    )
}

/// Writes the reports and the baseline that were asked for. Returns the exit code.
pub(crate) fn write_down(performed: Performed, arguments: &Execution, screen: &Screen) -> u8 {
    let Performed { run, kept } = performed;
    let written = write_reports(arguments, &run, kept.as_deref());
    let blessed = if arguments.bless { bless(arguments, &run, screen) } else { Ok(()) };
    if let Err(failure) = written.and(blessed) {
        screen.error(&format!("{failure:#}"));
        return match run.exit_code() {
            0 => COULD_NOT_JUDGE,
            code => code,
        };
    }
    let accepted = |record: &Record| arguments.bless && Baseline::accepts(record);
    let rest = Run {
        records: run.records.into_iter().filter(|record| !accepted(record)).collect(),
        ..run
    };
    if rest.records.is_empty() { 0 } else { rest.exit_code() }
}

impl<'a> Assignment<'a> {
    /// Each case, on each server if it is about servers.
    fn items(&self) -> Vec<Item<'a>> {
        if self.targets.is_empty() {
            return self.cases.iter().map(|case| Item { case, target: None }).collect();
        }
        let on_all = |case: &&'static Case| {
            let case = *case;
            self.targets.iter().map(move |target| Item { case, target: Some(target) })
        };
        self.cases.iter().flat_map(on_all).collect()
    }
}

/// Where events go, if they are wanted.
fn events(arguments: &Execution) -> anyhow::Result<Option<Writer<File, File>>> {
    let open = |path: &Path| {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.with_context(|| format!("cannot write to {}", path.display()))
    };
    let log = arguments.log.as_deref().map(open).transpose()?;
    Ok(arguments.events.as_deref().map(open).transpose()?.map(|events| Writer::new(events, log)))
}

/// Known deviations of cases of the catalogue.
pub(crate) fn baseline(path: &Path) -> Result<Baseline, Failure> {
    Baseline::read(path, &ids()).map_err(Failure::usage)
}

/// The ids of the catalogue.
pub(crate) fn ids() -> Vec<&'static str> {
    cases::catalogue().iter().map(|case| case.id).collect()
}

fn judge(arguments: &Execution) -> Result<Judge, Failure> {
    let mut judge = Judge::here();
    if let Some(path) = &arguments.baseline
        && (path.exists() || !arguments.bless)
    {
        judge.baseline = Some(baseline(path)?);
    }
    Ok(judge)
}

/// Entries that matched nothing. Only a run of the whole catalogue can tell.
fn stale(judge: &Judge, assignment: &Assignment, complete: bool) -> Vec<String> {
    match &judge.baseline {
        Some(baseline) if assignment.whole && complete => baseline.stale(&judge.system),
        _ => Vec::new(),
    }
}

/// Appends to the baseline what can be accepted: what stands in it is its author's.
fn bless(arguments: &Execution, run: &Run, screen: &Screen) -> anyhow::Result<()> {
    let Some(path) = &arguments.baseline else { return Ok(()) };
    let (entries, count) = Baseline::bless(run);
    if count > 0 {
        let before =
            if path.exists() { std::fs::read_to_string(path)? + "\n" } else { String::new() };
        let written = harness::report::write(path, &(before + &entries));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    screen.line(&format!("{count} entries added to {}; give each its reason", path.display()));
    Ok(())
}

/// Writes the reports; says of those that cannot be written where the results are.
fn write_reports(
    arguments: &Execution,
    run: &Run,
    kept: Option<&std::path::Path>,
) -> anyhow::Result<()> {
    let written = write_all(&arguments.output, |format| format.render(run));
    let kept = || kept.map(|kept| format!("; the results are kept in {}", kept.display()));
    written.map_err(|failure| anyhow::anyhow!("{failure}{}", kept().unwrap_or_default()))
}

/// The first of SIGINT, SIGTERM and SIGHUP (unless that is ignored) ends the run in order, a second one
/// at once. A terminal that goes away may send several SIGHUP.
pub(crate) struct Cancel {
    /// Becomes readable, and stays so.
    pub(crate) reader: std::io::PipeReader,
    pub(crate) happened: Arc<AtomicBool>,
}

impl Cancel {
    pub(crate) fn on_signals() -> anyhow::Result<Cancel> {
        let (reader, mut writer) = std::io::pipe()?;
        let happened = Arc::new(AtomicBool::new(false));
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        if !harness::sys::signal::is_ignored(Signal::SIGHUP)? {
            signals.add_signal(SIGHUP)?;
        }
        let flag = happened.clone();
        std::thread::spawn(move || {
            for signal in &mut signals {
                match (flag.swap(true, Ordering::Relaxed), signal) {
                    (false, _) => {
                        let _ = writer.write_all(b"!");
                    }
                    (true, SIGHUP) => {}
                    (true, _) => std::process::exit(130),
                }
            }
        });
        Ok(Cancel { reader, happened })
    }
}

/// The arguments of this command, for a report; what is not UTF-8 in them is replaced.
pub(crate) fn command() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// This moment in UTC.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
