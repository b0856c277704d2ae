//! What a person sees while a matrix goes on, and when it is over.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::matrix::gather::Watcher;
use anstyle::{AnsiColor, Reset};
use harness::matrix::{Column, Matrix};
use harness::record::{Record, Run};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use crate::arguments::{self, Progress};
use crate::progress::{bar_style, line_style};
use crate::screen::{Screen, paint};
use crate::summary::{counts, stale_line, story};

/// A line for each system that is at work and a bar over all, or a line for each that is done.
pub(super) struct Display<'a> {
    screen: &'a Screen,
    systems: usize,
    cases: usize,
    done: AtomicUsize,
    quiet: u8,
    bars: Option<Bars>,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: Mutex<BTreeMap<String, ProgressBar>>,
}

impl<'a> Display<'a> {
    pub(super) fn new(
        screen: &'a Screen,
        arguments: &arguments::Matrix,
        systems: usize,
        cases: usize,
    ) -> Display<'a> {
        let wanted = match arguments.progress {
            Progress::Auto => arguments.quiet == 0 && std::io::stderr().is_terminal(),
            Progress::Bar => true,
            Progress::Counter | Progress::None => false,
        };
        let quiet = match arguments.progress {
            Progress::None => 2,
            _ => arguments.quiet,
        };
        let bars = wanted.then(|| Bars::new(systems * cases));
        Display { screen, systems, cases, done: AtomicUsize::new(0), quiet, bars }
    }

    /// A system is through, in whatever way.
    pub(super) fn done(&self, column: &Column) {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bars) = &self.bars {
            bars.end(column, self.cases);
        }
        let unexpected = column.broken.is_some()
            || column.run.as_ref().is_some_and(|run| run.unexpected().next().is_some());
        if self.quiet > 1 || self.quiet == 1 && !unexpected {
            return;
        }
        let width = self.systems.to_string().len();
        let line = format!("[{number:>width$}/{}] {}", self.systems, told(column));
        match &self.bars {
            Some(bars) => bars.all.suspend(|| self.screen.line(&line)),
            None => self.screen.line(&line),
        }
    }

    /// Takes the bars away.
    pub(super) fn close(&self) {
        if let Some(bars) = &self.bars {
            bars.total.finish_and_clear();
        }
    }
}

impl Bars {
    fn new(trials: usize) -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let total = all.add(ProgressBar::new(trials as u64));
        total.set_style(bar_style("{bar:32.green} {pos}/{len} {elapsed}, {eta} left"));
        total.enable_steady_tick(Duration::from_secs(1));
        Bars { all, total, running: Mutex::default() }
    }

    /// The line of a system, which comes when it is first spoken of.
    fn line(&self, column: &str, then: impl FnOnce(&ProgressBar)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let line = running.entry(column.to_owned()).or_insert_with(|| {
            let line = self.all.add(ProgressBar::new_spinner());
            line.set_style(line_style("  {spinner} {prefix:<16} {pos:>3} {msg}"));
            line.set_prefix(column.to_owned());
            line.enable_steady_tick(Duration::from_millis(200));
            line
        });
        then(line);
    }

    fn end(&self, column: &Column, cases: usize) {
        let line = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&column.name);
        if let Some(line) = line {
            // What it will not do any more counts as done.
            self.total.inc((cases as u64).saturating_sub(line.position()));
            line.finish_and_clear();
        }
    }
}

impl Watcher for Display<'_> {
    fn booting(&self, column: &str) {
        if let Some(bars) = &self.bars {
            bars.line(column, |line| line.set_message("boots"));
        }
    }

    fn booted(&self, column: &str, millis: u64) {
        if let Some(bars) = &self.bars {
            bars.line(column, |line| line.set_message(format!("up after {}", seconds(millis))));
        }
    }

    fn began(&self, column: &str, case: &str) {
        if let Some(bars) = &self.bars {
            bars.line(column, |line| line.set_message(case.to_owned()));
        }
    }

    fn judged(&self, column: &str, _record: &Record) {
        if let Some(bars) = &self.bars {
            bars.line(column, |line| line.inc(1));
            bars.total.inc(1);
        }
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

/// A system in a line.
fn told(column: &Column) -> String {
    let mut text = format!("{:<16}", column.name);
    if let Some(run) = &column.run {
        let unexpected = run.unexpected().count();
        let style = paint(if unexpected == 0 { AnsiColor::Green } else { AnsiColor::Red });
        let counts = counts(&run.records.iter().collect::<Vec<_>>());
        let counts = counts.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{counts}; {style}{unexpected} unexpected{Reset}"));
        let boot = column.platform.boot_millis.map(|millis| format!("boot {}, ", seconds(millis)));
        text.push_str(&format!(" ({}cases {})", boot.unwrap_or_default(), seconds(run.millis)));
    }
    if let Some(broken) = &column.broken {
        let (red, word) = (paint(AnsiColor::Red), broken.how.word());
        let space = if column.run.is_some() { "; " } else { "" };
        text.push_str(&format!("{space}{red}{word}{Reset}: {}", broken.reason));
    }
    text
}

/// What a person reads at the end.
pub(super) fn summarize(matrix: &Matrix, quiet: u8, screen: &Screen) {
    if quiet > 1 {
        return;
    }
    for note in &matrix.notes {
        screen.line(&format!("{}note{Reset}: {note}", paint(AnsiColor::Yellow)));
    }
    for column in &matrix.columns {
        for record in column.run.iter().flat_map(Run::unexpected) {
            let text = story(record).replacen(
                &record.name(),
                &format!("{} on {}", record.name(), column.name),
                1,
            );
            screen.line(&text);
        }
        if let Some(broken) = &column.broken {
            screen.line(&format!(
                "\n{}{}{Reset} {}\n  because   {}\n    {}",
                paint(AnsiColor::Red),
                broken.how.word(),
                column.name,
                broken.reason,
                broken.console.join("\n    ")
            ));
        }
    }
    let runs = || matrix.columns.iter().filter_map(|column| column.run.as_ref());
    let mut stale: Vec<_> = runs().flat_map(|run| &run.stale_baseline).collect();
    stale.sort();
    stale.dedup();
    for entry in &stale {
        screen.line(&stale_line(entry));
    }
    let unexpected = runs().map(|run| run.unexpected().count()).sum::<usize>() + stale.len();
    let broken = matrix.columns.iter().filter(|column| column.broken.is_some()).count();
    let verdicts: usize = runs().map(|run| run.records.len()).sum();
    let style = paint(if unexpected + broken == 0 { AnsiColor::Green } else { AnsiColor::Red });
    screen.line(&format!(
        "\n{} systems, {verdicts} verdicts in {}: {style}{unexpected} unexpected, {broken} not judged to the end{Reset}{}",
        matrix.columns.len(),
        seconds(matrix.millis),
        if matrix.interrupted { "; interrupted: go on with --resume" } else { "" }
    ));
}
