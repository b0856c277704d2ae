//! stdout and stderr, for readers that may leave early.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use harness::record::Verdict;

/// Where text for people goes: stdout, or stderr while stdout is taken by a report.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    failure: Mutex<Option<io::Error>>,
    stdout_taken: AtomicBool,
}

impl Screen {
    pub(crate) fn new() -> Screen {
        Screen::default()
    }

    /// From here on, text for people goes to stderr.
    pub(crate) fn leave_stdout(&self) {
        self.stdout_taken.store(true, Ordering::Relaxed);
    }

    /// Prints a line. The first failure is kept for the end; after it, nothing is printed.
    pub(crate) fn line(&self, text: &str) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_some() {
            return;
        }
        let written = if self.stdout_taken.load(Ordering::Relaxed) {
            writeln!(anstream::stderr(), "{text}")
        } else {
            let mut stdout = anstream::stdout();
            writeln!(stdout, "{text}").and_then(|()| stdout.flush())
        };
        *failure = written.err();
    }

    /// Prints an error to stderr, on one line. There is nobody to tell if that fails.
    #[expect(clippy::unused_self, reason = "everything printed goes through the screen")]
    pub(crate) fn error(&self, text: &str) {
        let (red, reset) = (paint(AnsiColor::Red), anstyle::Reset);
        let _ = writeln!(anstream::stderr(), "{red}error{reset}: {}", text.replace('\n', " "));
    }

    /// What kept text from being printed, unless the reader simply left.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }
}

/// A bold colour.
pub(crate) fn paint(color: AnsiColor) -> Style {
    color.on_default().bold()
}

/// The colour of a verdict: never the only thing that tells it.
pub(crate) fn color(verdict: Verdict, expected: bool) -> Style {
    match verdict {
        _ if !expected => paint(AnsiColor::Red),
        Verdict::Conforms => paint(AnsiColor::Green),
        Verdict::Deviates => paint(AnsiColor::Magenta),
        Verdict::Error => paint(AnsiColor::Red),
        Verdict::Unsupported | Verdict::Unobservable | Verdict::Skipped | Verdict::Blocked => {
            paint(AnsiColor::Yellow)
        }
    }
}
