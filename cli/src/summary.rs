//! What a person reads when a run is over.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Reset};
use harness::case::Strength;
use harness::record::{Record, Run, Verdict};

use crate::arguments::Execution;
use crate::lanes;
use crate::screen::{Screen, color, paint};

/// How many lines of its timeline the story of a failure has.
const SHOWN: usize = 20;

pub(crate) fn summarize(arguments: &Execution, screen: &Screen, run: &Run) {
    if arguments.quiet > 1 {
        return;
    }
    if arguments.quiet == 0 {
        notes(screen, run);
        if arguments.verbose > 0 {
            run.records.iter().for_each(|record| screen.line(&evidence(record)));
        } else {
            groups(screen, run);
            differences(screen, run);
            not_judged(screen, run);
        }
    }
    for record in run.unexpected() {
        screen.line(&story(record));
    }
    run.stale_baseline.iter().for_each(|entry| screen.line(&stale_line(entry)));
    screen.line(&last_line(run));
}

/// What is said of an entry of a baseline that no record used.
pub(crate) fn stale_line(entry: &str) -> String {
    format!("{}stale{Reset}: the baseline entry `{entry}` matched nothing", paint(AnsiColor::Red))
}

/// What the run wants its reader to know.
pub(crate) fn notes(screen: &Screen, run: &Run) {
    for note in &run.notes {
        screen.line(&format!("{}note{Reset}: {note}", paint(AnsiColor::Yellow)));
    }
}

/// What was judged.
pub(crate) fn system(run: &Run) -> String {
    let system = &run.system;
    format!("{} {} on {}, {} CPUs", system.name, system.release, system.machine, system.cpus)
}

/// One line an area, or a server: how many cases ended how.
fn groups(screen: &Screen, run: &Run) {
    let mut groups: Vec<(&str, Vec<&Record>)> =
        run.targets.iter().map(|target| (&*target.name, Vec::new())).collect();
    for record in &run.records {
        let area = || record.id.split('.').next().unwrap_or("");
        let name = record.target.as_deref().unwrap_or_else(area);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, records)) => records.push(record),
            None => groups.push((name, vec![record])),
        }
    }
    screen.line(&format!("\n{}", system(run)));
    let width = groups.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(13) + 1;
    for (name, records) in &groups {
        screen.line(&format!("  {name:<width$}{}", counts(records)));
    }
}

/// How servers differ: a line for each case that did not end alike for all on which it was judged.
fn differences(screen: &Screen, run: &Run) {
    let mut cases: BTreeMap<&str, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for record in &run.records {
        let Some(target) = &record.target else { continue };
        if !matches!(record.verdict, Verdict::Conforms | Verdict::Deviates | Verdict::Error) {
            continue;
        }
        cases.entry(&record.id).or_default().entry(outcome(record)).or_default().push(target);
    }
    let mut title = "\nwhere they differ:";
    for (id, outcomes) in cases.iter().filter(|(_, outcomes)| outcomes.len() > 1) {
        if !title.is_empty() {
            screen.line(title);
            title = "";
        }
        let most = outcomes.values().map(Vec::len).max().unwrap_or(0);
        let part = |(outcome, targets): (&String, &Vec<&str>)| match targets.len() {
            count if count == most && count > 3 => format!("{outcome}: {count} servers"),
            _ => format!("{outcome}: {}", targets.join(" ")),
        };
        let parts: Vec<_> = outcomes.iter().map(part).collect();
        screen.line(&format!("  {id}\n      {}", parts.join("; ")));
    }
}

/// Why some cases were not judged on some servers, which are not the reference: a line for each
/// reason.
fn not_judged(screen: &Screen, run: &Run) {
    let own =
        |name: &str| run.targets.iter().any(|target| target.name == name && !target.reference);
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for record in &run.records {
        let (Some(target), true) = (&record.target, record.expected) else { continue };
        let judged = matches!(
            record.verdict,
            Verdict::Conforms | Verdict::Deviates | Verdict::Error | Verdict::Blocked
        );
        if !judged && own(target) {
            let id = record.id.strip_prefix("server.").unwrap_or(&record.id);
            reasons.entry((target, &record.reason)).or_default().push(id);
        }
    }
    if !reasons.is_empty() {
        screen.line("\nwhat was not judged:");
    }
    for ((target, reason), ids) in reasons {
        screen.line(&format!("  {target}: {reason}\n      {}", ids.join(" ")));
    }
}

/// A verdict and what it means here, in words.
pub(crate) fn outcome(record: &Record) -> String {
    let more = match (record.verdict, record.expected) {
        (_, false) => " unexpectedly",
        (Verdict::Deviates, true) if record.strength == Strength::Should => " (recommended only)",
        (Verdict::Deviates, true) => " as known",
        _ => "",
    };
    let style = color(record.verdict, record.expected);
    format!("{style}{}{Reset}{more}", record.verdict)
}

pub(crate) fn counts(records: &[&Record]) -> String {
    let place = |record: &Record| {
        let verdict = Verdict::ALL.iter().position(|verdict| *verdict == record.verdict);
        (verdict, !record.expected, outcome(record))
    };
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for record in records {
        *counts.entry(place(record)).or_default() += 1;
    }
    let part = |((.., outcome), count): (&(Option<usize>, bool, String), &usize)| {
        format!("{count:>3} {outcome}")
    };
    counts.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// What was unexpected, with everything that one needs to look into it.
pub(crate) fn story(record: &Record) -> String {
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
    if !record.evidence.timeline.is_empty() {
        let _ = write!(text, "\n  calls     {}", timeline(record, SHOWN));
        if record.target.is_none() {
            let _ =
                write!(text, "\n            all of them: ioconform explain {} --trace", record.id);
        }
    }
    text
}

/// The verdict and why, of which case, and what that claims.
pub(crate) fn headed(record: &Record) -> String {
    let mut text = format!(
        "{}{}{Reset} {}\n  {}",
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
    text
}

/// Every check with its values.
pub(crate) fn evidence(record: &Record) -> String {
    let mut text = format!("\n{}", headed(record));
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
    if !record.evidence.timeline.is_empty() {
        let _ = write!(text, "\n  calls:\n            {}", timeline(record, usize::MAX));
    }
    text
}

/// At most so many lines of a timeline, the last, below a label.
fn timeline(record: &Record, most: usize) -> String {
    lanes::draw(&record.evidence, most).join("\n            ")
}

/// How a run that did not come to its end ended.
pub(crate) fn end(run: &Run) -> &'static str {
    match (run.interrupted, run.complete) {
        (true, _) => "; interrupted",
        (_, false) => "; ended early",
        _ => "",
    }
}

fn last_line(run: &Run) -> String {
    let unexpected = run.unexpected().count() + run.stale_baseline.len();
    let style = if unexpected == 0 && run.complete {
        paint(AnsiColor::Green)
    } else {
        paint(AnsiColor::Red)
    };
    let cases: Vec<_> = run.records.iter().collect();
    let trials: u32 = run.records.iter().flat_map(|record| record.verdicts.values()).sum();
    let trials = if trials > 0 { format!(", {trials} trials") } else { String::new() };
    format!(
        "\n{} cases in {}.{:02} s{trials}: {}; {style}{unexpected} unexpected{Reset}{}",
        cases.len(),
        run.millis / 1000,
        run.millis % 1000 / 10,
        counts(&cases).split_whitespace().collect::<Vec<_>>().join(" "),
        end(run)
    )
}
