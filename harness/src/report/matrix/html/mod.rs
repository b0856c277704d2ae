//! One page that needs nothing else: a table that reads as it is, and a script that filters it and
//! shows the evidence of a cell beside it.

mod data;
mod lanes;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::text::command;
use super::changes::{self, Elsewhere, Flip};
use super::markdown::{outcomes, title};
use super::{Row, Table, alike, claims, counted, glyph, is_judged, meaning, sentence};
use crate::matrix::{Column, Matrix};
use crate::record::{Record, Verdict};

/// How big a page may be, in bytes.
const MOST: usize = 600_000;
/// How much evidence a page has room for.
struct Room {
    /// The checks that are shown of a cell that is as it should be; if none, nor is its other evidence.
    checks: usize,
    /// The calls of its timeline.
    plain_calls: usize,
    /// The calls of the timeline of a cell that is not.
    calls: usize,
}

impl Room {
    /// Whether evidence is left out that the biggest page has.
    fn is_small(&self) -> bool {
        (self.checks, self.plain_calls) < (ROOMS[0].checks, ROOMS[0].plain_calls)
    }
}

/// What is tried until the page is small enough.
const ROOMS: [Room; 6] = [
    Room { checks: 12, plain_calls: 300, calls: 300 },
    Room { checks: 12, plain_calls: 40, calls: 300 },
    Room { checks: 12, plain_calls: 0, calls: 300 },
    Room { checks: 3, plain_calls: 0, calls: 100 },
    Room { checks: 0, plain_calls: 0, calls: 100 },
    Room { checks: 0, plain_calls: 0, calls: 0 },
];
/// The lines of a console that the page shows at most.
const TAIL: usize = 40;
/// How long a column's name may be to fit into the width of a cell.
const SHORT: usize = 7;

/// The matrix, as written by a command with these arguments.
pub(in super::super) fn render(matrix: &Matrix, arguments: &[String]) -> String {
    let table = Table::of(matrix);
    let mut text = String::new();
    for room in &ROOMS {
        text = lean(&page(matrix, &table, room, arguments));
        if text.len() <= MOST {
            break;
        }
    }
    text
}

fn page(matrix: &Matrix, table: &Table, room: &Room, arguments: &[String]) -> String {
    let title = format!("I/O conformance of {}", title(table));
    let flips = changes::of(table);
    let differing = changes::elsewhere(table);
    let others: Vec<usize> = differing.iter().flat_map(|it| &it.places).map(|it| it.0).collect();
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(policy);
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header.text {
                    h1 { (title) }
                    p.lead { (sentence(table)) }
                    p.soft { "Judged by ioconform " (matrix.ioconform) " on " (matrix.started) "." }
                    @if matrix.interrupted { p.note { "Interrupted: what is here is not all." } }
                    @for note in &matrix.notes { p.note { (note) } }
                    (legend(table))
                }
                main {
                    (changed(&flips))
                    (elsewhere(table, &differing))
                    h2.text #cases { "Every case" }
                    (filter(table))
                    p.text.soft.keys {
                        "Press " kbd { "/" } " to search, the arrows to walk through the cells, "
                        kbd { "Enter" } " for the evidence, " kbd { "Esc" } " to close it."
                    }
                    @for (area, rows) in table.areas() { (section(table, area, &rows, &others)) }
                    (told(table))
                    (systems(table))
                }
                footer.text {
                    h2 { "How this page was made" }
                    pre { (command(arguments)) }
                    @if room.is_small() { p.soft { (data::LEFT_OUT) } }
                }
                aside #drawer role="dialog" tabindex="-1" hidden {}
                script #data type="text/plain" { (data::packed(table, room)) }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    }
    .into_string()
        + "\n"
}

/// Without the end tags that HTML lets one leave out (section 13.1.2.4, "Optional tags"): a tenth of
/// the page.
fn lean(page: &str) -> String {
    ["</td>", "</th>", "</tr>", "</li>", "</p>"]
        .iter()
        .fold(page.to_owned(), |page, tag| page.replace(tag, ""))
}

/// The class of a verdict in the style sheet and the script.
fn class(record: &Record) -> String {
    let verdict = match record.verdict {
        Verdict::Conforms => "c",
        Verdict::Deviates => "d",
        Verdict::Unsupported => "u",
        Verdict::Unobservable => "o",
        Verdict::Skipped => "s",
        Verdict::Blocked => "b",
        Verdict::Error => "e",
    };
    if record.expected { verdict.to_owned() } else { format!("{verdict} x") }
}

