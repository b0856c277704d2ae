//! The report as a picture: a panel a metric, a line a server, a dot for the ratio to the server
//! that all are compared with, and a bar for its interval.

use std::fmt::Write as _;

use crate::metric::{Better, METRICS, Metric};
use crate::report::Report;
use crate::statistics::Ratio;
use crate::table::{grouped, in_words};

/// The sizes, in pixels.
const WIDTH: f64 = 860.0;
const LINE: f64 = 22.0;
const PLOT: (f64, f64) = (320.0, 640.0);
const MARGIN: f64 = 24.0;
/// The axis reaches at least from the one over this to this.
const LEAST_REACH: f64 = 1.25;
/// And at most so far: what lies beyond is drawn at its end, and told in figures.
const MOST_REACH: f64 = 64.0;
/// Where the axis may have marks beside 1: these and the ones over them. From which reach on and
/// up to which, as there is room for some.
const MARKS: [(f64, f64, f64); 8] = [
    (1.1, 1.0, 1.6),
    (1.25, 1.0, 3.0),
    (2.0, 1.0, 16.0),
    (4.0, 3.0, 64.0),
    (8.0, 6.0, 64.0),
    (16.0, 12.0, 64.0),
    (32.0, 30.0, 64.0),
    (64.0, 60.0, 64.0),
];

/// The picture, whole.
pub fn draw(report: &Report) -> String {
    let mut body = String::new();
    let mut y = 64.0;
    for metric in METRICS.iter().filter(|metric| metric.is_drawn) {
        if report.figures.iter().any(|it| it.kind == metric.kind && it.measure == metric.measure) {
            y = panel(&mut body, report, metric, y) + 20.0;
        }
    }
    let settings = &report.settings;
    let subtitle = format!(
        "{} rounds of {} s, {} connections, {} CPUs for clients and servers, {} {}{}",
        settings.rounds,
        settings.seconds,
        settings.connections,
        report.system.cpus,
        report.system.name,
        report.system.release,
        if report.interrupted { "; interrupted, rounds are missing" } else { "" }
    );
    let height = y + 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"17\" font-weight=\"bold\">Ratios to {}, with \
         {:.0} % intervals</text>\n\
         <text x=\"{MARGIN}\" y=\"48\" fill=\"#555555\">{}</text>\n{body}</svg>\n",
        escaped(&settings.against),
        settings.confidence * 100.0,
        escaped(&subtitle),
    )
}

/// Draws one metric from `top` on; returns where it ends.
fn panel(out: &mut String, report: &Report, metric: &Metric, top: f64) -> f64 {
    let figures: Vec<_> = report
        .targets
        .iter()
        .map(|target| (&target.name, report.figure(&target.name, metric.kind, metric.measure)))
        .collect();
    let ratios = figures.iter().filter_map(|(_, figure)| (*figure)?.ratio);
    let axis = Axis::around(ratios);
    let way = match metric.better {
        Better::Higher => "right is better",
        Better::Lower => "left is better",
    };
    text(out, MARGIN, top + 14.0, "start", "font-weight=\"bold\"", metric.title);
    text(out, PLOT.1, top + 14.0, "end", "fill=\"#555555\"", way);
    let (first, last) = (top + 24.0, top + 24.0 + LINE * figures.len() as f64);
    for mark in axis.marks() {
        line(out, axis.place(mark), (first, last), "#dddddd");
        let words = label(mark);
        text(
            out,
            axis.place(mark),
            last + 15.0,
            "middle",
            "font-size=\"11\" fill=\"#555555\"",
            &words,
        );
    }
    line(out, axis.place(1.0), (first, last), "#555555");
    for (number, (name, figure)) in figures.iter().enumerate() {
        let y = first + LINE * (number as f64 + 0.5);
        text(out, MARGIN, y + 4.0, "start", "", name);
        let Some(figure) = figure else {
            text(out, PLOT.0 - 14.0, y + 4.0, "end", "fill=\"#555555\"", "not measured");
            continue;
        };
        let value = grouped(figure.median, metric.digits);
        text(out, PLOT.0 - 14.0, y + 4.0, "end", "fill=\"#555555\"", &value);
        let told = match figure.ratio {
            Some(ratio) => {
                interval(out, &axis, ratio, metric.better, y);
                in_words(ratio)
            }
            None if **name == report.settings.against => {
                dot(out, axis.place(1.0), y, "#555555");
                "1".to_owned()
            }
            None => "too few rounds for a ratio".to_owned(),
        };
        text(out, PLOT.1 + 14.0, y + 4.0, "start", "", &told);
    }
    last + 20.0
}

