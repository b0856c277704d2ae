//! `ioconform kernels`: fetch, list, rm.

use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Reset};
use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget};
use matrix::kernels::{Ended, Entry, Error, Event, Fetched, Store, entry, list};

use crate::arguments::Kernels;
use crate::progress::bar_style;
use crate::screen::{Screen, paint};
use crate::{COULD_NOT_JUDGE, Failure};

pub(crate) fn kernels(command: &Kernels, screen: &Screen) -> Result<u8, Failure> {
    match command {
        Kernels::Fetch { names } => {
            let all = || list().iter().collect();
            let entries = if names.is_empty() { all() } else { entries(names)? };
            let ended = fetch(&entries, false, screen)?;
            let failed = ended.iter().any(|(_, result)| result.is_err());
            Ok(if failed { COULD_NOT_JUDGE } else { 0 })
        }
        Kernels::List => show(screen),
        Kernels::Rm { names, all } => remove(names, *all, screen),
    }
}

/// The entries of these names, each once.
fn entries(names: &[String]) -> Result<Vec<&'static Entry>, Failure> {
    let mut entries = Vec::new();
    for name in names {
        let entry = entry(name).map_err(Failure::usage)?;
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// How wide the names are.
fn width() -> usize {
    list().iter().map(|entry| entry.name.len()).max().unwrap_or(0)
}

/// Fetches entries, with a bar on a terminal and a line for each; if it is to be `quiet`, with a line
/// for those that fail. Returns what became of each.
pub(crate) fn fetch(entries: &[&Entry], quiet: bool, screen: &Screen) -> Result<Vec<Ended>, Error> {
    let target = if std::io::stderr().is_terminal() && !quiet {
        ProgressDrawTarget::stderr_with_hz(15)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = "{bar:32.green} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {elapsed} {wide_msg}";
    bar.set_style(bar_style(style));
    let line = |text: &str| bar.suspend(|| screen.line(text));
    let ended = Store::open()?.fetch(entries, &|event| match event {
        Event::Waiting => line("waiting for another ioconform that fetches or removes kernels"),
        Event::Looking(suites) => bar.set_message(format!("looking into {suites} suites")),
        Event::Unseen(suite, error) => {
            let yellow = paint(AnsiColor::Yellow);
            line(&format!("{yellow}note{Reset}: suite {suite}: {error}"));
        }
        Event::Total(bytes) => bar.set_length(bytes),
        Event::Begins(entry, kept) => bar.set_message(format!("{}: {}", entry.name, kept.package)),
        Event::Arrived(bytes) => bar.set_position(bytes),
        Event::Ends(_, Ok(_)) if quiet => {}
        Event::Ends(entry, result) => line(&outcome(entry, result)),
    });
    bar.finish_and_clear();
    ended
}

/// What became of an entry, on a line.
fn outcome(entry: &Entry, result: &Result<Fetched, Error>) -> String {
    let (color, word, text) = match result {
        Ok(Fetched { kept, damage: Some(damage), .. }) => {
            (AnsiColor::Yellow, "fetched", format!("{kept}; but {damage}"))
        }
        Ok(Fetched { kept, new: true, .. }) => (AnsiColor::Green, "fetched", kept.to_string()),
        Ok(Fetched { kept, .. }) => (AnsiColor::Green, "here", kept.to_string()),
        Err(error) => (AnsiColor::Red, "failed", error.to_string()),
    };
    let width = width();
    format!("{:<width$}  {}{word:<7}{Reset}  {text}", entry.name, paint(color))
}

fn show(screen: &Screen) -> Result<u8, Failure> {
    let store = Store::open()?;
    let (names, whats) =
        (width(), list().iter().map(|entry| entry.what().len()).max().unwrap_or(0));
    for entry in list() {
        let here = match store.kept(entry)? {
            Some((kept, bytes)) => format!("{:>9}  {kept}", DecimalBytes(bytes).to_string()),
            None => format!("{:>9}", "-"),
        };
        screen.line(&format!("{:<names$}  {:<whats$}  {here}", entry.name, entry.what()));
    }
    Ok(0)
}

fn remove(names: &[String], all: bool, screen: &Screen) -> Result<u8, Failure> {
    let store = Store::open()?;
    let bytes = if all { store.clear()? } else { store.remove(&entries(names)?)? };
    screen.line(&format!("{} freed", DecimalBytes(bytes)));
    Ok(0)
}
