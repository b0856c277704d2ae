//! Pictures for a README: areas and systems, and a badge. A picture there is an image without
//! script, style sheet or fonts of its own, so that everything is said in its text.

use std::fmt::Write as _;

use super::super::text::{one_line, xml};
use super::{Table, counted, sentence};
use crate::matrix::{Column, Matrix};
use crate::record::{Record, Verdict};

/// The sizes, in pixels.
const WIDTH: usize = 880;
const MARGIN: usize = 20;
const AREA: usize = 150;
const ROW: usize = 24;
const TOP: usize = 66;

/// How many cases of every area conform on every system, and what the others do.
pub(in super::super) fn render(matrix: &Matrix) -> String {
    let table = Table::of(matrix);
    let areas = table.areas();
    let width = ((WIDTH - 2 * MARGIN - AREA) / table.columns.len().max(1)).min(110);
    let tall = table.columns.iter().any(|column| column.name.len() * 7 > width);
    let longest = table.columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
    let head = if tall { longest * 7 + 8 } else { 20 };
    let first = TOP + head;
    let mut body = String::new();
    for (at, column) in table.columns.iter().enumerate() {
        let middle = MARGIN + AREA + at * width + width / 2;
        let name = label(&column.name);
        let _ = if tall {
            let (x, y) = (middle + 4, first - 6);
            writeln!(
                body,
                "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\">{name}</text>"
            )
        } else {
            writeln!(
                body,
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                first - 6
            )
        };
    }
    for (line, (area, rows)) in areas.iter().enumerate() {
        let y = first + line * ROW;
        let _ = writeln!(body, "<text x=\"{MARGIN}\" y=\"{}\">{}</text>", y + 16, label(area));
        for (at, column) in table.columns.iter().enumerate() {
            let records: Vec<_> = rows.iter().filter_map(|row| row.cells[at]).collect();
            let tile = Tile::of(column, &records);
            let (x, middle) = (MARGIN + AREA + at * width, MARGIN + AREA + at * width + width / 2);
            let _ = writeln!(
                body,
                "<g><title>{area} on {}: {}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" \
                 fill=\"{}\"/><text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"{}\">{}</text></g>",
                label(&column.name),
                tile.words,
                width - 2,
                ROW - 2,
                tile.fill,
                y + 15,
                tile.ink,
                tile.text,
                area = label(area),
            );
        }
    }
    let bottom = first + areas.len() * ROW;
    let height = bottom + 42;
    let legend = "cases that conform, and the worst of the others:   ✗ deviate as is known   \
                  ✗* unexpected   ! could not be judged";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#1a2530\" \
         role=\"img\">\n<title>I/O conformance of {title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"17\" font-weight=\"bold\">I/O conformance of {title}</text>\n\
         <text x=\"{MARGIN}\" y=\"49\" fill=\"#55626f\">{}</text>\n{body}\
         <text x=\"{MARGIN}\" y=\"{}\" fill=\"#55626f\" xml:space=\"preserve\">{legend}</text>\n</svg>\n",
        label(&sentence(&table)),
        bottom + 24,
        title = label(&super::markdown::title(&table)),
    )
}

/// A text as it is drawn: on one line.
fn label(text: &str) -> String {
    xml(&one_line(text))
}

/// An area on a system, as it is drawn.
struct Tile {
    text: String,
    words: String,
    fill: &'static str,
    ink: &'static str,
}

impl Tile {
    fn of(column: &Column, records: &[&Record]) -> Tile {
        let count = |keep: fn(&Record) -> bool| records.iter().filter(|it| keep(it)).count();
        let conforms = count(|it| it.verdict == Verdict::Conforms);
        let known = count(|it| it.verdict == Verdict::Deviates && it.expected);
        let lost = count(|it| it.verdict == Verdict::Error);
        let wrong = count(|it| !it.expected && it.verdict != Verdict::Error);
        let mut text = if conforms > 0 { conforms.to_string() } else { "–".to_owned() };
        // The worst alone: a tile is narrow.
        let others = [(wrong, "✗*"), (lost, "!"), (known, "✗")];
        if let Some((count, sign)) = others.iter().find(|(count, _)| *count > 0) {
            text += &format!(" {count}{sign}");
        }
        let words = match &column.broken {
            Some(broken) if records.is_empty() => broken.how.word().to_owned(),
            _ => format!(
                "{conforms} of {} conform, {known} deviate as is known, {wrong} are unexpected, \
                 {lost} could not be judged",
                records.len()
            ),
        };
        if records.is_empty() {
            if column.broken.is_some() { "!" } else { "" }.clone_into(&mut text);
        }
        let (fill, ink) = match (wrong, lost, known, conforms) {
            _ if records.is_empty() && column.broken.is_some() => ("#fff0b0", "#5f4900"),
            (1.., ..) => ("#b2400c", "#ffffff"),
            (_, 1.., ..) => ("#fff0b0", "#5f4900"),
            (_, _, 1.., _) => ("#fadccb", "#7d2d0b"),
            (_, _, _, 1..) => ("#d9ecf8", "#0c4a73"),
            _ => ("#e7ebef", "#45515d"),
        };
        Tile { text, words, fill, ink }
    }
}

/// A badge: how many systems, and how much of it was not expected.
pub(in super::super) fn badge(matrix: &Matrix) -> String {
    let table = Table::of(matrix);
    let kernels = table.kernels().len();
    let systems = matrix.columns.len();
    let where_ = if kernels == systems {
        counted(systems, "kernel", "kernels")
    } else {
        counted(systems, "system", "systems")
    };
    let broken = matrix.columns.iter().filter(|column| column.broken.is_some()).count();
    let unexpected = table.unexpected();
    let mut says = format!("{where_}, {unexpected} unexpected");
    if broken > 0 {
        says += &format!(", {broken} broken");
    }
    let fill = match matrix.exit_code() {
        0 => "#0b5a94",
        1 => "#b2400c",
        _ => "#6b5200",
    };
    // Verdana at 11 pixels is 6.6 wide on the average; textLength makes the rest fit.
    let wide = |text: &str| text.chars().count() * 66 / 10;
    let (name, left) = ("ioconform", wide("ioconform") + 12);
    let right = wide(&says) + 12;
    let width = left + right;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" role=\"img\" \
         aria-label=\"{name}: {says}\">\n<title>{name}: {says}</title>\n\
         <clipPath id=\"r\"><rect width=\"{width}\" height=\"20\" rx=\"3\"/></clipPath>\n\
         <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#3d4852\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{fill}\"/></g>\n\
         <g fill=\"#ffffff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
         <text x=\"6\" y=\"14\" textLength=\"{}\">{name}</text>\
         <text x=\"{}\" y=\"14\" textLength=\"{}\">{says}</text></g>\n</svg>\n",
        left - 12,
        left + 6,
        right - 12,
    )
}
