//! What a person sees while a run goes on.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harness::record::Record;
use harness::runner::{Item, Watcher};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::Progress;
use crate::screen::{Screen, color};

/// A bar on stderr, or a line a case, or nothing.
pub(crate) struct Display<'a> {
    screen: &'a Screen,
    total: usize,
    done: AtomicUsize,
    kind: Kind,
    unexpected_only: bool,
}

enum Kind {
    Bar { all: MultiProgress, bar: ProgressBar, running: Mutex<BTreeMap<String, ProgressBar>> },
    Counter,
    Nothing,
}

impl<'a> Display<'a> {
    pub(crate) fn new(
        screen: &'a Screen,
        how: Progress,
        total: usize,
        repeat: u32,
        quiet: u8,
    ) -> Display<'a> {
        let trials = total as u64 * u64::from(repeat);
        let kind = match how {
            Progress::None => Kind::Nothing,
            Progress::Auto if quiet > 0 => Kind::Nothing,
            Progress::Auto if std::io::stderr().is_terminal() => Kind::bar(trials),
            Progress::Bar => Kind::bar(trials),
            Progress::Auto | Progress::Counter => Kind::Counter,
        };
        Display { screen, total, done: AtomicUsize::new(0), kind, unexpected_only: quiet > 0 }
    }

    /// Takes the bar away.
    pub(crate) fn close(&self) {
        if let Kind::Bar { bar, .. } = &self.kind {
            bar.finish_and_clear();
        }
    }
}

/// The style of a bar.
pub(crate) fn bar_style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━╌")
}

/// The style of a line below a bar.
pub(crate) fn line_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Kind {
    fn bar(trials: u64) -> Kind {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        let bar = all.add(ProgressBar::new(trials));
        bar.set_style(bar_style("{bar:32.green} {pos}/{len} {elapsed} {msg}"));
        Kind::Bar { all, bar, running: Mutex::default() }
    }
}

impl Watcher for Display<'_> {
    fn started(&self, item: Item) {
        if let Kind::Bar { all, running, .. } = &self.kind {
            let line = all.add(ProgressBar::new_spinner());
            line.set_style(line_style("  {spinner} {msg} {elapsed}"));
            line.set_message(item.name());
            line.enable_steady_tick(Duration::from_millis(200));
            running.lock().unwrap_or_else(PoisonError::into_inner).insert(item.name(), line);
        }
    }

    fn finished(&self, item: Item, record: Option<&Record>, last: bool) {
        if let Kind::Bar { bar, running, .. } = &self.kind {
            if let Some(line) =
                running.lock().unwrap_or_else(PoisonError::into_inner).remove(&item.name())
            {
                line.finish_and_clear();
            }
            bar.inc(1);
        }
        if !last {
            return;
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(record) = record else { return };
        let (paint, reset) = (color(record.verdict, record.expected), anstyle::Reset);
        let width = self.total.to_string().len();
        match &self.kind {
            Kind::Counter if record.expected && self.unexpected_only => {}
            Kind::Counter => self.screen.line(&format!(
                "[{done:>width$}/{}] {paint}{:<12}{reset} {}{}",
                self.total,
                record.verdict,
                record.name(),
                if record.expected { "" } else { "  (unexpected)" }
            )),
            Kind::Bar { all, .. } if !record.expected => {
                all.suspend(|| {
                    self.screen.line(&format!(
                        "{paint}{}{reset} {}  (unexpected)",
                        record.verdict,
                        record.name()
                    ));
                });
            }
            Kind::Bar { .. } | Kind::Nothing => {}
        }
    }
}
