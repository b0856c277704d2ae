//! The rounds: which server is measured when.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use harness::isolate::{StartError, Terms, Wardens};
use harness::record::Verdict;
use harness::target::Target;
use serde::Serialize;

use crate::round::{self, Kind, Order, ROUND};

/// The part of what the slowest server can do that all servers are asked for when latency is
/// measured.
pub const LOAD: f64 = 0.5;

/// What is to be measured.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The servers.
    pub targets: &'a [Target],
    /// What is measured of each.
    pub kinds: &'a [Kind],
    /// See [`Order`].
    pub connections: usize,
    /// See [`Order`].
    pub threads: usize,
    /// See [`Order`].
    pub time: Duration,
    /// How many rounds count.
    pub rounds: usize,
    /// What the trials run under.
    pub wardens: &'a Wardens,
    /// Becomes readable, and stays so, when the run is cancelled.
    pub cancel: Option<BorrowedFd<'a>>,
}

/// One measurement that is about to begin.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Its number, from 1, and how many there are.
    pub place: (usize, usize),
    /// The round; 0 is the one that does not count.
    pub round: usize,
    /// What is measured.
    pub kind: Kind,
    /// Of which server.
    pub target: &'a Target,
}

/// What a measurement came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The round; 0 is the one that does not count.
    pub round: usize,
    /// What was measured.
    pub kind: Kind,
    /// Of which server.
    pub target: String,
    /// The measures, if nothing failed.
    pub measures: BTreeMap<String, f64>,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What all of them came to.
#[derive(Debug, Default)]
pub struct Samples {
    /// In the order in which they were taken.
    pub samples: Vec<Sample>,
    /// The rate at which latency was measured.
    pub rate: Option<f64>,
    /// Whether the run was cancelled.
    pub cancelled: bool,
    /// The load average of the last minute, before the first trial (proc_loadavg(5)).
    pub load: Option<f64>,
}

impl Plan<'_> {
    /// Measures in rounds, each server once in a round, for each kind. A server that fails in the
    /// round that does not count is not tried again with that kind.
    pub fn run(&self, mut watch: impl FnMut(Step)) -> Samples {
        let mut found = Samples { load: load_average(), ..Samples::default() };
        let steps = self.steps();
        for step in &steps {
            watch(*step);
            if step.kind == Kind::Latency && found.rate.is_none() {
                found.rate = found.slowest().map(|rate| rate * LOAD);
            }
            if found.has_given_up(step.kind, &step.target.name) {
                continue;
            }
            let Some(sample) = self.measure(*step, found.rate) else {
                found.cancelled = true;
                break;
            };
            found.samples.push(sample);
        }
        found
    }

    /// What is done, in this order.
    fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        for round in 0..=self.rounds {
            for kind in self.kinds_of(round) {
                let step =
                    |index| Step { place: (0, 0), round, kind, target: &self.targets[index] };
                steps.extend(turns(self.targets.len(), round).map(step));
            }
        }
        let total = steps.len();
        for (number, step) in steps.iter_mut().enumerate() {
            step.place = (number + 1, total);
        }
        steps
    }

    /// What is measured in a round: for the rate of the last kind it takes the first.
    fn kinds_of(&self, round: usize) -> impl Iterator<Item = Kind> {
        let takes = move |kind: &Kind| {
            let for_latency = round == 0 && *kind == Kind::KeepAlive;
            self.kinds.contains(kind) || (for_latency && self.kinds.contains(&Kind::Latency))
        };
        Kind::ALL.into_iter().filter(takes)
    }

    /// One measurement; nothing if it was cancelled.
    fn measure(&self, Step { round, kind, target, .. }: Step, rate: Option<f64>) -> Option<Sample> {
        let mut sample = Sample {
            round,
            kind,
            target: target.name.clone(),
            measures: BTreeMap::new(),
            failure: None,
        };
        if kind == Kind::Latency && rate.is_none() {
            sample.failure = Some("there is no rate: no server answered".to_owned());
            return Some(sample);
        }
        let order = Order {
            kind,
            connections: self.connections,
            threads: self.threads,
            time: self.time,
            rate: rate.unwrap_or_default(),
        };
        let arguments = serde_json::to_string(&order).unwrap_or_default();
        let terms = Terms { target: Some(target), cancel: self.cancel, ..Terms::default() };
        match self.wardens.run_tool(&ROUND, arguments, order.limit(), terms) {
            Ok(outcome) if outcome.verdict == Verdict::Conforms => {
                let measures = outcome.evidence.measures.into_iter();
                sample.measures = measures.map(|measure| (measure.name, measure.value)).collect();
            }
            Ok(outcome) => sample.failure = Some(outcome.reason),
            Err(StartError::Cancelled) => return None,
            Err(error) => sample.failure = Some(error.to_string()),
        }
        Some(sample)
    }
}

