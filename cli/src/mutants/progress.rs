//! What a person sees while cases are tried on mutants.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use harness::power::Watcher;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::arguments::Progress;
use crate::progress::bar_style;

/// A bar on stderr, or a line there at each tenth of the trials, or nothing.
pub(super) struct Display(Kind);

enum Kind {
    Bar(ProgressBar),
    Counter(Mutex<Counter>),
    Nothing,
}

/// How far a phase has come.
#[derive(Debug, Default)]
struct Counter {
    what: String,
    trials: usize,
    done: usize,
}

impl Display {
    pub(super) fn new(how: Progress, quiet: u8) -> Display {
        Display(match how {
            Progress::None => Kind::Nothing,
            Progress::Auto if quiet > 0 => Kind::Nothing,
            Progress::Auto if std::io::stderr().is_terminal() => Kind::bar(),
            Progress::Bar => Kind::bar(),
            Progress::Auto | Progress::Counter => Kind::Counter(Mutex::default()),
        })
    }
}

impl Kind {
    fn bar() -> Kind {
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(bar_style("{bar:32.green} {pos}/{len} {msg}, {eta} left"));
        Kind::Bar(bar)
    }
}

impl Counter {
    /// One more trial is through: a line, if one more tenth of them is.
    fn count(&mut self) -> Option<String> {
        let tenths = |done: usize| 10 * done / self.trials.max(1);
        let is_another = tenths(self.done + 1) > tenths(self.done);
        self.done += 1;
        let width = self.trials.to_string().len();
        is_another.then(|| format!("[{:>width$}/{}] {}", self.done, self.trials, self.what))
    }
}

impl Watcher for Display {
    fn phase(&self, what: &str, trials: usize) {
        match &self.0 {
            Kind::Bar(bar) => {
                bar.reset();
                bar.set_length(trials as u64);
                bar.set_message(what.to_owned());
            }
            Kind::Counter(counter) => {
                let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                *counter = Counter { what: what.to_owned(), trials, done: 0 };
                say(&format!("{what}: {trials} trials"));
            }
            Kind::Nothing => {}
        }
    }

    fn done(&self) {
        match &self.0 {
            Kind::Bar(bar) => bar.inc(1),
            Kind::Counter(counter) => {
                // It is held until the line is out, so that lines come in their order.
                let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(line) = counter.count() {
                    say(&line);
                }
            }
            Kind::Nothing => {}
        }
    }

    fn end(&self) {
        if let Kind::Bar(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A line on stderr. There is nobody to tell if that fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a phase of so many trials.
    fn lines(trials: usize) -> Vec<String> {
        let mut counter = Counter { what: "cases".to_owned(), trials, done: 0 };
        (0..trials).filter_map(|_| counter.count()).collect()
    }

    #[test]
    fn each_tenth_of_the_trials_is_a_line() {
        let lines = lines(25);
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[..2], ["[ 3/25] cases", "[ 5/25] cases"]);
        assert_eq!(lines[9], "[25/25] cases");
    }

    #[test]
    fn of_few_trials_each_is_a_line() {
        assert_eq!(lines(2), ["[1/2] cases", "[2/2] cases"]);
    }
}
