//! `ioconform bench`.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bench::plan::{Plan, Step};
use bench::report::Report;
use bench::round::Kind;
use bench::{claim, svg, table};
use harness::dialect::Dialect;
use harness::isolate::{Wardens, probe};
use harness::suggest::did_you_mean;
use harness::target::Target;

use crate::arguments::{self, Only};
use crate::execution::{Cancel, now};
use crate::outputs::{Formats, Output};
use crate::screen::Screen;
use crate::server::{model, name_apart};
use crate::{COULD_NOT_JUDGE, Failure};

/// What is measured if nothing is named: the two that the notes claim to be best, the plainest
/// one, one that forks, and one without readiness.
const MODELS: [&str; 5] =
    ["multi_reactor", "reuseport", "single_reactor", "prefork_epoll", "io_uring"];
/// What the claim is about.
const CLAIMED: &str = "reuseport";
/// The exit status of a run that was cancelled.
const INTERRUPTED: u8 = 130;

/// A format of results of a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BenchFormat {
    /// All figures.
    Json,
    /// A picture.
    Svg,
}

impl Formats for BenchFormat {
    const ALL: &'static [(BenchFormat, &'static str, &'static [&'static str])] =
        &[(BenchFormat::Json, "json", &["json"]), (BenchFormat::Svg, "svg", &["svg"])];
}

impl BenchFormat {
    fn render(self, report: &Report) -> String {
        match self {
            BenchFormat::Json => report.json(),
            BenchFormat::Svg => svg::draw(report),
        }
    }
}

pub(crate) fn bench(arguments: &arguments::Bench, screen: &Screen) -> Result<u8, Failure> {
    arguments.output.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    let targets = targets(arguments).map_err(Failure::usage)?;
    let against = against(arguments, &targets).map_err(Failure::usage)?;
    if arguments.output.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    let wardens = Wardens::new(probe()?);
    let cancel = Cancel::on_signals()?;
    let kinds = kinds(arguments);
    let plan = Plan {
        targets: &targets,
        kinds: &kinds,
        connections: arguments.connections as usize,
        threads: client_threads(),
        time: Duration::from_secs_f64(arguments.seconds),
        rounds: arguments.rounds as usize,
        wardens: &wardens,
        cancel: Some(cancel.reader.as_fd()),
    };
    let started = now();
    let samples = plan.run(progress);
    clear_progress();
    let mut report = Report::new(&plan, &samples, &against, started);
    if arguments.claim {
        report.claims = claim::findings(&report);
    }
    for line in table::lines(&report) {
        screen.line(&line);
    }
    let mut code = match (report.interrupted, report.failures.is_empty()) {
        (true, _) => INTERRUPTED,
        (false, true) => 0,
        (false, false) => COULD_NOT_JUDGE,
    };
    for output in &arguments.output {
        if let Err(error) = output.write(&output.format.render(&report)) {
            screen.error(&format!("{error:#}"));
            code = code.max(COULD_NOT_JUDGE);
        }
    }
    Ok(code)
}

/// The servers that the arguments name.
fn targets(arguments: &arguments::Bench) -> anyhow::Result<Vec<Target>> {
    let workers = arguments.workers.map_or_else(cpus, |workers| workers as usize);
    let mut names: Vec<&str> = arguments.models.iter().map(String::as_str).collect();
    if names.is_empty() && arguments.claim {
        names = servers::MODELS.iter().map(|model| model.name).collect();
    } else if names.is_empty() && arguments.preset.is_empty() && arguments.command.is_empty() {
        names = MODELS.to_vec();
    }
    let mut targets = Vec::new();
    for name in names {
        targets.push(cases::models::target(model(name)?, workers));
    }
    for name in &arguments.preset {
        let target = Target::preset(name, workers)?;
        ensure!(
            matches!(target.dialect, Dialect::Http(_)),
            "{name} does not speak HTTP, and the load client speaks nothing else"
        );
        targets.push(target);
    }
    if !arguments.command.is_empty() {
        let dialect = Dialect::named("http")?;
        targets.push(Target::command(arguments.command.clone(), dialect, workers));
    }
    targets.iter().try_for_each(Target::check)?;
    name_apart(&mut targets);
    Ok(targets)
}

/// The name of the server that the others are compared with.
fn against(arguments: &arguments::Bench, targets: &[Target]) -> anyhow::Result<String> {
    let names: Vec<&str> = targets.iter().map(|target| &*target.name).collect();
    let claimed = arguments.claim && names.contains(&CLAIMED);
    let first = if claimed { Some(CLAIMED) } else { names.first().copied() };
    let wanted = arguments.against.as_deref().or(first);
    let wanted = wanted.context("there is no server")?;
    ensure!(
        names.contains(&wanted),
        "--against: `{wanted}` is not measured{}; there are {}",
        did_you_mean(wanted, &names),
        names.join(", ")
    );
    Ok(wanted.to_owned())
}

fn kinds(arguments: &arguments::Bench) -> Vec<Kind> {
    if arguments.claim {
        return vec![Kind::Short];
    }
    if arguments.only.is_empty() {
        return Kind::ALL.to_vec();
    }
    let kind = |only: &Only| match only {
        Only::Keepalive => Kind::KeepAlive,
        Only::Short => Kind::Short,
        Only::Latency => Kind::Latency,
    };
    arguments.only.iter().map(kind).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Half of the CPUs: a client of one connection costs less than its server, and an idle CPU would
/// let the client say what the server can do.
fn client_threads() -> usize {
    (cpus() / 2).clamp(1, 4)
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One line on a terminal, over and over; elsewhere a line each.
fn progress(step: Step) {
    let round = match step.round {
        0 => "warm-up".to_owned(),
        round => format!("round {round}"),
    };
    let ((number, total), kind, target) = (step.place, step.kind.word(), &step.target.name);
    let mut stderr = anstream::stderr();
    // Nobody is told if there is nobody to tell.
    if std::io::stderr().is_terminal() {
        let _ = write!(stderr, "\r\x1b[K[{number}/{total}] {round}: {kind} of {target}");
        let _ = stderr.flush();
    } else {
        let _ = writeln!(stderr, "[{number}/{total}] {round}: {kind} of {target}");
    }
}

/// Takes the line away.
fn clear_progress() {
    if std::io::stderr().is_terminal() {
        let _ = write!(anstream::stderr(), "\r\x1b[K");
    }
}
