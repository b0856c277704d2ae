//! `ioconform run`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anstyle::{AnsiColor, Reset};
use anyhow::Context as _;
use harness::baseline::Baseline;
use harness::isolate::{Namespace, Wardens, probe};
use harness::judge::Judge;
use harness::record::{Record, Run, SCHEMA, Verdict};
use harness::runner::{self, Done, Plan};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::outputs::Output;
use crate::progress::Display;
use crate::screen::{Screen, color, paint};
use crate::{COULD_NOT_JUDGE, Failure, arguments, select, state};

pub(crate) fn run(arguments: &arguments::Run, screen: &Screen) -> Result<u8, Failure> {
    let cases = select::select(&arguments.selection).map_err(Failure::usage)?;
    let judge = judge(arguments)?;
    arguments.output.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    if arguments.output.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    if cases.is_empty() {
        return Err(Failure {
            code: 4,
            error: anyhow::anyhow!("nothing to run: the filters leave no case"),
        });
    }

    let mut notes = harness::doctor::notes();
    let mut jobs = arguments.jobs.map_or(judge.system.cpus, |jobs| jobs as usize);
    let wardens = Wardens::new(probe()?);
    if !wardens.give(Namespace::Net) && jobs > 1 {
        jobs = 1;
        notes.push("trials ran one at a time: they share ports and counters".to_owned());
    }
    let cancel = Cancel::on_signals()?;
    let selected = cases.len();
    let plan = Plan {
        cases,
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
        wardens: &wardens,
        cancel: Some(cancel.reader.as_fd()),
    };
    let (started, clock) = (now(), Instant::now());
    let display = Display::new(screen, arguments.progress, selected, plan.repeat, arguments.quiet);
    let Done { records, complete } = runner::run(&plan, &judge, &display);
    display.close();

    let run = Run {
        schema: SCHEMA,
        ioconform: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        millis: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        complete,
        interrupted: cancel.happened.load(Ordering::Relaxed),
        command: std::env::args().skip(1).collect(),
        stale_baseline: stale(&judge, arguments, complete),
        system: judge.system.clone(),
        notes,
        records,
    };
    let kept = state::remember(&run);
    summarize(arguments, screen, &run);
    let written = write_reports(arguments, &run, kept.as_deref());
    let blessed = if arguments.bless { bless(arguments, &run, screen) } else { Ok(()) };
    if let Err(failure) = written.and(blessed) {
        screen.error(&format!("{failure:#}"));
        return Ok(match run.exit_code() {
            0 => COULD_NOT_JUDGE,
            code => code,
        });
    }
    let accepted = |record: &Record| arguments.bless && Baseline::accepts(record);
    let rest = Run {
        records: run.records.into_iter().filter(|record| !accepted(record)).collect(),
        ..run
    };
    Ok(if rest.records.is_empty() { 0 } else { rest.exit_code() })
}

fn judge(arguments: &arguments::Run) -> Result<Judge, Failure> {
    let mut judge = Judge::here();
    if let Some(path) = &arguments.baseline
        && (path.exists() || !arguments.bless)
    {
        let ids: Vec<_> = cases::catalogue().iter().map(|case| case.id).collect();
        judge.baseline = Some(Baseline::read(path, &ids).map_err(Failure::usage)?);
    }
    Ok(judge)
}

/// Entries that matched nothing. Only a run of the whole catalogue can tell.
fn stale(judge: &Judge, arguments: &arguments::Run, complete: bool) -> Vec<String> {
    let selection = &arguments.selection;
    let whole = selection.patterns.is_empty()
        && selection.skip.is_empty()
        && selection.filter.is_empty()
        && selection.shard.is_none();
    match &judge.baseline {
        Some(baseline) if whole && complete => baseline.stale(&judge.system),
        _ => Vec::new(),
    }
}

