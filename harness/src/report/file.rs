//! Results as files.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Results;
use crate::record::SCHEMA;

/// Why a file is no result.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// It is no JSON of the right shape.
    #[error("{0} is not a result of ioconform: {1}")]
    Parse(PathBuf, serde_json::Error),
    /// It was written by a later ioconform.
    #[error("{path} has schema {found}, this ioconform reads up to {SCHEMA}: use a newer one")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
}

/// Reads what `-o json=PATH` wrote: a matrix if it has columns, else a run.
pub fn read(path: &Path) -> Result<Results, ReadError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ReadError::Read(path.to_owned(), error))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Results, ReadError> {
    let wrong = |error| ReadError::Parse(path.to_owned(), error);
    let value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
    let schema = value.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if schema > u64::from(SCHEMA) {
        return Err(ReadError::Schema { path: path.to_owned(), found: schema });
    }
    match value.get("columns") {
        Some(_) => serde_json::from_value(value).map(Results::Matrix),
        None => serde_json::from_value(value).map(Results::Run),
    }
    .map_err(wrong)
}

/// A result as JSON, two blanks deep, with a line end.
pub(super) fn json(result: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(result).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes a file whole or not at all: what stood there stays until the new text is on disk.
/// `-` is stdout. What is no regular file, or lies below `/dev` or `/proc` and so may be the
/// caller's own stdout, is written to directly.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    if path == Path::new("-") {
        let mut stdout = io::stdout();
        return stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
    let special = path.starts_with("/dev") || path.starts_with("/proc");
    if special || path.metadata().is_ok_and(|found| !found.is_file()) {
        return OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes());
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = replace(&path, &temporary, text);
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn replace(path: &Path, temporary: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if let Ok(old) = path.metadata() {
        file.set_permissions(old.permissions())?;
    }
    std::fs::rename(temporary, path)
}