/// A bar with ends and a dot. The colour says what the place says too: better, worse, or neither.
fn interval(out: &mut String, axis: &Axis, ratio: Ratio, better: Better, y: f64) {
    use std::cmp::Ordering::{Greater, Less};
    let color = match (ratio.differs(), better) {
        (None, _) => "#777777",
        (Some(Greater), Better::Higher) | (Some(Less), Better::Lower) => "#0072b2",
        _ => "#d55e00",
    };
    let (low, high) = (axis.place(ratio.low), axis.place(ratio.high));
    let _ = writeln!(
        out,
        "<path d=\"M{low:.1} {y}H{high:.1}M{low:.1} {top}v8M{high:.1} {top}v8\" stroke=\"{color}\" \
         stroke-width=\"2\"/>",
        top = y - 4.0
    );
    dot(out, axis.place(ratio.mean), y, color);
}

fn line(out: &mut String, x: f64, (top, bottom): (f64, f64), color: &str) {
    let _ = writeln!(
        out,
        "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{color}\"/>"
    );
}

fn dot(out: &mut String, x: f64, y: f64, color: &str) {
    let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"4\" fill=\"{color}\"/>");
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, style: &str, words: &str) {
    let words = escaped(words);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\" {style}>{words}</text>"
    );
}

/// A logarithmic axis with 1 in its middle.
struct Axis {
    reach: f64,
}

impl Axis {
    /// One that shows all of these.
    fn around(ratios: impl Iterator<Item = Ratio>) -> Axis {
        let furthest = |ratio: Ratio| ratio.high.max(1.0 / ratio.low);
        let reach = ratios.map(furthest).fold(LEAST_REACH, f64::max) * 1.05;
        Axis { reach: reach.min(MOST_REACH) }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.ln() / self.reach.ln()).clamp(-1.0, 1.0);
        PLOT.0 + (PLOT.1 - PLOT.0) * f64::midpoint(part, 1.0)
    }

    /// The marks that the axis reaches, from left to right.
    fn marks(&self) -> Vec<f64> {
        let fits = |(mark, from, to): &(f64, f64, f64)| {
            (*from..=*to).contains(&self.reach) && *mark <= self.reach
        };
        let above: Vec<f64> = MARKS.iter().filter(|it| fits(it)).map(|(mark, ..)| *mark).collect();
        let below = above.iter().rev().map(|mark| 1.0 / mark);
        below.chain([1.0]).chain(above.iter().copied()).collect()
    }
}

/// `1/8` up to a half, else the number.
fn label(mark: f64) -> String {
    match mark {
        _ if mark < 0.6 => format!("1/{:.0}", 1.0 / mark),
        _ if mark < 1.0 => grouped(mark, 2),
        _ => mark.to_string(),
    }
}

/// For the text of an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_1_in_its_middle_and_everything_on_it() {
        let ratio = Ratio { mean: 0.1, low: 0.05, high: 3.0 };
        let axis = Axis::around([ratio].into_iter());
        assert!((axis.place(1.0) - f64::midpoint(PLOT.0, PLOT.1)).abs() < 1e-9);
        assert!(axis.place(0.05) > PLOT.0 && axis.place(3.0) < PLOT.1);
        assert!((axis.place(1e-9) - PLOT.0).abs() < 1e-9, "what lies beyond is at the end");
        assert!(axis.marks().iter().all(|mark| axis.place(*mark) >= PLOT.0));
    }

    #[test]
    fn every_axis_has_marks_beside_1() {
        for reach in [1.3, 1.5, 2.0, 2.9, 3.0, 5.0, 15.0, 17.0, 64.0] {
            let marks = Axis { reach }.marks();
            assert!(marks.contains(&1.0) && (3..=11).contains(&marks.len()), "{reach}: {marks:?}");
            assert!(marks.is_sorted(), "{marks:?}");
        }
    }

    #[test]
    fn names_are_only_text() {
        assert_eq!(escaped("<a&b>"), "&lt;a&amp;b&gt;");
    }

    #[test]
    fn a_server_without_a_figure_is_in_the_picture_too() {
        let picture = draw(&crate::report::tests::report());
        assert!(picture.contains(">2.00 [2.00, 2.00]</text>"), "{picture}");
        assert!(picture.contains(">not measured</text>"), "{picture}");
        assert_eq!(picture.matches("<circle").count(), 2);
    }
}