/// Appends to the baseline what can be accepted: what stands in it is its author's.
fn bless(arguments: &arguments::Run, run: &Run, screen: &Screen) -> anyhow::Result<()> {
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

/// Writes every report that can be written; says of those that cannot, and where the results are.
fn write_reports(
    arguments: &arguments::Run,
    run: &Run,
    kept: Option<&std::path::Path>,
) -> anyhow::Result<()> {
    let failures: Vec<_> =
        arguments.output.iter().filter_map(|output| output.write(run).err()).collect();
    if failures.is_empty() {
        return Ok(());
    }
    let what: Vec<_> = failures.iter().map(|failure| format!("{failure:#}")).collect();
    let kept =
        kept.map_or(String::new(), |kept| format!("; the results are kept in {}", kept.display()));
    anyhow::bail!("{}{kept}", what.join("; "))
}

/// The first of these signals ends the run in order, a second one at once.
struct Cancel {
    reader: std::io::PipeReader,
    happened: Arc<AtomicBool>,
}

impl Cancel {
    fn on_signals() -> anyhow::Result<Cancel> {
        let (reader, mut writer) = std::io::pipe()?;
        let happened = Arc::new(AtomicBool::new(false));
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let flag = happened.clone();
        std::thread::spawn(move || {
            for _ in &mut signals {
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
                let _ = writer.write_all(b"!");
            }
        });
        Ok(Cancel { reader, happened })
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn summarize(arguments: &arguments::Run, screen: &Screen, run: &Run) {
    if arguments.quiet > 1 {
        return;
    }
    if arguments.quiet == 0 {
        for note in &run.notes {
            screen.line(&format!("{}note{Reset}: {note}", paint(AnsiColor::Yellow)));
        }
        if arguments.verbose > 0 {
            run.records.iter().for_each(|record| screen.line(&evidence(record)));
        } else {
            areas(screen, run);
        }
    }
    for record in run.unexpected() {
        screen.line(&story(record));
    }
    for entry in &run.stale_baseline {
        screen.line(&format!(
            "{}stale{Reset}: the baseline entry `{entry}` matched nothing",
            paint(AnsiColor::Red)
        ));
    }
    screen.line(&last_line(run));
}

/// One line an area: how many cases ended how.
fn areas(screen: &Screen, run: &Run) {
    let mut areas: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &run.records {
        areas.entry(record.id.split('.').next().unwrap_or("")).or_default().push(record);
    }
    screen.line(&format!(
        "\n{} {} on {}, {} CPUs",
        run.system.name, run.system.release, run.system.machine, run.system.cpus
    ));
    for (area, records) in areas {
        screen.line(&format!("  {area:<14}{}", counts(&records)));
    }
}

fn counts(records: &[&Record]) -> String {
    let count = |verdict, expected| {
        records
            .iter()
            .filter(|record| record.verdict == verdict && record.expected == expected)
            .count()
    };
    let mut parts = Vec::new();
    for verdict in Verdict::ALL {
        for expected in [true, false] {
            let number = count(verdict, expected);
            let style = color(verdict, expected);
            let known = match (verdict, expected) {
                (Verdict::Deviates, true) => " as known",
                (_, false) => " unexpectedly",
                _ => "",
            };
            if number > 0 {
                parts.push(format!("{number:>3} {style}{verdict}{Reset}{known}"));
            }
        }
    }
    parts.join(", ")
}

/// What was unexpected, with everything that one needs to look into it.
fn story(record: &Record) -> String {
    let mut text =
        format!("\n{}{}{Reset} {}", color(record.verdict, false), record.verdict, record.id);
    let _ = write!(text, "\n  claim     {}", record.claim);
    let _ = write!(text, "\n  stated    {} ({})", record.sources.join("; "), record.strength);
    let _ = write!(text, "\n  because   {}", record.reason);
    if let Some(check) = record.failed_check() {
        let _ = write!(text, "\n  checked   {} at {}:{}", check.expression, check.file, check.line);
        let _ = write!(text, "\n  expected  {}\n  observed  {}", check.expected, check.observed);
    }
    for thread in &record.evidence.threads {
        let _ = write!(
            text,
            "\n  thread    {} `{}` {} in {} {}",
            thread.tid, thread.name, thread.state, thread.syscall, thread.wchan
        );
    }
    for (label, more) in
        [("note", &record.note), ("mend", &record.mend), ("output", &record.evidence.output)]
    {
        if !more.is_empty() {
            let _ =
                write!(text, "\n  {label:<9} {}", more.trim_end().replace('\n', "\n            "));
        }
    }
    text
}

/// Every check with its values.
pub(crate) fn evidence(record: &Record) -> String {
    let mut text = format!(
        "\n{}{}{Reset} {}\n  {}",
        color(record.verdict, record.expected),
        record.verdict,
        record.id,
        record.claim
    );
    for (label, more) in [("because", &record.reason), ("note", &record.note)] {
        if !more.is_empty() {
            let _ = write!(text, "\n  {label}: {more}");
        }
    }
    for check in &record.evidence.checks {
        let mark = if check.holds { "held" } else { "failed" };
        let _ = write!(
            text,
            "\n  {mark}: {}\n    {} gave {}",
            check.sentence, check.expression, check.observed
        );
    }
    for measure in &record.evidence.measures {
        let _ = write!(text, "\n  measured: {} = {:.3}", measure.name, measure.value);
    }
    for statistic in &record.evidence.statistics {
        let _ = write!(
            text,
            "\n  tested: {}, {} samples, p = {:.4}, alpha = {:e}",
            statistic.name, statistic.samples, statistic.p, statistic.alpha
        );
    }
    if let Some(settled) = &record.evidence.settled {
        let _ = write!(text, "\n  sleep was proved {settled}");
    }
    text
}

fn last_line(run: &Run) -> String {
    let unexpected = run.unexpected().count() + run.stale_baseline.len();
    let end = match (run.interrupted, run.complete) {
        (true, _) => "; interrupted",
        (_, false) => "; ended early",
        _ => "",
    };
    let style = if unexpected == 0 && run.complete {
        paint(AnsiColor::Green)
    } else {
        paint(AnsiColor::Red)
    };
    let cases: Vec<_> = run.records.iter().collect();
    let trials: u32 = run.records.iter().flat_map(|record| record.verdicts.values()).sum();
    let trials = if trials > 0 { format!(", {trials} trials") } else { String::new() };
    format!(
        "\n{} cases in {}.{:02} s{trials}: {}; {style}{unexpected} unexpected{Reset}{end}",
        cases.len(),
        run.millis / 1000,
        run.millis % 1000 / 10,
        counts(&cases).split_whitespace().collect::<Vec<_>>().join(" ")
    )
}
