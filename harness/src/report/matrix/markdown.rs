//! A page for people: what changes first, then every case on every system, the claims of the notes,
//! and what deviates, with its evidence.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::text::{code, command, one_line, prose};
use super::changes::{self, Flip};
use super::{Row, Table, alike, claims, counted, glyph, is_judged, meaning, sentence};
use crate::matrix::{Column, Matrix};
use crate::record::{Record, Verdict};

/// The lines of a console, or of a kernel's log, that a page shows at most.
const TAIL: usize = 25;

/// The matrix, as written by a command with these arguments.
pub(in super::super) fn render(matrix: &Matrix, arguments: &[String]) -> String {
    let table = Table::of(matrix);
    let mut out = format!("# I/O conformance of {}\n\n", prose(&title(&table)));
    let _ = writeln!(
        out,
        "{} Judged by ioconform {} on {}.\n",
        sentence(&table),
        prose(&matrix.ioconform),
        prose(&matrix.started)
    );
    notes(&mut out, matrix, &table);
    flips(&mut out, &changes::of(&table));
    elsewhere(&mut out, &table);
    areas(&mut out, &table);
    told(&mut out, &table);
    deviations(&mut out, &table);
    broken(&mut out, &table);
    kernel_logs(&mut out, &table);
    platforms(&mut out, &table);
    let _ = writeln!(out, "---\n\nWritten by {}.", code(&command(arguments)));
    out
}

/// `Linux 5.10–7.3 and 3 other systems`.
pub(super) fn title(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
    let kernels = table.kernels();
    let others = names.len() - kernels.len();
    match (kernels.first(), kernels.last(), others) {
        (None, ..) | (_, None, _) => names.join(", "),
        (Some(first), Some(last), _) => {
            let kernels = if first == last {
                names[*first].to_owned()
            } else {
                format!("{}–{}", names[*first], names[*last])
            };
            let more = match others {
                0 => String::new(),
                _ => format!(" and {}", counted(others, "other system", "other systems")),
            };
            format!("Linux {kernels}{more}")
        }
    }
}

/// What the reader should know before anything else.
fn notes(out: &mut String, matrix: &Matrix, table: &Table) {
    let mut notes: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, column) in matrix.columns.iter().enumerate() {
        let Some(run) = &column.run else { continue };
        let stale = run.stale_baseline.iter();
        let stale = stale.map(|entry| format!("The baseline entry `{entry}` matched nothing."));
        let early =
            (!run.complete).then(|| "The run ended before every case was judged.".to_owned());
        for note in run.notes.iter().cloned().chain(stale).chain(early) {
            match notes.iter_mut().find(|(known, _)| *known == note) {
                Some((_, places)) => places.push(at),
                None => notes.push((note, vec![at])),
            }
        }
    }
    if matrix.interrupted {
        out.push_str("> The matrix was interrupted: what is here is not all.\n\n");
    }
    for note in &matrix.notes {
        let _ = writeln!(out, "> {}\n", prose(note));
    }
    for (note, places) in notes {
        let _ = writeln!(out, "> {}: {}\n", prose(&table.ranges(&places)), prose(&note));
    }
}

fn flips(out: &mut String, flips: &[Flip]) {
    out.push_str("## What changes between kernels\n\n");
    if flips.is_empty() {
        out.push_str("Nothing.\n\n");
        return;
    }
    out.push_str("| behaviour | first kernel | what | why |\n|---|---|---|---|\n");
    for flip in flips {
        let unexpected = if flip.expected { "" } else { " (**unexpected**)" };
        let _ = writeln!(
            out,
            "| {}<br>{} | {} | {}{unexpected} | {} |",
            code(&flip.id),
            prose(&flip.claim),
            prose(flip.at()),
            prose(&flip.story()),
            prose(&flip.why)
        );
    }
    out.push('\n');
}

fn elsewhere(out: &mut String, table: &Table) {
    let others = changes::elsewhere(table);
    if others.is_empty() {
        return;
    }
    out.push_str("## Where other systems differ from Linux\n\n");
    for other in others {
        let (systems, kernels) = other.names(table);
        let _ = writeln!(out, "- **{}**, beside {}:", prose(&systems), prose(&kernels));
        for row in &other.rows {
            let Some((record, plain)) = other.seen(row) else { continue };
            let reason = match &*record.reason {
                "" => String::new(),
                reason => format!(": {}", prose(&short(reason))),
            };
            let (name, verdict, beside) = (code(&row.name), record.verdict, plain.verdict);
            let _ = writeln!(out, "  - {name} {verdict}, not {beside}{reason}");
        }
    }
    out.push('\n');
}

/// Neighbouring columns that agree in every row are shown as one.
fn groups(table: &Table) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let whole = |at: usize| table.columns[at].broken.is_none();
    for at in 0..table.columns.len() {
        let same = |other: usize| {
            whole(other)
                && whole(at)
                && table.columns[other].platform.kind == table.columns[at].platform.kind
                && table.rows.iter().all(|row| alike(row.cells[other], row.cells[at]))
        };
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|other| same(*other)) => group.push(at),
            _ => groups.push(vec![at]),
        }
    }
    groups
}

