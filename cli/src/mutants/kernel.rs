//! The cases about the kernel, tried on wrong kernels.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Reset, Style};
use harness::case::Case;
use harness::isolate::StartError;
use harness::mutant::{self, Mutant};
use harness::power::page::Named;
use harness::power::{Fate, Known, Means, Power, reason_for, run};

use super::{Half, UNCAUGHT, fates, mean};
use crate::arguments;
use crate::screen::{Screen, paint};

/// What is known beforehand.
const NAMED: Named = Named {
    unproven: cases::power::UNPROVEN,
    untraceable: cases::power::UNTRACEABLE,
    uncaught: "**no reason is known**",
};

/// What the page says is known beforehand.
pub(super) fn named(arguments: &arguments::Mutants) -> Named {
    let uncaught = if arguments.asks_about_cases() { UNCAUGHT } else { NAMED.uncaught };
    Named { uncaught, ..NAMED }
}

/// The mutants that these ids or first parts of ids mean; all if there are none.
pub(super) fn chosen(ids: &[String]) -> Vec<&'static Mutant> {
    mutant::all().filter(|mutant| mean(ids, mutant.id)).collect()
}

/// Runs the cases on the mutants, and tells what came of it. If cases were chosen, the mutants that
/// touch none of them are taken out.
pub(super) fn judge(
    (cases, mutants): (&[&'static Case], &mut Vec<&'static Mutant>),
    means: &Means,
    arguments: &arguments::Mutants,
    screen: &Screen,
) -> Result<(Power, Half), StartError> {
    let clock = Instant::now();
    let power = run(cases, mutants, NAMED.untraceable, means)?;
    let about_cases = arguments.asks_about_cases();
    if about_cases {
        mutants.retain(|mutant| power.of(mutant).next().is_some());
    }
    tell(&power, mutants, arguments, clock.elapsed(), screen);
    let as_known = is_as_known(&power, mutants, about_cases);
    let half = Half { complete: power.complete, as_known };
    Ok((power, half))
}

/// Whether no case accuses an older kernel, and all that was asked about is as it is known: the
/// cases, each of which fails under a mutant, or else the mutants, each of which fails a case.
fn is_as_known(power: &Power, mutants: &[&'static Mutant], about_cases: bool) -> bool {
    let survives =
        |mutant: &&'static Mutant| !power.is_caught(mutant) && mutant.survives.is_empty();
    let is_otherwise =
        if about_cases { unproven(power).next().is_some() } else { mutants.iter().any(survives) };
    !is_otherwise && power.blamed().next().is_none()
}

/// The cases that no mutant fails, for no reason that is known.
fn unproven(power: &Power) -> impl Iterator<Item = &Known> {
    power.unproven().filter(|known| reason_for(NAMED.unproven, known.case).is_none())
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
    let about_cases = arguments.asks_about_cases();
    for mutant in mutants {
        let count = |fate| power.of(mutant).filter(|cell| cell.fate == fate).count();
        let (style, word) = match (power.is_caught(mutant), mutant.survives) {
            (true, _) => (paint(AnsiColor::Green), "caught"),
            // Who would have caught it may not have been tried yet.
            (false, _) if !power.complete => continue,
            // Or was not chosen.
            (false, "") if about_cases => (Style::new(), "survived"),
            (false, "") => (paint(AnsiColor::Red), "SURVIVES"),
            (false, _) => (paint(AnsiColor::Yellow), "survives as known"),
        };
        if arguments.quiet == 1 && word != "SURVIVES" {
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
        for known in unproven(power) {
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
    let others = if about_cases {
        format!(", {} {UNCAUGHT}", mutants.len() - caught)
    } else {
        String::new()
    };
    screen.line(&format!(
        "\n{}{} mutants, {} cases, {} trials in {:.1} s: {caught} mutants caught{others}, {} cases unproven, {} untraceable",
        if power.complete { "" } else { "interrupted: " },
        mutants.len(),
        power.known.len(),
        2 * power.known.len() + power.cells.len(),
        time.as_secs_f64(),
        power.unproven().count(),
        power.untraceable().count()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::power::Cell;
    use harness::record::Verdict;

    /// What each of some mutants, wrong or old, came to at a case.
    fn power(fates: &[(bool, Fate)]) -> (Power, Vec<&'static Mutant>) {
        let id = "epoll.oneshot.stays_registered";
        let case = cases::catalogue().into_iter().find(|case| case.id == id).unwrap();
        let cell = |(number, &(is_old, fate)): (usize, &(bool, Fate))| {
            let is_alike = |it: &&'static Mutant| it.is_old == is_old && it.survives.is_empty();
            let mutant = mutant::all().filter(is_alike).nth(number).unwrap();
            Cell { mutant, case, fate, reason: String::new() }
        };
        let cells: Vec<_> = fates.iter().enumerate().map(cell).collect();
        let mutants = cells.iter().map(|cell| cell.mutant).collect();
        let known = Known {
            case,
            plain: Verdict::Conforms,
            traced: Some(Verdict::Conforms),
            reason: String::new(),
            touched: Vec::new(),
            in_haste: true,
        };
        (Power { known: vec![known], cells, complete: true }, mutants)
    }

    #[rstest::rstest]
    #[case::both_are_caught(&[(false, Fate::Caught), (false, Fate::Caught)], true, true)]
    #[case::one_of_two_is(&[(false, Fate::Caught), (false, Fate::Survived)], false, true)]
    #[case::nobody_is(&[(false, Fate::Survived)], false, false)]
    #[case::no_check_failed(&[(false, Fate::Stumbled)], false, false)]
    #[case::an_older_kernel_is_excused(&[(false, Fate::Caught), (true, Fate::Excused)], true, true)]
    #[case::an_older_kernel_is_blamed(&[(false, Fate::Caught), (true, Fate::Caught)], false, false)]
    #[case::only_an_older_kernel(&[(true, Fate::Excused)], true, false)]
    fn what_was_asked_about_is_as_it_is_known(
        #[case] fates: &[(bool, Fate)],
        #[case] mutants_are: bool,
        #[case] cases_are: bool,
    ) {
        let (power, mutants) = power(fates);
        assert_eq!(is_as_known(&power, &mutants, false), mutants_are);
        assert_eq!(is_as_known(&power, &mutants, true), cases_are);
    }
}
