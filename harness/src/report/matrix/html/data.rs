//! What the script of the page knows: the evidence of every cell, each thing that was seen once a row.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::super::join::numbered;
use super::super::super::text::quoted;
use super::super::{Row, Table};
use super::Room;
use super::lanes::{self, Timeline};
use crate::matrix::{Column, PlatformKind};
use crate::record::{Check, Evidence, Record, Run, Verdict};

/// How long a value of a cell that is as it should be may be, and of one that is not, in characters.
const PLAIN: usize = 240;
const NOTABLE: usize = 2000;

/// Said where evidence is not in the page.
pub(super) const LEFT_OUT: &str = "To keep the page small, some evidence of what is as it should be \
    is only in the result as JSON.";

#[derive(Serialize)]
struct Data<'a> {
    columns: Vec<ColumnData<'a>>,
    rows: Vec<RowData<'a>>,
    left_out: &'static str,
}

#[derive(Serialize)]
struct ColumnData<'a> {
    name: &'a str,
    facts: Vec<(&'static str, String)>,
    /// The command that tries a case again, but for its id.
    again: String,
}

impl ColumnData<'_> {
    fn of(column: &Column) -> ColumnData<'_> {
        ColumnData { name: &column.name, facts: facts(column), again: again(column) }
    }
}

#[derive(Serialize)]
struct RowData<'a> {
    /// The id, as an argument of a command.
    id: String,
    /// The arguments behind the id that mean a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// How sure its claim is, and where that stands.
    source: String,
    /// Where its checks are in the source.
    file: &'a str,
    /// Every check: sentence, expression, expected value, line.
    checks: Vec<(&'a str, &'a str, &'a str, u32)>,
    /// The names of what was measured and tested.
    names: Vec<&'a str>,
    /// What was seen, each outcome once.
    seen: Vec<Seen>,
    /// A cell a column: which of `seen`.
    at: Vec<Option<usize>>,
}

