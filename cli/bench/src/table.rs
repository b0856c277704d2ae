//! The report as text for a terminal.

use crate::metric::{METRICS, Metric};
use crate::report::{Figure, Report};
use crate::round::{self, Kind};
use crate::statistics::Ratio;

/// A client thread that uses so much of a CPU may be what bounds a rate.
const BUSY: f64 = 0.95;

/// From this part of the CPUs on, what else was running is worth a note.
const OTHERS: f64 = 0.5;

/// The whole report, a line an element.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        if report.figures.iter().any(|figure| figure.kind == kind) {
            lines.push(heading(report, kind));
            lines.extend(table(report, kind));
            lines.push(String::new());
        }
    }
    lines.extend(notes(report));
    lines
}

fn heading(report: &Report, kind: Kind) -> String {
    let settings = &report.settings;
    match kind {
        Kind::KeepAlive => {
            format!("keep-alive: {} connections, requests in a closed loop", settings.connections)
        }
        Kind::Short => format!(
            "short connections: {} at a time, one request each, in a closed loop",
            settings.connections
        ),
        Kind::Latency => format!(
            "latency: {} requests per second over {} connections, in an open loop",
            grouped(settings.latency_rate.unwrap_or_default(), 0),
            settings.connections
        ),
    }
}

/// One row a server, and a column a metric, two for those whose ratios are told.
fn table(report: &Report, kind: Kind) -> Vec<String> {
    let has_values = |metric: &&Metric| {
        metric.kind == kind
            && report.figures.iter().any(|it| it.kind == kind && it.measure == metric.measure)
    };
    let metrics: Vec<&Metric> = METRICS.iter().filter(has_values).collect();
    let mut rows = vec![vec![String::new()]];
    for metric in &metrics {
        rows[0].push(metric.short.to_owned());
        if metric.is_main {
            rows[0].push(format!("ratio [{:.0} %]", report.settings.confidence * 100.0));
        }
    }
    for target in &report.targets {
        let mut row = vec![format!("  {}", target.name)];
        for metric in &metrics {
            let figure = report.figure(&target.name, kind, metric.measure);
            row.push(figure.map_or("-".to_owned(), |figure| grouped(figure.median, metric.digits)));
            if metric.is_main {
                row.push(figure.map_or("-".to_owned(), |figure| compared(report, figure)));
            }
        }
        rows.push(row);
    }
    aligned(&rows)
}

fn compared(report: &Report, figure: &Figure) -> String {
    if figure.target == report.settings.against {
        return "1".to_owned();
    }
    figure.ratio.map_or("-".to_owned(), in_words)
}

/// `1.02 [0.99, 1.05]`.
pub(crate) fn in_words(ratio: Ratio) -> String {
    let digits = |value: f64| if value < 10.0 { 2 } else { 0 };
    let number = |value: f64| grouped(value, digits(value));
    format!("{} [{}, {}]", number(ratio.mean), number(ratio.low), number(ratio.high))
}

/// The first column to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cell = |(column, cell): (usize, &String)| match column {
            0 => format!("{cell:<width$}", width = widths[0]),
            _ => format!("  {cell:>width$}", width = widths[column]),
        };
        row.iter().enumerate().map(cell).collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn notes(report: &Report) -> Vec<String> {
    let settings = &report.settings;
    let mut notes = vec![format!(
        "medians of {} rounds of {} s; ratios to {}, round by round: geometric mean [t-interval of \
         the logarithms]",
        settings.rounds, settings.seconds, settings.against
    )];
    notes.push(format!(
        "clients and servers shared {} CPUs: a rate is what is left for both",
        report.system.cpus
    ));
    let cpus = report.system.cpus as f64;
    if let Some(load) = report.load_before.filter(|load| *load > OTHERS * cpus) {
        notes.push(format!(
            "note: the machine was busy with other things before (load average {load:.1}): rates and \
             latencies are theirs too, CPU time per request is steadier"
        ));
    }
    let busy = |figure: &&Figure| figure.measure == round::CLIENT && figure.median >= BUSY;
    for figure in report.figures.iter().filter(busy) {
        notes.push(format!(
            "note: the client was at its limit in {} of {}: the server could do more",
            figure.kind.word(),
            figure.target
        ));
    }
    for failure in &report.failures {
        let round = match failure.round {
            0 => "in the warm-up, and was not tried again".to_owned(),
            round => format!("in round {round}"),
        };
        notes.push(format!(
            "failed: {} of {} {round}: {}",
            failure.kind.word(),
            failure.target,
            failure.failure.as_deref().unwrap_or_default()
        ));
    }
    for finding in &report.claims {
        notes.push(String::new());
        notes.push(format!("{} ({}): {}", finding.verdict.word(), finding.notes, finding.claim));
        notes.push(format!("  {}", finding.why));
    }
    if report.interrupted {
        notes.push("interrupted: rounds are missing".to_owned());
    }
    notes
}

/// A number with its thousands apart.
pub(crate) fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, 2, "0.00")]
    #[case(999.0, 0, "999")]
    #[case(1_234.5, 1, "1 234.5")]
    #[case(12_345_678.0, 0, "12 345 678")]
    fn thousands_stand_apart(#[case] value: f64, #[case] digits: usize, #[case] text: &str) {
        assert_eq!(grouped(value, digits), text);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec![String::new(), "rate".into()], vec!["ab".into(), "1".into()]];
        assert_eq!(aligned(&rows), ["    rate", "ab     1"]);
    }

    #[test]
    fn a_report_is_a_table_and_what_was_left_out_of_it() {
        let lines = lines(&crate::report::tests::report());
        assert_eq!(
            lines[..5],
            [
                "keep-alive: 8 connections, requests in a closed loop",
                "     per second       ratio [95 %]",
                "  a       5 500                  1",
                "  b      11 000  2.00 [2.00, 2.00]",
                "  c           -                  -",
            ]
        );
        let failed = "failed: keepalive of c in the warm-up, and was not tried again: dead";
        assert!(lines.iter().any(|line| line == failed), "{lines:?}");
    }
}
