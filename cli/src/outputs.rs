//! Reports that a command was asked to write.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use harness::record::Run;
use harness::report::{Format, write};

/// A report and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    format: Format,
    path: PathBuf,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Output, String> {
        let formats = Format::ALL.map(|(_, name, _)| name).join(", ");
        let (format, path) = match text.split_once('=') {
            Some((name, path)) => (
                Format::named(name)
                    .ok_or_else(|| format!("there is no format `{name}`, only {formats}"))?,
                path,
            ),
            None => {
                let ending =
                    Path::new(text).extension().and_then(|ending| ending.to_str()).unwrap_or("");
                let format = Format::named(ending);
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

impl Output {
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
    pub(crate) fn write(&self, run: &Run) -> anyhow::Result<()> {
        match write(&self.path, &self.format.render(run)) {
            Err(error) if self.is_stdout() && error.kind() == std::io::ErrorKind::BrokenPipe => {
                Ok(())
            }
            written => written.with_context(|| format!("cannot write {}", self.path.display())),
        }
    }
}
