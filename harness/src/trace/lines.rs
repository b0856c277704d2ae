//! A timeline as lines of text, in the order of time: a lane a thread.

use super::Span;

/// A thread of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its process, by its number in the trial.
    pub process: i32,
    /// Its own number.
    pub thread: i32,
    /// What it was last called.
    pub name: String,
}

impl Lane {
    /// Whether it is the first thread of its process.
    pub fn is_a_process(&self) -> bool {
        self.process == self.thread
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When: microseconds since the first of the trial's calls.
    pub at: u64,
    /// Whose it is: a place among the lanes.
    pub lane: usize,
    /// What it is.
    pub kind: Kind,
    /// The call, with its arguments and its result as far as it has one.
    pub text: String,
}

/// What a line tells of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was made, and ended without a sleep.
    Call,
    /// The thread fell asleep in it.
    Asleep,
    /// The thread was woken, and it ended.
    Woken,
}

/// The threads, by the numbers of their processes and their own.
pub fn lanes(timeline: &[Span]) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for span in in_order(timeline) {
        let lane = Lane { process: span.process, thread: span.thread, name: span.name.clone() };
        match lanes.iter_mut().find(|known| known.thread == span.thread) {
            Some(known) => *known = lane,
            None => lanes.push(lane),
        }
    }
    lanes.sort_by_key(|lane| (lane.process, lane.thread));
    lanes
}

/// What happened, in the order of time. Equal calls that a thread makes one behind the other, and does
/// not sleep in, are one line.
pub fn lines(timeline: &[Span]) -> Vec<Line> {
    let lanes = lanes(timeline);
    let mut lines = Vec::new();
    for (lane, of) in lanes.iter().enumerate() {
        let spans: Vec<_> = in_order(timeline).filter(|it| it.thread == of.thread).collect();
        let same = |a: &&Span, b: &&Span| {
            !a.slept && !b.slept && (&a.call, &a.result) == (&b.call, &b.result)
        };
        for group in spans.chunk_by(same) {
            lines.extend(told(group).into_iter().map(|(at, kind, text)| Line {
                at,
                lane,
                kind,
                text,
            }));
        }
    }
    lines.sort_by_key(|line| line.at);
    lines
}

/// The lines of a thread's equal calls, of which there is one at least.
fn told(group: &[&Span]) -> Vec<(u64, Kind, String)> {
    let span = group[0];
    let ended = format!("{} = {}", span.call, span.result);
    if !span.slept {
        let text = match group {
            [.., last] if group.len() > 1 => {
                format!("{ended} ×{}, until {}", group.len(), millis(last.start))
            }
            _ => ended,
        };
        return vec![(span.start, Kind::Call, text)];
    }
    let asleep = format!("falls asleep in {}", span.asleep.as_deref().unwrap_or(&span.call));
    if span.result.is_empty() {
        return vec![(span.start, Kind::Asleep, format!("{asleep}, until the end"))];
    }
    let woken = format!("woken: {ended}, slept {} ms", millis(span.micros));
    vec![(span.start, Kind::Asleep, asleep), (span.start + span.micros, Kind::Woken, woken)]
}

/// Microseconds in milliseconds.
pub fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// Spans come in the order in which they end.
fn in_order(timeline: &[Span]) -> impl Iterator<Item = &Span> {
    let mut spans: Vec<_> = timeline.iter().collect();
    spans.sort_by_key(|span| span.start);
    spans.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(thread: i32, start: u64, micros: u64, call: &str, result: &str) -> Span {
        Span {
            process: 2,
            thread,
            name: format!("t{thread}"),
            call: call.to_owned(),
            asleep: None,
            result: result.to_owned(),
            start,
            micros,
            slept: false,
        }
    }

    fn shown(timeline: &[Span]) -> Vec<(u64, usize, String)> {
        lines(timeline).into_iter().map(|line| (line.at, line.lane, line.text)).collect()
    }

    fn line(at: u64, lane: usize, text: &str) -> (u64, usize, String) {
        (at, lane, text.to_owned())
    }

    #[test]
    fn a_sleep_is_two_lines_between_which_others_act() {
        let slept = Span {
            slept: true,
            asleep: Some("read(3, …, 1)".to_owned()),
            ..span(5, 100, 900, "read(3, \"x\", 1)", "1")
        };
        // In the order in which they ended.
        let timeline = [
            span(4, 10, 5, "pipe2()", "0"),
            span(4, 400, 30, "write(4, \"x\", 1)", "1"),
            slept,
            span(4, 1200, 1, "close(3)", "0"),
        ];
        assert_eq!(
            shown(&timeline),
            [
                line(10, 0, "pipe2() = 0"),
                line(100, 1, "falls asleep in read(3, …, 1)"),
                line(400, 0, "write(4, \"x\", 1) = 1"),
                line(1000, 1, "woken: read(3, \"x\", 1) = 1, slept 0.900 ms"),
                line(1200, 0, "close(3) = 0"),
            ]
        );
    }

    #[test]
    fn a_sleep_that_did_not_end_is_one_line() {
        let timeline = [Span { slept: true, ..span(4, 7, 50, "accept(3, NULL, NULL)", "") }];
        let text = "falls asleep in accept(3, NULL, NULL), until the end";
        assert_eq!(shown(&timeline), [line(7, 0, text)]);
    }

    #[test]
    fn equal_calls_of_a_thread_are_one_line_and_no_others() {
        let again = |start, result| span(4, start, 1, "read(3, …, 1)", result);
        let slept = Span { slept: true, ..again(6, "EAGAIN") };
        let timeline = [
            again(1, "EAGAIN"),
            span(5, 2, 1, "close(9)", "0"),
            again(3, "EAGAIN"),
            again(1004, "EAGAIN"),
            again(1005, "1"),
            again(1006, "1"),
            Span { start: 1007, ..slept },
        ];
        assert_eq!(
            shown(&timeline),
            [
                line(1, 0, "read(3, …, 1) = EAGAIN ×3, until 1.004"),
                line(2, 1, "close(9) = 0"),
                line(1005, 0, "read(3, …, 1) = 1 ×2, until 1.006"),
                line(1007, 0, "falls asleep in read(3, …, 1)"),
                line(1008, 0, "woken: read(3, …, 1) = EAGAIN, slept 0.001 ms"),
            ]
        );
    }

    #[test]
    fn lanes_stand_by_processes_under_their_last_names() {
        let renamed = Span { name: "worker".to_owned(), ..span(6, 3, 1, "a()", "0") };
        let other = Span { process: 5, ..span(5, 2, 1, "a()", "0") };
        let timeline = [span(6, 1, 1, "a()", "0"), other, span(2, 0, 9, "b()", "0"), renamed];
        let lane = |process, thread, name: &str| Lane { process, thread, name: name.to_owned() };
        assert_eq!(lanes(&timeline), [lane(2, 2, "t2"), lane(2, 6, "worker"), lane(5, 5, "t5")]);
        assert_eq!(lines(&[]), []);
    }
}
