//! Reports that a command was asked to write.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use harness::report::{Format, write};

/// The formats that a command can write.
pub(crate) trait Formats: Copy + 'static {
    /// Every format, with its name and the file endings that imply it.
    const ALL: &'static [(Self, &'static str, &'static [&'static str])];

    /// The format with this name or ending.
    fn named(name: &str) -> Option<Self> {
        let is =
            |(_, word, endings): &&(Self, &str, &[&str])| *word == name || endings.contains(&name);
        Self::ALL.iter().find(is).map(|(format, ..)| *format)
    }
}

impl Formats for Format {
    const ALL: &'static [(Format, &'static str, &'static [&'static str])] = &Format::ALL;
}

/// A report and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output<F = Format> {
    pub(crate) format: F,
    path: PathBuf,
}

impl<F: Formats> FromStr for Output<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Output<F>, String> {
        let names: Vec<_> = F::ALL.iter().map(|(_, name, _)| *name).collect();
        let formats = names.join(", ");
        let (format, path) = match text.split_once('=') {
            Some((name, path)) => (
                F::named(name)
                    .ok_or_else(|| format!("there is no format `{name}`, only {formats}"))?,
                path,
            ),
            None => {
                let ending =
                    Path::new(text).extension().and_then(|ending| ending.to_str()).unwrap_or("");
                let format = F::named(ending);
                (
                    format.ok_or_else(|| {
                        format!(
                            "`{text}` does not tell its format; write FORMAT=PATH, with {formats}"
                        )
                    })?,
                    text,
                )
            }
        };
        if path.is_empty() {
            return Err("a report needs a path, or - for stdout".to_owned());
        }
        Ok(Output { format, path: path.into() })
    }
}

impl<F> Output<F> {
    /// Whether it goes where people read the progress.
    pub(crate) fn is_stdout(&self) -> bool {
        self.path == Path::new("-") || self.path == Path::new("/dev/stdout")
    }

    /// Refuses, before the work is done, a path that cannot be written to after it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.is_stdout() {
            return Ok(());
        }
        anyhow::ensure!(
            !self.path.is_dir(),
            "cannot write {}: it is a directory",
            self.path.display()
        );
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        anyhow::ensure!(
            folder.is_dir(),
            "cannot write {}: there is no directory {}; make it with mkdir -p {}",
            self.path.display(),
            folder.display(),
            folder.display()
        );
        Ok(())
    }

    /// Writes the report, whole or not at all.
    pub(crate) fn write(&self, report: &str) -> anyhow::Result<()> {
        match write(&self.path, report) {
            Err(error) if self.is_stdout() && error.kind() == std::io::ErrorKind::BrokenPipe => {
                Ok(())
            }
            written => written.with_context(|| format!("cannot write {}", self.path.display())),
        }
    }
}

/// Writes every report that can be written, and says of those that cannot.
pub(crate) fn write_all(
    outputs: &[Output],
    render: impl Fn(Format) -> String,
) -> anyhow::Result<()> {
    let failures: Vec<_> = outputs
        .iter()
        .filter_map(|output| output.write(&render(output.format)).err())
        .map(|failure| format!("{failure:#}"))
        .collect();
    anyhow::ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}
