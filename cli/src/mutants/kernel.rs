//! The cases about the kernel, tried on wrong kernels.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Reset};
use harness::case::Case;
use harness::isolate::StartError;
use harness::mutant::{self, Mutant};
use harness::power::page::Named;
use harness::power::{Fate, Known, Means, Power, reason_for, run};

use super::{Half, fates, mean};
use crate::arguments;
use crate::screen::{Screen, paint};

/// What is known beforehand of cases.
pub(super) const NAMED: Named =
    Named { unproven: cases::power::UNPROVEN, untraceable: cases::power::UNTRACEABLE };

/// The mutants that these ids or first parts of ids mean; all if there are none.
pub(super) fn chosen(ids: &[String]) -> Vec<&'static Mutant> {
    mutant::all().filter(|mutant| mean(ids, mutant.id)).collect()
}

/// Runs the cases on the mutants, and tells what came of it.
pub(super) fn judge(
    (cases, mutants): (&[&'static Case], &[&'static Mutant]),
    means: &Means,
    arguments: &arguments::Mutants,
    screen: &Screen,
) -> Result<(Power, Half), StartError> {
    let clock = Instant::now();
    let power = run(cases, mutants, NAMED.untraceable, means)?;
    tell(&power, mutants, arguments, clock.elapsed(), screen);
    let unnamed = |mutant: &&'static Mutant| !power.is_caught(mutant) && mutant.survives.is_empty();
    let is_blamed = power.blamed().next().is_some();
    let as_known = !is_blamed && !mutants.iter().any(unnamed);
    let half = Half { complete: power.complete, as_known };
    Ok((power, half))
}

fn tell(
    power: &Power,
    mutants: &[&'static Mutant],
    arguments: &arguments::Mutants,
    time: Duration,
    screen: &Screen,
) {
    if arguments.quiet > 1 {
        return;
    }
    for mutant in mutants {
        let count = |fate| power.of(mutant).filter(|cell| cell.fate == fate).count();
        let by: Vec<_> = power.of(mutant).filter(|cell| cell.fate == mutant.wanted()).collect();
        let (style, word) = match (by.is_empty(), mutant.survives.is_empty()) {
            (false, _) => (paint(AnsiColor::Green), "caught"),
            // Who would have caught it may not have been tried yet.
            (true, _) if !power.complete => continue,
            (true, false) => (paint(AnsiColor::Yellow), "survives as known"),
            (true, true) => (paint(AnsiColor::Red), "SURVIVES"),
        };
        if arguments.quiet == 1 && !(by.is_empty() && mutant.survives.is_empty()) {
            continue;
        }
        screen.line(&fates((style, word), mutant.id, count));
        let cells =
            power.of(mutant).filter(|cell| arguments.verbose > 0 && cell.fate != Fate::Survived);
        for cell in cells {
            screen.line(&format!("           {:?} {}: {}", cell.fate, cell.case.id, cell.reason));
        }
    }
    for cell in power.blamed() {
        screen.line(&format!(
            "{}blamed{Reset}   {} by {}: {}",
            paint(AnsiColor::Red),
            cell.mutant.id,
            cell.case.id,
            cell.reason
        ));
    }
    // Which cases a part of the mutants leaves unproven says nothing.
    if arguments.ids.is_empty() && power.complete {
        let unnamed = |reasons, known: &&Known| reason_for(reasons, known.case).is_none();
        for known in power.unproven().filter(|known| unnamed(NAMED.unproven, known)) {
            screen.line(&format!("{}unproven{Reset} {}", paint(AnsiColor::Yellow), known.case.id));
        }
    }
    let traced = power.untraceable().filter_map(|known| Some((known, known.traced?)));
    for (known, traced) in traced {
        screen.line(&format!(
            "{}untraced{Reset} {}: {} under a tracer, not {}: {}",
            paint(AnsiColor::Yellow),
            known.case.id,
            traced,
            known.plain,
            known.reason
        ));
    }
    let caught = mutants.iter().filter(|mutant| power.is_caught(mutant)).count();
    screen.line(&format!(
        "\n{}{} mutants, {} cases, {} trials in {:.1} s: {caught} mutants caught, {} cases unproven, {} untraceable",
        if power.complete { "" } else { "interrupted: " },
        mutants.len(),
        power.known.len(),
        2 * power.known.len() + power.cells.len(),
        time.as_secs_f64(),
        power.unproven().count(),
        power.untraceable().count()
    ));
}