fn areas(out: &mut String, table: &Table) {
    let groups = groups(table);
    let heads: Vec<_> = groups
        .iter()
        .map(|group| {
            let broken = table.columns[group[0]].broken.as_ref();
            let fault = broken.map_or(String::new(), |broken| format!("<br>{}", broken.how.word()));
            format!("{}{fault}", prose(&table.ranges(group)))
        })
        .collect();
    out.push_str("## Every case\n\n");
    let signs: Vec<_> = Verdict::ALL
        .iter()
        .filter(|verdict| table.records().any(|(_, record)| record.verdict == **verdict))
        .map(|verdict| format!("{} {verdict} ({})", glyph(*verdict), meaning(*verdict)))
        .collect();
    let _ = writeln!(
        out,
        "{}. A star behind a sign: that was not expected of this system. ⚠: its kernel logged a \
         warning. Nothing: not tried.\n",
        signs.join(", ")
    );
    for (area, rows) in table.areas() {
        let area = prose(area);
        let _ = writeln!(out, "### {area}\n\n| case | {} | claim |", heads.join(" | "));
        let _ = writeln!(out, "|---|{}---|", ":-:|".repeat(groups.len()));
        for row in rows {
            let signs: Vec<_> = groups.iter().map(|group| sign(row.cells[group[0]])).collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                code(row.rest()),
                signs.join(" | "),
                prose(&row.record.claim)
            );
        }
        out.push('\n');
    }
}

/// A record as a sign.
fn sign(record: Option<&Record>) -> String {
    record.map_or(String::new(), |record| {
        let star = if record.expected { "" } else { "\\*" };
        let warning = if record.evidence.kernel_log.is_empty() { "" } else { "⚠" };
        format!("{}{star}{warning}", glyph(record.verdict))
    })
}

fn told(out: &mut String, table: &Table) {
    out.push_str(
        "## The claims of the notes\n\n\
         | claim | verdict | what is true | cases | confirmed on |\n|---|---|---|---|---|\n",
    );
    for seen in claims::seen(table) {
        let cases: Vec<_> = seen.rows.iter().map(|name| code(name)).collect();
        let mut on = match (seen.confirmed.len(), seen.contradicted.len()) {
            (0, 0) => "not yet decided".to_owned(),
            (count, _) if count == table.columns.len() && count > 2 => format!("all {count}"),
            _ => prose(&table.ranges(&seen.confirmed)),
        };
        if !seen.contradicted.is_empty() {
            let comma = if on.is_empty() { "" } else { "; " };
            let systems = prose(&table.ranges(&seen.contradicted));
            let _ = write!(on, "{comma}**not on {systems}**");
        }
        let claim = seen.claim;
        let _ = writeln!(
            out,
            "| {} {} | {} | {} | {} | {on} |",
            claim.id,
            prose(&claim.text),
            claim.verdict.word(),
            prose(&claim.truth),
            cases.join("<br>"),
        );
    }
    out.push('\n');
}

/// What deviates or could not be judged, each thing that was seen once, with the systems that show it.
fn deviations(out: &mut String, table: &Table) {
    let notable = |_: usize, record: &Record| {
        !record.expected || matches!(record.verdict, Verdict::Deviates | Verdict::Error)
    };
    let rows: Vec<(&Row, Outcomes)> =
        table.rows.iter().map(|row| (row, outcomes(row, notable))).collect();
    for (title, expected) in [("Unexpected", false), ("Known deviations", true)] {
        let mut title = Some(title);
        for (row, outcomes) in &rows {
            let outcomes: Vec<_> =
                outcomes.iter().filter(|(record, _)| record.expected == expected).collect();
            if outcomes.is_empty() {
                continue;
            }
            if let Some(title) = title.take() {
                let _ = writeln!(out, "## {title}\n");
            }
            let record = row.record;
            let _ = writeln!(
                out,
                "- **{}** ({}): {}",
                code(&row.name),
                record.strength,
                prose(&record.claim)
            );
            let _ = writeln!(out, "  - stated in: {}", prose(&record.sources.join("; ")));
            for (record, places) in outcomes {
                outcome(out, table, record, places);
            }
        }
        if title.is_none() {
            out.push('\n');
        }
    }
    not_judged(out, table);
}

/// What was seen of a case, each thing once, with the places of the systems that show it.
type Outcomes<'a> = Vec<(&'a Record, Vec<usize>)>;

/// The different things that were seen of a case, and where.
pub(super) fn outcomes<'a>(row: &Row<'a>, keep: impl Fn(usize, &Record) -> bool) -> Outcomes<'a> {
    let mut outcomes = Outcomes::new();
    for (at, record) in row.cells.iter().enumerate() {
        let Some(record) = record.filter(|record| keep(at, record)) else { continue };
        let same = |known: &Record| {
            alike(Some(known), Some(record))
                && (&known.reason, &known.note) == (&record.reason, &record.note)
                && seen(known) == seen(record)
        };
        match outcomes.iter_mut().find(|(known, _)| same(known)) {
            Some((_, places)) => places.push(at),
            None => outcomes.push((record, vec![at])),
        }
    }
    outcomes
}

