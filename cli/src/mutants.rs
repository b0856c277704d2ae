//! `ioconform mutants`: the cases, tried on wrong kernels.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Reset};
use anyhow::Context as _;
use harness::isolate::{StartError, Wardens, probe};
use harness::mutant::{self, Mutant};
use harness::power::page::{Named, page};
use harness::power::{Fate, Plan, Power, Watcher, reason_for, run};
use harness::suggest::did_you_mean;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::arguments::{self, Progress};
use crate::execution::{Cancel, check_tracer};
use crate::progress::bar_style;
use crate::screen::{Screen, paint};
use crate::select::{Kind, choose};
use crate::{Failure, INTERRUPTED};

/// What is known beforehand of cases.
const NAMED: Named =
    Named { unproven: cases::power::UNPROVEN, untraceable: cases::power::UNTRACEABLE };

pub(crate) fn mutants(arguments: &arguments::Mutants, screen: &Screen) -> Result<u8, Failure> {
    let mutants = chosen(&arguments.ids).map_err(Failure::usage)?;
    if arguments.list {
        for mutant in mutants {
            screen.line(&format!("{:<46} {}", mutant.id, mutant.breaks));
        }
        return Ok(0);
    }
    let cases = choose(&arguments.cases(), Kind::Kernel).map_err(Failure::usage)?;
    check_tracer()?;
    let cancel = Cancel::on_signals()?;
    let wardens = Wardens::new(probe()?);
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let display = Display::new(arguments.progress, arguments.quiet);
    let plan = Plan {
        cases: &cases,
        mutants: &mutants,
        // Most of the time is spent on waiting for what a mutant keeps back.
        jobs: arguments.jobs.map_or(2 * cpus, |jobs| jobs as usize),
        wardens: &wardens,
        cancel: Some(cancel.reader.as_fd()),
    };
    let clock = Instant::now();
    let power = match run(&plan, &display) {
        Ok(power) => power,
        Err(StartError::Cancelled) => return Ok(INTERRUPTED),
        Err(error) => return Err(error.into()),
    };
    display.0.finish_and_clear();
    tell(&power, &mutants, arguments, clock.elapsed(), screen);
    if let Some(path) = &arguments.output {
        harness::report::write(path, &page(&power, &mutants, NAMED))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let unnamed = |mutant: &&&Mutant| !power.is_caught(mutant) && mutant.survives.is_empty();
    let is_blamed = power.blamed().next().is_some();
    Ok(u8::from(is_blamed || mutants.iter().any(|mutant| unnamed(&mutant))))
}

/// The mutants that these ids or prefixes of ids mean; all if there are none.
fn chosen(ids: &[String]) -> anyhow::Result<Vec<&'static Mutant>> {
    let means = |id: &str, mutant: &Mutant| {
        mutant.id == id || mutant.id.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'))
    };
    for id in ids {
        if !mutant::all().any(|mutant| means(id, mutant)) {
            let known: Vec<_> = mutant::all().map(|mutant| mutant.id).collect();
            anyhow::bail!("there is no mutant `{id}`{}", did_you_mean(id, &known));
        }
    }
    let wanted = |mutant: &&Mutant| ids.is_empty() || ids.iter().any(|id| means(id, mutant));
    Ok(mutant::all().filter(wanted).collect())
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
            (true, false) => (paint(AnsiColor::Yellow), "survives as known"),
            (true, true) => (paint(AnsiColor::Red), "SURVIVES"),
        };
        if arguments.quiet == 1 && !(by.is_empty() && mutant.survives.is_empty()) {
            continue;
        }
        screen.line(&format!(
            "{style}{word:<8}{Reset} {:<46} caught {}, stumbled {}, excused {}, survived {}",
            mutant.id,
            count(Fate::Caught),
            count(Fate::Stumbled),
            count(Fate::Excused),
            count(Fate::Survived)
        ));
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
    if arguments.ids.is_empty() {
        let unnamed =
            |reasons, known: &&harness::power::Known| reason_for(reasons, known.case).is_none();
        for known in power.unproven().filter(|known| unnamed(NAMED.unproven, known)) {
            screen.line(&format!("{}unproven{Reset} {}", paint(AnsiColor::Yellow), known.case.id));
        }
    }
    for known in
        power.untraceable().filter(|known| reason_for(NAMED.untraceable, known.case).is_none())
    {
        screen.line(&format!(
            "{}untraced{Reset} {}: {} under a tracer, not {}: {}",
            paint(AnsiColor::Yellow),
            known.case.id,
            known.traced,
            known.plain,
            known.reason
        ));
    }
    let caught = mutants.iter().filter(|mutant| power.is_caught(mutant)).count();
    screen.line(&format!(
        "\n{} mutants, {} cases, {} trials in {:.1} s: {caught} mutants caught, {} cases unproven, {} untraceable",
        mutants.len(),
        power.known.len(),
        2 * power.known.len() + power.cells.len(),
        time.as_secs_f64(),
        power.unproven().count(),
        power.untraceable().count()
    ));
}

/// A bar on stderr, or nothing.
struct Display(ProgressBar);

impl Display {
    fn new(how: Progress, quiet: u8) -> Display {
        let wanted = match how {
            Progress::Bar => true,
            Progress::None | Progress::Counter => false,
            Progress::Auto => quiet == 0 && std::io::IsTerminal::is_terminal(&std::io::stderr()),
        };
        let target = if wanted {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(bar_style("{bar:32.green} {pos}/{len} {msg}, {eta} left"));
        Display(bar)
    }
}

impl Watcher for Display {
    fn phase(&self, what: &str, trials: usize) {
        self.0.reset();
        self.0.set_length(trials as u64);
        self.0.set_message(what.to_owned());
    }

    fn done(&self) {
        self.0.inc(1);
    }
}
