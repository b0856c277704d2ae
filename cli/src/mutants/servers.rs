//! The cases about servers, tried on wrong servers.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Reset, Style};
use harness::case::Case;
use harness::isolate::StartError;
use harness::power::servers::{Cell, Mutant, Power, run};
use harness::power::{Fate, Means};

use super::{Half, UNCAUGHT, fates, mean};
use crate::arguments;
use crate::screen::{Screen, paint};

/// How many workers servers have.
const WORKERS: usize = 4;

/// The mutants that these ids or first parts of ids mean; all if there are none.
pub(super) fn chosen(ids: &[String]) -> Vec<Mutant> {
    cases::mutants::all(WORKERS).into_iter().filter(|mutant| mean(ids, mutant.id)).collect()
}

/// Runs the cases on the mutants and on what these are without their bugs, and tells what came of it.
pub(super) fn judge<'a>(
    (cases, mutants): (&[&'static Case], &'a [Mutant]),
    means: &Means,
    arguments: &arguments::Mutants,
    screen: &Screen,
) -> Result<(Power<'a>, Half), StartError> {
    let mut names: Vec<_> = mutants.iter().map(|mutant| mutant.base).collect();
    names.sort_unstable();
    names.dedup();
    let base = |name| Some((name, cases::mutants::base(name, WORKERS)?));
    let bases: Vec<_> = names.into_iter().filter_map(base).collect();
    let clock = Instant::now();
    let power = run(cases, &bases, mutants, means)?;
    tell(&power, mutants, arguments, clock.elapsed(), screen);
    // That nobody catches it is no surprise where it was asked about cases that need not.
    let about_cases = arguments.asks_about_cases();
    let is_known =
        |mutant: &Mutant| power.is_as_known(mutant) || about_cases && !power.surprises(mutant);
    let as_known = mutants.iter().all(is_known);
    let complete = power.complete;
    Ok((power, Half { complete, as_known }))
}

fn tell(
    power: &Power,
    mutants: &[Mutant],
    arguments: &arguments::Mutants,
    time: Duration,
    screen: &Screen,
) {
    if arguments.quiet > 1 {
        return;
    }
    let about_cases = arguments.asks_about_cases();
    let (mut caught, mut others) = (0, 0);
    for mutant in mutants {
        let count = |fate| power.of(mutant).filter(|cell| cell.fate == fate).count();
        let is_caught = power.is_caught(mutant);
        // Who would have caught it may not have been tried yet.
        let missed: Vec<_> = power.missed(mutant).filter(|_| power.complete).collect();
        let accidents = power.accidents(mutant).count();
        // Or was not chosen, and of those that were its base conforms to none.
        let is_untried = power.of(mutant).next().is_none() && missed.is_empty();
        if is_untried || !power.complete && !is_caught {
            continue;
        }
        let as_known = missed.is_empty() && accidents == 0 && (is_caught || about_cases);
        caught += usize::from(as_known && is_caught);
        others += usize::from(as_known && !is_caught);
        let (style, word) = match (missed.is_empty(), accidents) {
            (true, 0) if !is_caught && about_cases => (Style::new(), "survived"),
            _ if !is_caught => (paint(AnsiColor::Red), "SURVIVES"),
            (true, 0) => (paint(AnsiColor::Green), "caught"),
            (true, _) => (paint(AnsiColor::Red), "ACCIDENT"),
            (false, _) => (paint(AnsiColor::Red), "MISSED"),
        };
        if arguments.quiet == 1 && as_known {
            continue;
        }
        screen.line(&fates((style, word), mutant.id, count));
        for id in missed {
            screen.line(&format!("           not caught by {id}, which must"));
        }
        let accident = |cell: &Cell| power.accidents(mutant).any(|it| it.case.id == cell.case.id);
        for cell in power.of(mutant).filter(|cell| cell.fate != Fate::Survived) {
            let stranger = accident(cell);
            if arguments.verbose > 0 || stranger {
                let why = if stranger { ", by accident" } else { "" };
                screen.line(&format!(
                    "           {:?}{why} {}: {}",
                    cell.fate, cell.case.id, cell.reason
                ));
            }
        }
    }
    // Which cases a part of the mutants leaves unproven says nothing.
    if arguments.ids.is_empty() && power.complete {
        for case in power.unproven() {
            screen.line(&format!("{}unproven{Reset} {}", paint(AnsiColor::Yellow), case.id));
        }
    }
    let state = if power.complete { "" } else { "interrupted: " };
    let others = match others {
        0 => String::new(),
        others => format!(", {others} {UNCAUGHT}"),
    };
    screen.line(&format!(
        "\n{state}{} wrong servers, {caught} of them caught as they must{others}, {} trials in {:.1} s",
        mutants.len(),
        power.known.len() + power.cells.len(),
        time.as_secs_f64()
    ));
}
