//! `ioconform mutants`: the cases, tried on wrong kernels and wrong servers.

mod kernel;
mod progress;
mod servers;

use std::os::fd::AsFd as _;

use anstyle::Reset;
use anyhow::bail;
use harness::case::Case;
use harness::isolate::{Wardens, probe};
use harness::power::page::page;
use harness::power::{Fate, Means};
use harness::suggest::did_you_mean;

use crate::arguments;
use crate::execution::{Cancel, check_tracer};
use crate::outputs::Output;
use crate::screen::Screen;
use crate::select::{Kind, choose};
use crate::{Failure, INTERRUPTED};
use progress::Display;

/// What is said of mutants that were tried on some cases only, and that none of these caught.
const UNCAUGHT: &str = "not caught by the chosen cases";

/// What came of the wrong kernels, or of the wrong servers.
struct Half {
    /// Whether all was tried.
    complete: bool,
    /// Whether nothing came that is not known.
    as_known: bool,
}

pub(crate) fn mutants(arguments: &arguments::Mutants, screen: &Screen) -> Result<u8, Failure> {
    let mut kernels =
        if arguments.means_kernels() { kernel::chosen(&arguments.ids) } else { vec![] };
    let mut servers =
        if arguments.means_servers() { servers::chosen(&arguments.ids) } else { vec![] };
    check_ids(arguments).map_err(Failure::usage)?;
    if arguments.list {
        let kernels = kernels.iter().map(|mutant| (mutant.id, mutant.breaks));
        let servers = servers.iter().map(|mutant| (mutant.id, mutant.breaks));
        for (id, breaks) in kernels.chain(servers) {
            screen.line(&format!("{id:<46} {breaks}"));
        }
        return Ok(0);
    }
    let kind = match (kernels.is_empty(), servers.is_empty()) {
        (false, true) => Kind::Kernel,
        (true, false) => Kind::Server,
        _ => Kind::Any,
    };
    let cases = choose(&arguments.cases(), kind).map_err(Failure::usage)?;
    let (about_servers, about_kernels): (Vec<&'static Case>, Vec<_>) =
        cases.into_iter().partition(|case| case.is_about_a_server());
    // A half of which no case was chosen was not meant.
    let tries_kernels = !kernels.is_empty() && !about_kernels.is_empty();
    if about_servers.is_empty() {
        servers.clear();
    }
    arguments.output.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    if arguments.output.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    if tries_kernels {
        check_tracer()?;
        if !harness::trace::CHANGES_CALLS {
            let why = "wrong kernels are made on x86-64 alone; for wrong servers add --servers";
            return Err(anyhow::anyhow!(why).into());
        }
    }
    let cancel = Cancel::on_signals()?;
    let wardens = Wardens::new(probe()?);
    let display = Display::new(arguments.progress, arguments.quiet);
    let means = Means {
        jobs: arguments.jobs(),
        wardens: &wardens,
        cancel: cancel.reader.as_fd(),
        watcher: &display,
    };
    let mut halves = Vec::new();
    let (mut on_kernels, mut on_servers) = (None, None);
    if tries_kernels {
        let chosen = (&*about_kernels, &mut kernels);
        let (power, half) = kernel::judge(chosen, &means, arguments, screen)?;
        halves.push(half);
        on_kernels = Some((power, &*kernels, kernel::named(arguments)));
    }
    if !servers.is_empty() && halves.iter().all(|half| half.complete) {
        let chosen = (&*about_servers, &*servers);
        let (power, half) = servers::judge(chosen, &means, arguments, screen)?;
        halves.push(half);
        on_servers = Some((power, &*servers));
    }
    if !halves.iter().all(|half| half.complete) {
        return Ok(INTERRUPTED);
    }
    if let Some(output) = &arguments.output {
        output.write(&page(on_kernels.as_ref(), on_servers.as_ref()))?;
    }
    Ok(u8::from(!halves.iter().all(|half| half.as_known)))
}

impl arguments::Mutants {
    /// Which cases.
    fn cases(&self) -> arguments::Choice {
        arguments::Choice { patterns: self.case.clone(), skip: Vec::new(), filter: Vec::new() }
    }

    /// Whether cases were chosen, and no mutants: then it was asked about the cases.
    fn asks_about_cases(&self) -> bool {
        self.ids.is_empty() && !self.case.is_empty()
    }

    /// Whether wrong kernels are meant.
    fn means_kernels(&self) -> bool {
        !self.servers
    }

    /// Whether wrong servers are meant.
    fn means_servers(&self) -> bool {
        !self.kernels
    }

    /// How many trials may run side by side. Most of the time is spent on waiting for what a mutant
    /// keeps back.
    fn jobs(&self) -> usize {
        let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.jobs.map_or_else(|| 4 * cpus(), |jobs| jobs as usize)
    }
}

/// That each id means something.
fn check_ids(arguments: &arguments::Mutants) -> anyhow::Result<()> {
    let kernels = harness::mutant::all().map(|mutant| mutant.id);
    let servers = ::servers::mutants::all().map(|mutant| mutant.id);
    let known: Vec<_> = kernels
        .filter(|_| arguments.means_kernels())
        .chain(servers.filter(|_| arguments.means_servers()))
        .collect();
    for id in &arguments.ids {
        if !known.iter().any(|known| mean(std::slice::from_ref(id), known)) {
            bail!("there is no mutant `{id}`{}", did_you_mean(id, &known));
        }
    }
    Ok(())
}

/// Whether these ids or first parts of ids mean a mutant; if there are none, they mean all.
fn mean(ids: &[String], mutant: &str) -> bool {
    let is = |id: &String| {
        mutant.strip_prefix(&**id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    ids.is_empty() || ids.iter().any(is)
}

/// What came of a mutant, in a line: the word for it, and how many cases came to each fate.
fn fates(
    (style, word): (impl std::fmt::Display, &str),
    id: &str,
    count: impl Fn(Fate) -> usize,
) -> String {
    format!(
        "{style}{word:<8}{Reset} {id:<46} caught {}, stumbled {}, excused {}, survived {}",
        count(Fate::Caught),
        count(Fate::Stumbled),
        count(Fate::Excused),
        count(Fate::Survived)
    )
}
