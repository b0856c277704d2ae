//! What the study notes claim of short connections, held against the figures.
//!
//! S22: for many short connections the model with one acceptor and an epoll loop a thread
//! (`multi_reactor`) is best; with new kernels, listening with `SO_REUSEPORT` is. S29: that is the
//! faster way since Linux 3.9. S36: new connections are shared out evenly.
//!
//! "Best" is a claim about every other model at once, and so are the intervals: each has so much
//! confidence that all of them hold together with 95 % (Bonferroni).

use std::cmp::Ordering;

use serde::Serialize;

use crate::metric::Better;
use crate::report::Report;
use crate::round::{self, Kind};
use crate::statistics::{CONFIDENCE, Ratio, ratio};
use crate::table::in_words;

/// The fairness from which on workers share evenly, in every round.
const EVEN: f64 = 0.95;
/// And from which on they do so by half.
const HALF_EVEN: f64 = 0.8;
/// The model that is claimed to be best where there is no `SO_REUSEPORT`.
const SECOND_MODEL: &str = "multi_reactor";

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stand {
    /// It holds.
    True,
    /// Nothing speaks against it, and not all for it.
    Partly,
    /// Something speaks against it.
    False,
    /// It was not measured.
    Unknown,
}

impl Stand {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Stand::True => "true",
            Stand::Partly => "partly",
            Stand::False => "false",
            Stand::Unknown => "not measured",
        }
    }
}

/// What is found of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The claim, as a sentence.
    pub claim: String,
    /// Its numbers in the notes.
    pub notes: &'static str,
    /// How it stands on this machine.
    pub verdict: Stand,
    /// The figures that say so.
    pub why: String,
}

/// Holds the claims against a report that has short connections.
pub fn findings(report: &Report) -> Vec<Finding> {
    let names: Vec<&str> = report.targets.iter().map(|target| &*target.name).collect();
    let shares_port = |name: &&str| servers::find(name).is_some_and(|model| model.own_listeners);
    let (reuseport, others): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(shares_port);
    let second = names.contains(&SECOND_MODEL).then_some((SECOND_MODEL, "S22"));
    let claimed = second.into_iter().chain(reuseport.iter().map(|name| (*name, "S22, S29")));
    let mut findings = Vec::new();
    for (name, notes) in claimed {
        for (measure, words) in [
            (round::RATE, "serves more short connections"),
            (round::CPU, "takes less CPU time for a short connection"),
        ] {
            let (verdict, why) = best(report, name, &others, measure);
            let claim = format!("{name} {words} than every model without SO_REUSEPORT");
            findings.push(Finding { claim, notes, verdict, why });
        }
    }
    for name in reuseport {
        let (verdict, why) = even(report, name);
        let claim = format!("{name} shares short connections out evenly to its workers");
        findings.push(Finding { claim, notes: "S36", verdict, why });
    }
    findings
}

/// Whether a server is better than all of `others` by a measure.
fn best(report: &Report, name: &str, others: &[&str], measure: &str) -> (Stand, String) {
    let others: Vec<&str> = others.iter().copied().filter(|other| *other != name).collect();
    let confidence = 1.0 - (1.0 - CONFIDENCE) / others.len().max(1) as f64;
    let values = |name: &str| report.values(name, Kind::Short, measure);
    let mut ratios = Vec::new();
    for other in others {
        ratios.extend(ratio(values(other), values(name), confidence).map(|ratio| (other, ratio)));
    }
    let better = if measure == round::CPU { Better::Lower } else { Better::Higher };
    judge(name, &ratios, better)
}

/// From the ratios of all others to a server: how its being best stands, and why.
fn judge(name: &str, ratios: &[(&str, Ratio)], better: Better) -> (Stand, String) {
    let (good, bad) = match better {
        Better::Higher => (Ordering::Greater, Ordering::Less),
        Better::Lower => (Ordering::Less, Ordering::Greater),
    };
    let those = |wanted: Option<Ordering>| -> Vec<&(&str, Ratio)> {
        ratios.iter().filter(|(_, ratio)| ratio.differs() == wanted).collect()
    };
    let (ahead, behind, level) = (those(Some(good)), those(Some(bad)), those(None));
    let told = |(other, ratio): &&(&str, Ratio)| format!("{other} {}", in_words(*ratio));
    let list = |words: Vec<String>| words.join(", ");
    match (ahead.is_empty(), level.is_empty()) {
        _ if ratios.is_empty() => {
            (Stand::Unknown, "there is nothing to compare it with".to_owned())
        }
        (false, _) => {
            let ahead = list(ahead.iter().map(told).collect());
            (Stand::False, format!("better than {name}, as ratios to it: {ahead}"))
        }
        (true, true) => (Stand::True, format!("all {} others are behind", behind.len())),
        (true, false) => {
            let level = list(level.iter().map(|(other, _)| (*other).to_owned()).collect());
            let (behind, all) = (behind.len(), ratios.len());
            let why = format!(
                "no other is surely better, {behind} of {all} are behind; not told apart: {level}"
            );
            (Stand::Partly, why)
        }
    }
}

/// Whether the workers of a server share evenly.
fn even(report: &Report, name: &str) -> (Stand, String) {
    let values = report.values(name, Kind::Short, round::FAIRNESS);
    let Some(least) = values.iter().copied().flatten().reduce(f64::min) else {
        return (Stand::Unknown, "there is no figure of it".to_owned());
    };
    let stand = match least {
        _ if least >= EVEN => Stand::True,
        _ if least >= HALF_EVEN => Stand::Partly,
        _ => Stand::False,
    };
    (stand, format!("Jain's index of the workers was {least:.2} in the worst round"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn ratio(low: f64, high: f64) -> Ratio {
        Ratio { mean: (low * high).sqrt(), low, high }
    }

    #[rstest]
    #[case(&[], Stand::Unknown, "nothing")]
    #[case(&[("b", ratio(0.5, 0.9)), ("c", ratio(0.9, 0.99))], Stand::True, "all 2 others")]
    #[case(&[("b", ratio(0.5, 0.9)), ("c", ratio(0.9, 1.1))], Stand::Partly, "not told apart: c")]
    #[case(&[("b", ratio(0.5, 0.9)), ("c", ratio(1.1, 1.2))], Stand::False, "as ratios to it: c")]
    fn best_is_better_than_every_other(
        #[case] ratios: &[(&'static str, Ratio)],
        #[case] stand: Stand,
        #[case] words: &str,
    ) {
        let (found, why) = judge("a", ratios, Better::Higher);
        assert_eq!(found, stand, "{why}");
        assert!(why.contains(words), "{why}");
        // What is cheaper has the inverse ratio.
        let inverse =
            |(name, it): &(&'static str, Ratio)| (*name, ratio(1.0 / it.high, 1.0 / it.low));
        let inverses: Vec<_> = ratios.iter().map(inverse).collect();
        assert_eq!(judge("a", &inverses, Better::Lower).0, stand);
    }
}
