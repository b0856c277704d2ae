//! A timeline for people: like strace(1), with a lane for each thread.

use anstyle::{AnsiColor, Reset, Style};
use harness::record::Evidence;
use harness::trace::lines::{Kind, Lane, Line, lanes, lines, millis};
use harness::trace::{MOST, Span};

/// The colours of lanes, in turn: never the only thing that tells them apart.
const COLORS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::Red,
];

/// How far a lane stands to the right of the one before it, and how many lanes do.
const STEP: usize = 3;
const STEPS: usize = 12;

/// The threads, and what they did; of that at most so many lines, the last.
pub(crate) fn draw(evidence: &Evidence, most: usize) -> Vec<String> {
    let timeline = &evidence.timeline;
    let (lanes, lines) = (lanes(timeline), lines(timeline));
    let mut text: Vec<_> =
        lanes.iter().enumerate().map(|(place, lane)| introduced(place, lane, &lanes)).collect();
    if evidence.timeline_is_of_another {
        text.push("of another trial, which deviated too".to_owned());
    }
    if let Some(said) = cut(timeline) {
        text.push(said);
    }
    let from = lines.len().saturating_sub(most);
    if from > 0 {
        text.push(format!("… {from} lines before these"));
    }
    text.extend(lines[from..].iter().map(|line| drawn(line, &lanes)));
    text
}

/// That there were more calls than are kept.
fn cut(timeline: &[Span]) -> Option<String> {
    (timeline.len() >= MOST).then(|| format!("only the first {MOST} calls of it were kept"))
}

fn introduced(place: usize, lane: &Lane, lanes: &[Lane]) -> String {
    let Lane { process, thread, name } = lane;
    let what = if lane.is_a_process() {
        format!("process {process}")
    } else {
        format!("thread {thread} of process {process}")
    };
    format!("{}{:>14}{}{Reset}  {what}, `{name}`", style(place), "", label(lane, lanes))
}

fn drawn(line: &Line, lanes: &[Lane]) -> String {
    let style = match line.kind {
        Kind::Asleep => style(line.lane).dimmed(),
        Kind::Call | Kind::Woken => style(line.lane),
    };
    let indent = STEP * line.lane.min(STEPS);
    let label = label(&lanes[line.lane], lanes);
    format!(
        "{:>12}  {:indent$}{style}{label}{Reset}  {style}{}{Reset}",
        millis(line.at),
        "",
        line.text
    )
}

/// The number of a thread; behind that of its process, where there are several.
fn label(lane: &Lane, lanes: &[Lane]) -> String {
    let alone = lanes.iter().all(|other| other.process == lane.process);
    if alone || lane.is_a_process() {
        lane.thread.to_string()
    } else {
        format!("{}/{}", lane.process, lane.thread)
    }
}

fn style(place: usize) -> Style {
    COLORS[place % COLORS.len()].on_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(process: i32, thread: i32, start: u64, slept: bool, result: &str) -> Span {
        Span {
            process,
            thread,
            name: format!("t{thread}"),
            call: format!("read({thread}, \"x\", 1)"),
            asleep: slept.then(|| format!("read({thread}, …, 1)")),
            result: result.to_owned(),
            start,
            micros: 1500,
            slept,
        }
    }

    fn plain(evidence: &Evidence, most: usize) -> Vec<String> {
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        draw(evidence, most).iter().map(plain).collect()
    }

    #[test]
    fn threads_stand_in_lanes_and_a_sleeper_is_woken_behind_its_waker() {
        let timeline = vec![span(2, 2, 600, false, "1"), span(2, 3, 0, true, "1")];
        let evidence = Evidence { timeline, ..Evidence::default() };
        assert_eq!(
            plain(&evidence, usize::MAX),
            [
                "              2  process 2, `t2`",
                "              3  thread 3 of process 2, `t3`",
                "       0.000     3  falls asleep in read(3, …, 1)",
                "       0.600  2  read(2, \"x\", 1) = 1",
                "       1.500     3  woken: read(3, \"x\", 1) = 1, slept 1.500 ms",
            ]
        );
        let coloured = draw(&evidence, usize::MAX);
        assert!(coloured[2].contains("\u{1b}[2m"), "{coloured:?}");
        assert!(coloured[3].contains("\u{1b}[36m"), "{coloured:?}");
        assert!(coloured[4].contains("\u{1b}[33m"), "{coloured:?}");
    }

    #[test]
    fn processes_are_told_apart_and_what_is_left_out_is_said() {
        let timeline =
            vec![span(2, 2, 0, false, "1"), span(7, 7, 1, false, "1"), span(7, 9, 2, true, "")];
        let evidence = Evidence { timeline, timeline_is_of_another: true, ..Evidence::default() };
        assert_eq!(
            plain(&evidence, 1),
            [
                "              2  process 2, `t2`",
                "              7  process 7, `t7`",
                "              7/9  thread 9 of process 7, `t9`",
                "of another trial, which deviated too",
                "… 2 lines before these",
                "       0.002        7/9  falls asleep in read(9, …, 1), until the end",
            ]
        );
    }

    #[test]
    fn a_timeline_that_was_cut_off_says_so() {
        let mut evidence = Evidence::default();
        let call = |at| span(2, 2, at, false, "0");
        evidence.timeline = (0..MOST as u64).map(call).collect();
        assert!(
            plain(&evidence, 1).contains(&"only the first 4000 calls of it were kept".to_owned())
        );
        evidence.timeline.pop();
        assert!(!plain(&evidence, 1).iter().any(|line| line.starts_with("only the first")));
    }
}