/// The order of so many servers in a round: each once, and each behind another one than in the
/// round before. A trial leaves the kernel work for the next (a network namespace full of
/// connections in `TIME_WAIT` is taken down behind its back), and no server shall always get what
/// the same one leaves. It is the square of Williams (1949), 0 1 n-1 2 n-2 …, moved on by one a
/// round: behind n rounds each has followed each of the others once if n is even, and nearly so if
/// it is odd. Two servers simply take turns.
fn turns(count: usize, round: usize) -> impl Iterator<Item = usize> {
    let place = move |turn: usize| if turn % 2 == 1 { turn.div_ceil(2) } else { count - turn / 2 };
    let start = if count > 2 { round } else { 0 };
    (0..count).map(move |turn| (place(turn) + start) % count)
}

/// The first field of `/proc/loadavg`.
fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

impl Samples {
    /// What the slowest server can do, of those that can.
    fn slowest(&self) -> Option<f64> {
        let rates = self.samples.iter().filter(|sample| sample.kind == Kind::KeepAlive);
        rates.filter_map(|sample| sample.measures.get(round::RATE).copied()).reduce(f64::min)
    }

    /// Whether a server is not worth another trial of this kind.
    fn has_given_up(&self, kind: Kind, target: &str) -> bool {
        self.samples.iter().any(|sample| {
            sample.round == 0
                && sample.kind == kind
                && sample.target == target
                && sample.failure.is_some()
        })
    }

    /// The values of a measure of a server, a place for each round that counts.
    pub fn values(
        &self,
        kind: Kind,
        measure: &str,
        target: &str,
        rounds: usize,
    ) -> Vec<Option<f64>> {
        let value = |round| {
            let mut samples = self.samples.iter();
            let sample = samples.find(|sample| {
                sample.round == round && sample.kind == kind && sample.target == target
            })?;
            sample.measures.get(measure).copied()
        };
        (1..=rounds).map(value).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn targets(names: &[&str]) -> Vec<Target> {
        let dialect = harness::dialect::Dialect::Echo;
        let target = |name: &&str| Target::command(vec![(*name).to_owned()], dialect.clone(), 1);
        names.iter().map(target).collect()
    }

    #[test]
    fn every_server_has_its_turn_in_a_round_and_follows_every_other() {
        for count in 1..=9 {
            let mut pairs = std::collections::BTreeSet::new();
            let mut last = None;
            for round in 0..count {
                let mut order: Vec<_> = turns(count, round).collect();
                pairs.extend(order.windows(2).map(|pair| (pair[0], pair[1])));
                assert!(count == 1 || last != order.first().copied(), "twice in a row");
                last = order.last().copied();
                order.sort_unstable();
                assert!(order.into_iter().eq(0..count));
            }
            if count > 2 && count % 2 == 0 {
                assert_eq!(pairs.len(), count * (count - 1), "all of {count}");
            }
        }
    }

    fn order(kinds: &[Kind], rounds: usize) -> Vec<String> {
        let (targets, wardens) = (targets(&["a", "b", "c"]), Wardens::new([].into()));
        let plan = Plan {
            targets: &targets,
            kinds,
            connections: 1,
            threads: 1,
            time: Duration::from_secs(1),
            rounds,
            wardens: &wardens,
            cancel: None,
        };
        let word = |step: &Step| format!("{}{}", step.round, step.target.name);
        plan.steps().iter().map(word).collect()
    }

    #[test]
    fn servers_are_measured_in_turn() {
        let found = order(&[Kind::Short], 2).join(" ");
        assert_eq!(found, "0a 0b 0c 1b 1c 1a 2c 2a 2b");
    }

    #[test]
    fn latency_takes_the_rate_of_a_round_that_does_not_count() {
        let found = order(&[Kind::Latency], 1).join(" ");
        assert_eq!(found, "0a 0b 0c 0a 0b 0c 1b 1c 1a");
    }

    /// A keep-alive measurement, or one that failed.
    pub(crate) fn sample(round: usize, target: &str, rate: Option<f64>) -> Sample {
        Sample {
            round,
            kind: Kind::KeepAlive,
            target: target.to_owned(),
            measures: rate.map(|rate| (round::RATE.to_owned(), rate)).into_iter().collect(),
            failure: rate.is_none().then(|| "dead".to_owned()),
        }
    }

    #[test]
    fn a_failure_is_in_no_value_and_in_the_warm_up_it_is_the_last() {
        let samples = vec![
            sample(0, "a", Some(9.0)),
            sample(0, "b", None),
            sample(1, "a", None),
            sample(2, "a", Some(4.0)),
        ];
        let found = Samples { samples, ..Samples::default() };
        assert_eq!(found.values(Kind::KeepAlive, round::RATE, "a", 2), [None, Some(4.0)]);
        assert!(found.has_given_up(Kind::KeepAlive, "b"));
        assert!(!found.has_given_up(Kind::KeepAlive, "a"), "it failed once, later");
        assert_eq!(found.slowest(), Some(4.0), "what failed has no rate");
    }
}