fn legend(table: &Table) -> Markup {
    let counts = Verdict::ALL.map(|verdict| {
        let of = |(_, record): &(&Column, &Record)| record.verdict == verdict;
        (verdict, table.records().filter(of).count())
    });
    let blank = |verdict| Record::bare("", "", crate::case::Strength::Must, verdict, "");
    html! {
        ul.legend aria-label="Verdicts" {
            @for (verdict, count) in counts {
                @if count > 0 {
                    li class=(class(&blank(verdict))) {
                        (count) " " (verdict) ": " (meaning(verdict))
                    }
                }
            }
            @if table.unexpected() > 0 {
                li.d.x { (table.unexpected()) " not expected of that system" }
            }
            @let warned = table.records().filter(|(_, it)| !it.evidence.kernel_log.is_empty()).count();
            @if warned > 0 { li.w { (warned) " with a warning of the kernel" } }
        }
    }
}

fn changed(flips: &[Flip]) -> Markup {
    html! {
        section.text #changes {
            h2 { "What changes between kernels" }
            @if flips.is_empty() { p { "Nothing." } } @else {
                div.scroll { table.plain {
                    thead { tr { th { "behaviour" } th { "first kernel" } th { "what" } th { "why" } } }
                    tbody { @for flip in flips { tr {
                        td {
                            a href=(format!("#{}@{}", flip.id, flip.at())) { code { (flip.id) } }
                            br; (prose(&flip.claim))
                        }
                        td { b { (flip.at()) } }
                        td { (flip.story()) @if !flip.expected { b { " (unexpected)" } } }
                        td { (prose(&flip.why)) }
                    } } }
                } }
            }
        }
    }
}

fn elsewhere(table: &Table, others: &[Elsewhere]) -> Markup {
    html! {
        @if !others.is_empty() {
            section.text #elsewhere {
                h2 { "Where other systems differ from Linux" }
                @for other in others {
                    @let (systems, kernels) = other.names(table);
                    details {
                        summary {
                            b { (systems) } ", beside " (kernels) ": "
                            (counted(other.rows.len(), "case", "cases"))
                        }
                        ul { @for row in &other.rows { @if let Some((record, _)) = other.seen(row) {
                            li {
                                a href=(format!("#{}", row.name)) { (row.name) } " " (record.verdict)
                                @if !record.reason.is_empty() { ": " (clipped(&record.reason)) }
                            }
                        } } }
                    }
                }
            }
        }
    }
}

fn filter(table: &Table) -> Markup {
    html! {
        form #filter role="search" hidden {
            input name="q" type="search" placeholder="Search names and claims" aria-label="Search names and claims" autocomplete="off";
            select name="verdict" aria-label="Verdict" {
                option value="" { "any verdict" }
                option { "changes" }
                option { "unexpected" }
                @for verdict in Verdict::ALL { option { (verdict) } }
            }
            select name="area" aria-label="Area" {
                option value="" { "all areas" }
                @for (area, _) in table.areas() { option { (area) } }
            }
            select name="kernel" aria-label="System" {
                option value="" { "all systems" }
                @for column in table.columns { option { (column.name) } }
            }
            output aria-live="polite" {}
        }
    }
}

/// Whether a column stands apart from the one to its left: another kind of system.
fn is_apart(columns: &[Column], at: usize) -> bool {
    at > 0 && columns[at].platform.kind != columns[at - 1].platform.kind
}

fn section(table: &Table, area: &str, rows: &[&Row], others: &[usize]) -> Markup {
    let columns = table.columns;
    let unexpected =
        rows.iter().filter(|row| row.cells.iter().flatten().any(|record| !record.expected)).count();
    let head = |at: usize| {
        let mut classes = Vec::new();
        if columns[at].name.len() > SHORT {
            classes.push("long");
        }
        if is_apart(columns, at) {
            classes.push("gap");
        }
        if columns[at].broken.is_some() {
            classes.push("fault");
        }
        classes.join(" ")
    };
    html! {
        details.area open data-area=(area) {
            summary {
                b { (area) }
                small {
                    (counted(rows.len(), "case", "cases"))
                    @if unexpected > 0 { ", " (unexpected) " not as expected" }
                }
            }
            table.matrix {
                thead { tr {
                    th scope="col" { "case" }
                    @for (at, column) in columns.iter().enumerate() {
                        @let fault = column.broken.as_ref().map(|broken| broken.how.word());
                        @let class = head(at);
                        th scope="col" class=[(!class.is_empty()).then_some(class)] title=[fault] {
                            span { (column.name) @if fault.is_some() { " !" } }
                        }
                    }
                } }
                tbody { @for row in rows { (line(table, row, others)) } }
            }
        }
    }
}

