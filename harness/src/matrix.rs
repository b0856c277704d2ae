//! The same cases on several systems: what a matrix leaves behind. `docs/matrix-schema.json` is
//! generated from these types.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Record, Run, SCHEMA};

/// Runs of the same cases, a column a system: what `ioconform matrix -o json=FILE` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// The version of this format: [`SCHEMA`].
    pub schema: u32,
    /// The version of ioconform.
    pub ioconform: String,
    /// When the matrix began, RFC 3339, UTC, whole seconds.
    pub started: String,
    /// How long it took, in milliseconds; of several parts, the longest: they run side by side.
    pub millis: u64,
    /// Whether a signal ended it.
    pub interrupted: bool,
    /// The arguments of the command, without its name.
    pub command: Vec<String>,
    /// What its reader should know: a kernel that could not be fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The systems, in the order of the report: kernels by version, then what is no plain kernel.
    pub columns: Vec<Column>,
}

/// One system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// What reports call it, unlike all others: `6.12`, `6.12-rt`, `gvisor-systrap`, `this machine`.
    pub name: String,
    /// Where it ran, and from where it comes.
    pub platform: Platform,
    /// Why there is no whole result: the kernel panicked, hung, printed nothing. Nothing if all is
    /// well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
    /// What was judged; nothing if it never came so far. Incomplete if it is broken later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

/// How a system failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// What happened.
    pub how: Fault,
    /// It as a sentence.
    pub reason: String,
    /// The last lines of its console.
    pub console: Vec<String>,
}

/// The ways in which a system fails as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The kernel panicked.
    Panic,
    /// It stood still.
    Hang,
    /// It ended without a word.
    Silent,
    /// It, or its image, could not be started at all.
    Unbootable,
    /// It was never tried, or not to its end: the matrix was interrupted.
    Interrupted,
}

impl Fault {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Panic => "panic",
            Fault::Hang => "hang",
            Fault::Silent => "silent",
            Fault::Unbootable => "unbootable",
            Fault::Interrupted => "interrupted",
        }
    }
}

/// Where a system ran, and from where it comes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// What it is.
    pub kind: PlatformKind,
    /// What ran it, with version and settings: `QEMU 7.2.22, tcg, q35, 1 CPU, 256 MiB`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub emulator: String,
    /// The package that it comes from, with version, or the user's file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// The kernel's command line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command_line: String,
    /// The clock that it keeps time by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub clocksource: String,
    /// SHA-256 of the kernel's image, in hexadecimal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image_sha256: String,
    /// SHA-256 of its configuration, in hexadecimal, where that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config_sha256: String,
    /// From its start to the first case, in milliseconds; of several boots, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_millis: Option<u64>,
    /// How often it was started: once more for each case that ended it, and for each start of
    /// which the emulator made nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub boots: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Kinds of systems.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PlatformKind {
    /// A Linux kernel in a virtual machine.
    Qemu,
    /// User-mode Linux.
    Uml,
    /// gVisor.
    Gvisor,
    /// The system on which ioconform was started.
    #[default]
    Machine,
}

impl Column {
    /// The column of a run on the system where the command was started.
    pub fn of(name: impl Into<String>, run: Run) -> Column {
        Column { name: name.into(), platform: Platform::default(), broken: None, run: Some(run) }
    }

    /// What the release calls itself; empty if it never said.
    pub fn release(&self) -> &str {
        self.run.as_ref().map_or("", |run| &run.system.release)
    }

    /// The record of a case, if there is one; `name` is that of [`Record::name`].
    pub fn record(&self, name: &str) -> Option<&Record> {
        self.run.as_ref()?.records.iter().find(|record| record.name() == name)
    }
}

impl Matrix {
    /// A matrix without columns, of the command that runs now.
    pub fn new(ioconform: &str, started: String) -> Matrix {
        Matrix {
            schema: SCHEMA,
            ioconform: ioconform.to_owned(),
            started,
            millis: 0,
            interrupted: false,
            command: Vec::new(),
            notes: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// The names of all records, as of [`Record::name`], sorted.
    pub fn rows(&self) -> Vec<String> {
        let runs = self.columns.iter().filter_map(|column| column.run.as_ref());
        let names: BTreeSet<_> =
            runs.flat_map(|run| run.records.iter().map(Record::name)).collect();
        names.into_iter().collect()
    }

    /// The exit code: 130 interrupted, 4 nothing ran, 1 something unexpected, 3 could not judge,
    /// 0 all as expected. A system that is broken could not be judged.
    pub fn exit_code(&self) -> u8 {
        let codes: BTreeSet<u8> = self
            .columns
            .iter()
            .flat_map(|column| {
                let broken = column.broken.as_ref().map(|broken| match broken.how {
                    Fault::Interrupted => 130,
                    _ => 3,
                });
                let judged = column.run.as_ref().filter(|run| !run.records.is_empty());
                broken.into_iter().chain(judged.map(Run::exit_code))
            })
            .collect();
        if self.interrupted {
            return 130;
        }
        [130, 1, 3, 0].into_iter().find(|code| codes.contains(code)).unwrap_or(4)
    }
}