/// An outcome. A check is its place in the row's; with whether it held and the value where that is
/// not to be guessed.
#[derive(Serialize, PartialEq, Default)]
#[serde(default)]
struct Seen {
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mend: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    verdicts: BTreeMap<Verdict, u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Value>,
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    measures: Vec<(usize, f64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statistics: Vec<(usize, u64, f64, f64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    threads: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    output: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    log: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Timeline>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    left_out: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The data as JSON, packed (zlib) and in base64, with as much evidence as there is room for.
pub(super) fn packed(table: &Table, room: &Room) -> String {
    let rows = table.areas().into_iter().flat_map(|(_, rows)| rows);
    let data = Data {
        columns: table.columns.iter().map(ColumnData::of).collect(),
        rows: rows.map(|row| row_data(table, row, room)).collect(),
        left_out: LEFT_OUT,
    };
    let json = serde_json::to_vec(&data).unwrap_or_default();
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    // Memory takes all that is written to it.
    let packed = packer.write_all(&json).and_then(|()| packer.finish()).unwrap_or_default();
    STANDARD.encode(packed)
}

fn row_data<'a>(table: &'a Table, row: &'a Row, room: &Room) -> RowData<'a> {
    let mut data = RowData {
        id: quoted(&row.record.id),
        server: None,
        source: format!("{}: {}", row.record.strength, row.record.sources.join("; ")),
        file: row.record.evidence.checks.first().map_or("", |check| &check.file),
        checks: Vec::new(),
        names: Vec::new(),
        seen: Vec::new(),
        at: Vec::new(),
    };
    for (column, record) in table.columns.iter().zip(&row.cells) {
        let Some(record) = *record else {
            data.at.push(None);
            continue;
        };
        if let (Some(run), Some(target)) = (&column.run, &record.target) {
            data.server = Some(server(run, target));
        }
        let seen = look(&mut data, record, room);
        data.at.push(Some(place(&mut data.seen, seen)));
    }
    data
}

fn look<'a>(data: &mut RowData<'a>, record: &'a Record, room: &Room) -> Seen {
    let plain = record.verdict == Verdict::Conforms && record.expected;
    let most = if plain { PLAIN } else { NOTABLE };
    let said = Seen {
        reason: clip(&record.reason, most),
        note: clip(&record.note, most),
        mend: record.mend.clone(),
        verdicts: record.verdicts.clone(),
        log: record.evidence.kernel_log.join("\n"),
        ..Seen::default()
    };
    if plain && room.checks == 0 {
        return Seen { left_out: true, ..said };
    }
    let calls = if plain { room.plain_calls } else { room.calls };
    let Evidence { measures, statistics, settled, threads, output, .. } = &record.evidence;
    let made = &record.evidence.checks;
    let more = if plain { made.len().saturating_sub(room.checks) } else { 0 };
    // The last and those before it: the last tells how the story ends.
    let last = made.len().saturating_sub(1);
    let shown = made.iter().enumerate().filter(|(at, _)| *at < last - more || *at == last);
    Seen {
        checks: shown.map(|(_, check)| check_data(data, check, most)).collect(),
        more,
        measures: measures
            .iter()
            .map(|it| (place(&mut data.names, &it.name), (it.value * 1000.0).round() / 1000.0))
            .collect(),
        statistics: statistics
            .iter()
            .map(|it| (place(&mut data.names, &it.name), it.samples, it.p, it.alpha))
            .collect(),
        settled: settled.clone(),
        threads: threads
            .iter()
            .map(|it| {
                [&it.tid.to_string(), &it.name, &it.state, &it.syscall, &it.wchan]
                    .map(Clone::clone)
                    .into()
            })
            .collect(),
        output: clip(output, most),
        timeline: lanes::of(&record.evidence, calls),
        left_out: calls == 0 && !record.evidence.timeline.is_empty(),
        ..said
    }
}

fn check_data<'a>(data: &mut RowData<'a>, check: &'a Check, most: usize) -> Value {
    let whole = (&*check.sentence, &*check.expression, &*check.expected, check.line);
    let at = place(&mut data.checks, whole);
    let plain = check.expected.strip_prefix("== ").unwrap_or(&check.expected);
    if check.holds && check.observed == plain {
        json!(at)
    } else {
        json!([at, check.holds, clip(&check.observed, most)])
    }
}

/// Where a value stands in a list: at its end, if it is new there.
fn place<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

/// What is known of a system, as a list of names and values.
pub(super) fn facts(column: &Column) -> Vec<(&'static str, String)> {
    let platform = &column.platform;
    let system = column.run.as_ref().map(|run| &run.system);
    let of = |value: Option<&String>| value.cloned().unwrap_or_default();
    let millis = |millis: u64| format!("{millis} ms");
    let facts = [
        ("release", of(system.map(|system| &system.release))),
        ("version", of(system.map(|system| &system.version))),
        ("machine", of(system.map(|system| &system.machine))),
        ("CPUs", system.map_or(String::new(), |system| system.cpus.to_string())),
        ("user", system.map_or(String::new(), |system| system.user.to_string())),
        ("from", platform.origin.clone()),
        ("run by", platform.emulator.clone()),
        ("command line", platform.command_line.clone()),
        ("clock", platform.clocksource.clone()),
        ("boot", platform.boot_millis.map_or(String::new(), millis)),
        ("boots", if platform.boots > 1 { platform.boots.to_string() } else { String::new() }),
        ("image, SHA-256", platform.image_sha256.clone()),
        ("configuration, SHA-256", platform.config_sha256.clone()),
    ];
    let notes = column.run.iter().flat_map(|run| run.notes.iter().cloned());
    let early = column.run.iter().filter(|run| !run.complete);
    let early = early.map(|_| "the run ended before every case was judged".to_owned());
    facts
        .into_iter()
        .chain(notes.chain(early).map(|note| ("note", note)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The command that tries a case again on a system, but for what stands behind it.
fn again(column: &Column) -> String {
    let servers = column.run.as_ref().is_some_and(|run| !run.targets.is_empty());
    match column.platform.kind {
        PlatformKind::Machine if servers => "ioconform server".to_owned(),
        PlatformKind::Machine => "ioconform run".to_owned(),
        _ => format!("ioconform matrix --kernel {}", quoted(numbered(&column.name).0)),
    }
}

/// The arguments that mean a server of a run.
fn server(run: &Run, name: &str) -> String {
    match run.targets.iter().find(|target| target.name == name) {
        Some(target) if target.reference => format!("--model {}", quoted(name)),
        Some(target) if !run.command.iter().any(|word| word == name) => {
            format!("--dialect {} -- {}", quoted(&target.dialect), target.command)
        }
        _ => format!("--preset {}", quoted(name)),
    }
}

/// At most so many characters.
pub(super) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
