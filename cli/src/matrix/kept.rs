//! Columns that were judged already, kept in `$XDG_STATE_HOME/ioconform/matrix` as soon as each is
//! through: an interrupted matrix has lost nothing of them, and `--resume` goes on from there.

use std::path::PathBuf;

use ::matrix::plan::{Start, System};
use anyhow::Context as _;
use harness::case::Case;
use harness::matrix::Column;
use harness::record;
use harness::report::write;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arguments::Matrix;

/// The columns of a matrix like this one: of the same program, cases and arguments.
pub(super) struct Kept {
    folder: Option<PathBuf>,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    key: String,
    column: Column,
}

impl Kept {
    pub(super) fn of(arguments: &Matrix, cases: &[&Case]) -> anyhow::Result<Kept> {
        let mut digest = Sha256::new();
        let program = std::fs::read("/proc/self/exe").context("cannot read this program")?;
        digest.update(program);
        for case in cases {
            digest.update(case.id);
        }
        let guest = &arguments.guest;
        digest.update(format!("{} {} {}", arguments.repeat, guest.cpus, guest.append));
        digest.update(format!("{:?}", std::env::var_os("IOCONFORM_STRICT")));
        let bytes = digest.finalize();
        let hex = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let folder = harness::xdg::folder("XDG_STATE_HOME", ".local/state");
        Ok(Kept { folder: folder.map(|folder| folder.join("matrix")), key: hex })
    }

    fn path(&self, column: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.json", column.replace('/', "_"))))
    }

    /// Keeps a column, unless it was cut short. That it cannot be kept is no reason to end.
    pub(super) fn put(&self, column: &Column) {
        if column.broken.is_some() {
            return;
        }
        let entry = Entry { key: self.key.clone(), column: column.clone() };
        if let (Some(path), Ok(text)) = (self.path(&column.name), serde_json::to_string(&entry)) {
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = write(&path, &text);
        }
    }

    /// Takes out of `systems` those that were judged, and returns their columns.
    pub(super) fn take(&self, systems: &mut Vec<System>) -> Vec<Column> {
        let mut columns = Vec::new();
        systems.retain(|system| match self.get(system) {
            Some(column) => {
                columns.push(column);
                false
            }
            None => true,
        });
        columns
    }

    fn get(&self, system: &System) -> Option<Column> {
        let text = std::fs::read_to_string(self.path(&system.name)?).ok()?;
        let entry: Entry = serde_json::from_str(&text).ok()?;
        let same_kernel = match system.start {
            Start::Here => {
                let then = &entry.column.run.as_ref()?.system;
                let now = record::System::here();
                (&then.release, &then.version) == (&now.release, &now.version)
            }
            _ => entry.column.platform.image_sha256 == system.platform.image_sha256,
        };
        (entry.key == self.key && same_kernel).then_some(entry.column)
    }
}
