//! The figures that are told, as a table: one line a figure.

use crate::round::{self, Kind};

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// The higher one.
    Higher,
    /// The lower one.
    Lower,
}

/// A figure of one kind of measurement.
#[derive(Debug)]
pub struct Metric {
    /// What it is measured in.
    pub kind: Kind,
    /// The name of the measure.
    pub measure: &'static str,
    /// What it is called where there is little room.
    pub short: &'static str,
    /// What it is called where there is room, with its unit.
    pub title: &'static str,
    /// Which way is good.
    pub better: Better,
    /// The digits behind the point.
    pub digits: usize,
    /// Whether ratios are told on the terminal, beside the value; files tell all.
    pub is_main: bool,
    /// Whether it is in the picture.
    pub is_drawn: bool,
}

/// All figures, in the order in which they are told.
pub const METRICS: &[Metric] = &[
    rate(Kind::KeepAlive, "keep-alive requests per second"),
    cpu(Kind::KeepAlive, "CPU time per keep-alive request (µs)"),
    switches(Kind::KeepAlive, round::WAKEUPS, "wakeups", "wakeups per keep-alive request"),
    switches(
        Kind::KeepAlive,
        round::SWITCHES,
        "switches",
        "context switches per keep-alive request",
    ),
    fairness(Kind::KeepAlive, "fairness of the workers, keep-alive (Jain)"),
    rate(Kind::Short, "short connections per second"),
    cpu(Kind::Short, "CPU time per short connection (µs)"),
    switches(Kind::Short, round::WAKEUPS, "wakeups", "wakeups per short connection"),
    switches(Kind::Short, round::SWITCHES, "switches", "context switches per short connection"),
    fairness(Kind::Short, "fairness of the workers, short (Jain)"),
    latency(round::P50, "p50 µs", "p50 latency at a fixed rate (µs)", false),
    latency(round::P99, "p99 µs", "p99 latency at a fixed rate (µs)", true),
    latency(round::P999, "p99.9 µs", "p99.9 latency at a fixed rate (µs)", false),
    latency(round::MAX, "max µs", "longest latency at a fixed rate (µs)", false),
    Metric {
        kind: Kind::Latency,
        measure: round::UNANSWERED,
        short: "unanswered",
        title: "share of requests not answered in time, at a fixed rate",
        better: Better::Lower,
        digits: 3,
        is_main: false,
        is_drawn: false,
    },
    cpu(Kind::Latency, "CPU time per request at a fixed rate (µs)"),
    switches(Kind::Latency, round::WAKEUPS, "wakeups", "wakeups per request at a fixed rate"),
    switches(
        Kind::Latency,
        round::SWITCHES,
        "switches",
        "context switches per request at a fixed rate",
    ),
];

const fn rate(kind: Kind, title: &'static str) -> Metric {
    Metric {
        kind,
        measure: round::RATE,
        short: "per second",
        title,
        better: Better::Higher,
        digits: 0,
        is_main: true,
        is_drawn: true,
    }
}

const fn cpu(kind: Kind, title: &'static str) -> Metric {
    Metric {
        kind,
        measure: round::CPU,
        short: "CPU µs",
        title,
        better: Better::Lower,
        digits: 1,
        is_main: false,
        is_drawn: true,
    }
}

const fn switches(
    kind: Kind,
    measure: &'static str,
    short: &'static str,
    title: &'static str,
) -> Metric {
    let better = Better::Lower;
    Metric { kind, measure, short, title, better, digits: 3, is_main: false, is_drawn: false }
}

const fn fairness(kind: Kind, title: &'static str) -> Metric {
    Metric {
        kind,
        measure: round::FAIRNESS,
        short: "fairness",
        title,
        better: Better::Higher,
        digits: 2,
        is_main: false,
        is_drawn: false,
    }
}

const fn latency(
    measure: &'static str,
    short: &'static str,
    title: &'static str,
    is_main: bool,
) -> Metric {
    Metric {
        kind: Kind::Latency,
        measure,
        short,
        title,
        better: Better::Lower,
        digits: 0,
        is_main,
        is_drawn: is_main,
    }
}