/// A row. What is known of the systems at the places `others` is told before, all together.
fn line(table: &Table, row: &Row, others: &[usize]) -> Markup {
    let record = row.record;
    let told = outcomes(row, |at, record| {
        let plain = record.expected && record.evidence.kernel_log.is_empty();
        !plain || (record.verdict != Verdict::Conforms && !others.contains(&at))
    });
    html! {
        tr id=(row.name) {
            th scope="row" { details {
                summary { (row.rest()) }
                p { (prose(&record.claim)) }
                @if !told.is_empty() { ul { @for (record, places) in told { li {
                    (glyph(record.verdict)) " " b { (table.ranges(&places)) } " " (record.verdict)
                    @if !record.expected { ", unexpectedly" }
                    @if !record.reason.is_empty() { ": " (clipped(&record.reason)) }
                    @if let Some(check) = record.failed_check() {
                        "; expected " code { (clipped(&check.expected)) }
                        ", observed " code { (clipped(&check.observed)) }
                    }
                    @for line in &record.evidence.kernel_log { br; code { (line) } }
                } } } }
            } }
            @for (at, width) in blocks(row) { (block(table, row, at, width)) }
        }
    }
}

/// Equal neighbours of a row, as blocks: where each begins, and how many cells it has.
fn blocks(row: &Row) -> Vec<(usize, usize)> {
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    for at in 0..row.cells.len() {
        let goes_on = at > 0 && alike(row.cells[at - 1], row.cells[at]);
        match blocks.last_mut() {
            Some((_, width)) if goes_on => *width += 1,
            _ => blocks.push((at, 1)),
        }
    }
    blocks
}

/// A block of cells, as short as HTML allows: there are thousands. `f` is another verdict than the one
/// to its left, `w` has a kernel's warning. The script makes cells of it.
fn block(table: &Table, row: &Row, at: usize, width: usize) -> Markup {
    let apart = is_apart(table.columns, at);
    let width = (width > 1).then_some(width);
    let Some(record) = row.cells[at] else {
        return html! { td colspan=[width] {} };
    };
    let before = if apart || at == 0 { None } else { row.cells[at - 1] };
    let change = before.is_some_and(|before| {
        before.verdict != record.verdict && is_judged(before.verdict) && is_judged(record.verdict)
    });
    let mut class = class(record);
    class += if change { " f" } else { "" };
    class += if record.evidence.kernel_log.is_empty() { "" } else { " w" };
    let id = change.then(|| format!("{}@{}", row.name, table.columns[at].name));
    if id.is_some() || class.contains(' ') {
        return html! { td class=(class) colspan=[width] id=[id] { (record.verdict) } };
    }
    let width = width.map_or(String::new(), |width| format!(" colspan={width}"));
    PreEscaped(format!("<td class={class}{width}>{}", record.verdict))
}

fn told(table: &Table) -> Markup {
    let on = |places: &[usize]| match places.len() {
        count if count == table.columns.len() && count > 2 => format!("all {count}"),
        _ => table.ranges(places),
    };
    html! {
        section.text #claims {
            h2 { "The claims of the notes" }
            div.scroll { table.plain {
                thead { tr { th { "claim" } th { "verdict" } th { "what is true" } th { "confirmed on" } } }
                tbody { @for seen in claims::seen(table) { tr {
                    td { b { (seen.claim.id) } " " (seen.claim.text) }
                    td { (seen.claim.verdict.word()) }
                    td {
                        (seen.claim.truth)
                        @for name in &seen.rows { " " a href=(format!("#{name}")) { (name) } }
                    }
                    td {
                        @if seen.confirmed.is_empty() && seen.contradicted.is_empty() { "not yet decided" }
                        (on(&seen.confirmed))
                        @if !seen.contradicted.is_empty() { b { " not on " (on(&seen.contradicted)) } }
                    }
                } } }
            } }
        }
    }
}

fn systems(table: &Table) -> Markup {
    html! {
        section.text #systems {
            h2 { "Systems" }
            @for column in table.columns {
                @let count = column.run.as_ref().map_or(0, |run| run.records.len());
                details open[column.broken.is_some()] {
                    summary {
                        b { (column.name) } " " (column.release()) ", " (counted(count, "case", "cases"))
                        @if let Some(broken) = &column.broken { ", " b { (broken.how.word()) } ": " (broken.reason) }
                    }
                    ul { @for (name, value) in data::facts(column) { li { (name) ": " (value) } } }
                    @if let Some(broken) = &column.broken {
                        @if !broken.console.is_empty() {
                            pre { (broken.console[broken.console.len().saturating_sub(TAIL)..].join("\n")) }
                        }
                    }
                }
            }
        }
    }
}

/// A text whose backticks hold code.
fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// At most so much of a text as a table bears.
fn clipped(text: &str) -> String {
    data::clip(text, 120)
}
