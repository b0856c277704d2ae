//! What the study notes claim of short connections, held against the figures.
//!
//! S22: for many short connections the model with one acceptor and an epoll loop a thread
//! (`multi_reactor`) is best; with new kernels, listening with `SO_REUSEPORT` is. S29: that is the
//! faster way since Linux 3.9. S36: new connections are shared out evenly.
//!
//! "Best" is a claim about every other model at once, and so are the intervals: each has so much
//! confidence that all of them hold together with 95 % (Bonferroni).

use serde::Serialize;
use servers::Model;

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
    let model = |name: &str| servers::find(name);
    let shares_port = |name: &&str| model(name).is_some_and(|model: &Model| model.own_listeners);
    let names: Vec<&str> = report.targets.iter().map(|target| &*target.name).collect();
    let (reuseport, others): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(shares_port);
    let mut findings = Vec::new();
    if names.contains(&SECOND_MODEL) {
        findings.push(Finding {
            notes: "S22",
            claim: format!(
                "{SECOND_MODEL} serves more short connections than every model without SO_REUSEPORT"
            ),
            ..best(report, SECOND_MODEL, &others)
        });
    }
    for name in &reuseport {
        findings.push(Finding {
            notes: "S22, S29",
            claim: format!("{name} serves more short connections than every model without it"),
            ..best(report, name, &others)
        });
    }
    for name in &reuseport {
        findings.push(Finding {
            notes: "S36",
            claim: format!("{name} shares short connections out evenly to its workers"),
            ..even(report, name)
        });
    }
    findings
}

/// Whether a server beats all of `others`.
fn best(report: &Report, name: &str, others: &[&str]) -> Finding {
    let others: Vec<&str> = others.iter().copied().filter(|other| *other != name).collect();
    let confidence = 1.0 - (1.0 - CONFIDENCE) / others.len().max(1) as f64;
    let values = |name: &str| report.values(name, Kind::Short, round::RATE);
    let mut ratios = Vec::new();
    for other in others {
        ratios.extend(ratio(values(other), values(name), confidence).map(|ratio| (other, ratio)));
    }
    let (verdict, why) = judge(name, &ratios);
    Finding { claim: String::new(), notes: "", verdict, why }
}

/// From the ratios of all others to a server: how its being best stands, and why.
fn judge(name: &str, ratios: &[(&str, Ratio)]) -> (Stand, String) {
    use std::cmp::Ordering;
    let those = |wanted: Option<Ordering>| -> Vec<String> {
        let is = |(_, ratio): &&(&str, Ratio)| ratio.differs() == wanted;
        let words = |(other, ratio): &(&str, Ratio)| match wanted {
            Some(_) => format!("{other} {}", in_words(*ratio)),
            None => (*other).to_owned(),
        };
        ratios.iter().filter(is).map(words).collect()
    };
    let (faster, slower, level) =
        (those(Some(Ordering::Greater)), those(Some(Ordering::Less)), those(None));
    match (faster.is_empty(), level.is_empty()) {
        _ if ratios.is_empty() => {
            (Stand::Unknown, "there is nothing to compare it with".to_owned())
        }
        (false, _) => (Stand::False, format!("faster than {name}: {}", faster.join(", "))),
        (true, true) => (Stand::True, format!("all {} others are slower", slower.len())),
        (true, false) => (
            Stand::Partly,
            format!(
                "no other is surely faster, {} of {} are slower; not told apart: {}",
                slower.len(),
                ratios.len(),
                level.join(", ")
            ),
        ),
    }
}

/// Whether the workers of a server share evenly.
fn even(report: &Report, name: &str) -> Finding {
    let values = report.values(name, Kind::Short, round::FAIRNESS);
    let least = values.iter().copied().flatten().reduce(f64::min);
    let (verdict, why) = match least {
        None => (Stand::Unknown, "there is no figure of it".to_owned()),
        Some(least) => {
            let verdict = match least {
                _ if least >= EVEN => Stand::True,
                _ if least >= HALF_EVEN => Stand::Partly,
                _ => Stand::False,
            };
            (verdict, format!("Jain's index of the workers was {least:.2} in the worst round"))
        }
    };
    Finding { claim: String::new(), notes: "", verdict, why }
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
    #[case(&[("b", ratio(0.5, 0.9)), ("c", ratio(0.9, 0.99))], Stand::True, "all 2")]
    #[case(&[("b", ratio(0.5, 0.9)), ("c", ratio(0.9, 1.1))], Stand::Partly, "not told apart: c")]
    #[case(&[("b", ratio(0.5, 0.9)), ("c", ratio(1.1, 1.2))], Stand::False, "faster than a: c")]
    fn best_is_better_than_every_other(
        #[case] ratios: &[(&str, Ratio)],
        #[case] stand: Stand,
        #[case] words: &str,
    ) {
        let (found, why) = judge("a", ratios);
        assert_eq!(found, stand, "{why}");
        assert!(why.contains(words), "{why}");
    }
}
