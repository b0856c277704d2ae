//! What a bench came to, as data: every other form is made from this alone.

use harness::record::{Judged, System};
use harness::target::Target;
use serde::Serialize;

use crate::claim::Finding;
use crate::metric::METRICS;
use crate::plan::{Plan, Sample, Samples};
use crate::round::{self, Kind};
use crate::statistics::{CONFIDENCE, Ratio, median, ratio};

/// The version of this format.
pub const SCHEMA: u32 = 1;

/// A whole bench.
#[derive(Debug, Serialize)]
pub struct Report {
    /// See [`SCHEMA`].
    pub schema: u32,
    /// The version of ioconform.
    pub ioconform: String,
    /// When it began, in UTC.
    pub started: String,
    /// Whether it was cancelled: rounds are missing then.
    pub interrupted: bool,
    /// Where it ran.
    pub system: System,
    /// The load average of the minute before: what else the machine was busy with.
    pub load_before: Option<f64>,
    /// How it was done.
    pub settings: Settings,
    /// The servers.
    pub targets: Vec<Judged>,
    /// The figures: of each server and metric that was measured.
    pub figures: Vec<Figure>,
    /// The measurements that failed; they are in no figure.
    pub failures: Vec<Sample>,
    /// What the figures say of the claims of the notes, if they were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Finding>,
}

/// How a bench was done.
#[derive(Debug, Serialize)]
pub struct Settings {
    /// The rounds that count.
    pub rounds: usize,
    /// The length of a measurement.
    pub seconds: f64,
    /// The length of the warm-up before it, on the same server.
    pub warm_up_seconds: f64,
    /// The clients.
    pub connections: usize,
    /// The threads of the load client.
    pub client_threads: usize,
    /// Requests in a second at which latency was measured.
    pub latency_rate: Option<f64>,
    /// The server that the others are compared with.
    pub against: String,
    /// The confidence of the intervals: each alone, not all at once.
    pub confidence: f64,
}

/// A metric of a server.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// The server.
    pub target: String,
    /// In what it was measured.
    pub kind: Kind,
    /// The measure, with its unit.
    pub measure: String,
    /// The value of each round; none where it failed, or could not be seen.
    pub rounds: Vec<Option<f64>>,
    /// The value in the middle.
    pub median: f64,
    /// How it relates to the server that all are compared with, round by round.
    pub ratio: Option<Ratio>,
}

impl Report {
    /// Makes the report of a plan that was carried out. `against` is the name of the server that
    /// the others are compared with.
    pub fn new(plan: &Plan, samples: &Samples, against: &str, started: String) -> Report {
        let mut figures = Vec::new();
        for metric in METRICS {
            figures.extend(figures_of(plan, samples, against, metric.kind, metric.measure));
        }
        for kind in Kind::ALL {
            figures.extend(figures_of(plan, samples, against, kind, round::CLIENT));
        }
        Report {
            schema: SCHEMA,
            ioconform: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            interrupted: samples.cancelled,
            system: System::here(),
            load_before: samples.load,
            settings: Settings {
                rounds: plan.rounds,
                seconds: plan.time.as_secs_f64(),
                warm_up_seconds: round::warm_up(plan.time).as_secs_f64(),
                connections: plan.connections,
                client_threads: plan.threads,
                latency_rate: samples.rate,
                against: against.to_owned(),
                confidence: CONFIDENCE,
            },
            targets: plan.targets.iter().map(Judged::from).collect(),
            figures,
            failures: samples.samples.iter().filter(|it| it.failure.is_some()).cloned().collect(),
            claims: Vec::new(),
        }
    }

    /// The figure of a server.
    pub fn figure(&self, target: &str, kind: Kind, measure: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| {
            figure.target == target && figure.kind == kind && figure.measure == measure
        })
    }

    /// The values of a measure of a server, a place for each round.
    pub fn values(&self, target: &str, kind: Kind, measure: &str) -> &[Option<f64>] {
        self.figure(target, kind, measure).map_or(&[], |figure| &figure.rounds)
    }

    /// The whole as JSON.
    pub fn json(&self) -> String {
        // Nothing in it can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// One measure of all servers that have it.
fn figures_of(
    plan: &Plan,
    samples: &Samples,
    against: &str,
    kind: Kind,
    measure: &str,
) -> Vec<Figure> {
    let values = |target: &Target| samples.values(kind, measure, &target.name, plan.rounds);
    let base = plan.targets.iter().find(|target| target.name == against).map(values);
    let figure = |target: &Target| {
        let rounds = values(target);
        let known: Vec<f64> = rounds.iter().copied().flatten().collect();
        Some(Figure {
            target: target.name.clone(),
            kind,
            measure: measure.to_owned(),
            median: median(&known)?,
            ratio: base
                .as_ref()
                .filter(|_| target.name != against)
                .and_then(|base| ratio(&rounds, base, CONFIDENCE)),
            rounds,
        })
    };
    plan.targets.iter().filter_map(figure).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use harness::isolate::Wardens;

    use super::*;
    use crate::plan::tests::{sample, targets};

    /// `b` is twice as fast as `a` in both rounds, and `c` never answers.
    pub(crate) fn report() -> Report {
        let samples = vec![
            sample(0, "a", Some(999.0)),
            sample(0, "b", Some(999.0)),
            sample(0, "c", None),
            sample(1, "a", Some(10_000.0)),
            sample(1, "b", Some(20_000.0)),
            sample(2, "a", Some(1_000.0)),
            sample(2, "b", Some(2_000.0)),
        ];
        let (targets, wardens) = (targets(&["a", "b", "c"]), Wardens::new([].into()));
        let plan = Plan {
            targets: &targets,
            kinds: &[Kind::KeepAlive],
            connections: 8,
            threads: 1,
            time: Duration::from_secs(1),
            rounds: 2,
            wardens: &wardens,
            cancel: None,
        };
        let samples = Samples { samples, ..Samples::default() };
        Report::new(&plan, &samples, "a", "then".to_owned())
    }

    #[test]
    fn the_warm_up_is_in_no_figure_and_a_failure_is_told() {
        let report = report();
        let of = |name| report.figure(name, Kind::KeepAlive, round::RATE);
        assert_eq!(of("a").unwrap().rounds, [Some(10_000.0), Some(1_000.0)]);
        assert!(of("a").unwrap().ratio.is_none(), "a server is not compared with itself");
        let ratio = of("b").unwrap().ratio.unwrap();
        assert!((ratio.low - 2.0).abs() < 1e-9 && (ratio.high - 2.0).abs() < 1e-9, "{ratio:?}");
        assert!(of("c").is_none());
        assert_eq!((report.failures.len(), &*report.failures[0].target), (1, "c"));
    }

    #[test]
    fn the_same_samples_give_the_same_bytes() {
        let text = report().json();
        assert_eq!(text, report().json());
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["figures"].is_array());
    }
}