/// What was expected and what was seen where a check failed.
fn seen(record: &Record) -> Option<(&str, &str)> {
    record.failed_check().map(|check| (&*check.expected, &*check.observed))
}

fn outcome(out: &mut String, table: &Table, record: &Record, places: &[usize]) {
    let _ = writeln!(
        out,
        "  - {}: {}: {}",
        prose(&table.ranges(places)),
        record.verdict,
        prose(&short(&record.reason))
    );
    if let Some(check) = record.failed_check() {
        let _ = writeln!(
            out,
            "    - expected {}, observed {} at {}",
            code(&short(&check.expected)),
            code(&short(&check.observed)),
            code(&format!("{}:{}", check.file, check.line))
        );
    }
    for (label, text) in [("note", &record.note), ("mend", &record.mend)] {
        if !text.is_empty() {
            let _ = writeln!(out, "    - {label}: {}", prose(text));
        }
    }
}

/// Why some cases say nothing, each reason once.
fn not_judged(out: &mut String, table: &Table) {
    /// The cases, and the places of the systems.
    type Silent<'a> = (Vec<&'a str>, Vec<usize>);
    let mut reasons: BTreeMap<(Verdict, &str), Silent> = BTreeMap::new();
    for row in &table.rows {
        for (at, record) in row.cells.iter().enumerate() {
            let Some(record) = record else { continue };
            let silent = !is_judged(record.verdict) || record.verdict == Verdict::Unsupported;
            if silent && record.expected {
                let (cases, places) = reasons.entry((record.verdict, &record.reason)).or_default();
                if cases.last() != Some(&&*row.name) {
                    cases.push(&row.name);
                }
                places.push(at);
            }
        }
    }
    if reasons.is_empty() {
        return;
    }
    out.push_str("## Not judged\n\n");
    for ((verdict, reason), (cases, mut places)) in reasons {
        places.sort_unstable();
        places.dedup();
        let cases: Vec<_> = cases.into_iter().map(code).collect();
        let _ = writeln!(
            out,
            "- {verdict} on {}: {} ({})",
            prose(&table.ranges(&places)),
            prose(reason),
            cases.join(", ")
        );
    }
    out.push('\n');
}

fn broken(out: &mut String, table: &Table) {
    let broken = |column: &&Column| column.broken.is_some();
    if !table.columns.iter().any(|column| column.broken.is_some()) {
        return;
    }
    out.push_str("## Systems that did not get to the end\n\n");
    for column in table.columns.iter().filter(broken) {
        if let Some(broken) = &column.broken {
            let (name, how) = (prose(&column.name), broken.how.word());
            let _ = writeln!(out, "- **{name}**: {how}: {}\n", prose(&broken.reason));
            lines(out, &broken.console);
        }
    }
}

fn kernel_logs(out: &mut String, table: &Table) {
    let mut title = Some("## What kernels logged meanwhile\n\n");
    for (column, record) in table.records() {
        if !record.evidence.kernel_log.is_empty() {
            out.push_str(title.take().unwrap_or(""));
            let (case, system) = (code(&record.name()), prose(&column.name));
            let _ = writeln!(out, "- {case} on {system}:\n");
            lines(out, &record.evidence.kernel_log);
        }
    }
}

/// The last lines of a console, within an entry of a list.
fn lines(out: &mut String, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str("  ```text\n");
    for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
        let _ = writeln!(out, "  {}", one_line(line).replace("```", "'''"));
    }
    out.push_str("  ```\n\n");
}

fn platforms(out: &mut String, table: &Table) {
    out.push_str(
        "## Systems\n\n\
         | system | release | from | run by | boot | clock | cases | unexpected |\n\
         |---|---|---|---|--:|---|--:|--:|\n",
    );
    for column in table.columns {
        let platform = &column.platform;
        let boot = platform.boot_millis.map_or(String::new(), |boot| format!("{boot} ms"));
        let run = column.run.as_ref();
        let count = run.map_or(0, |run| run.records.len());
        let fault = column.broken.as_ref().map(|broken| format!(" ({})", broken.how.word()));
        let _ = writeln!(
            out,
            "| {}{} | {} | {} | {} | {boot} | {} | {count} | {} |",
            prose(&column.name),
            fault.unwrap_or_default(),
            prose(column.release()),
            prose(&platform.origin),
            prose(&platform.emulator),
            prose(&platform.clocksource),
            run.map_or(0, |run| run.unexpected().count()),
        );
    }
    out.push('\n');
}

/// A text on one line that is not too long to read.
fn short(text: &str) -> String {
    const MOST: usize = 300;
    let line = one_line(text);
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
