//! What a person reads when a run is over.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Reset};
use harness::record::{Record, Run, Verdict};

use crate::arguments::Execution;
use crate::screen::{Screen, color, paint};

pub(crate) fn summarize(arguments: &Execution, screen: &Screen, run: &Run) {
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
        format!("\n{}{}{Reset} {}", color(record.verdict, false), record.verdict, record.name());
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
        record.name(),
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
