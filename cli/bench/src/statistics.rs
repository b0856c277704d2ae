//! From the rounds to a figure, and to a ratio with an interval.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The confidence of intervals, unless many are to hold at once.
pub const CONFIDENCE: f64 = 0.95;

/// How one server's figure relates to another's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The geometric mean of the ratios of the rounds.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Ratio {
    /// Whether the interval leaves out 1, and where it lies then.
    pub fn differs(self) -> Option<std::cmp::Ordering> {
        match (self.low > 1.0, self.high < 1.0) {
            (true, _) => Some(std::cmp::Ordering::Greater),
            (_, true) => Some(std::cmp::Ordering::Less),
            _ => None,
        }
    }
}

/// The ratio of `these` to `those`, round by round: the values at one place are of one round, and
/// rounds in which either is missing, or is not above 0, are left out. Nothing if there are fewer
/// than two.
///
/// A t-interval of the mean of the logarithms (Student, 1908): the effects of a machine are
/// factors, which add up in a logarithm, and half as much is as far from 1 as twice as much. It
/// depends on nothing but the values: the same give the same, without a random number.
pub fn ratio(these: &[Option<f64>], those: &[Option<f64>], confidence: f64) -> Option<Ratio> {
    let positive = |value: &Option<f64>| value.filter(|value| *value > 0.0);
    let logarithms: Vec<f64> = these
        .iter()
        .zip(those)
        .filter_map(|(this, that)| Some((positive(this)? / positive(that)?).ln()))
        .collect();
    let count = logarithms.len() as f64;
    if logarithms.len() < 2 {
        return None;
    }
    let mean = logarithms.iter().sum::<f64>() / count;
    let squares: f64 = logarithms.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    let t = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    let reach = t.inverse_cdf(f64::midpoint(1.0, confidence)) * error;
    Some(Ratio { mean: mean.exp(), low: (mean - reach).exp(), high: (mean + reach).exp() })
}

/// The value in the middle, or between the two that are there.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[sorted.len() / 2 - 1], upper)
    } else {
        upper
    })
}

/// Jain's index of fairness of `shares` among so many takers, or more if there are more shares:
/// (Σx)² / (n Σx²), 1 if all have the same, 1/n if one has all (Jain, Chiu and Hawe, 1984). It is
/// the share of takers that an even split would need to look like this one. Nothing if there was
/// nothing to share.
pub fn fairness(shares: &[u64], takers: usize) -> Option<f64> {
    let count = shares.len().max(takers) as f64;
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    (squares > 0.0).then(|| sum * sum / (count * squares))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6 * expected.abs(), "{found} and not {expected}");
    }

    #[test]
    fn the_interval_is_that_of_student() {
        // Logarithms 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, and t(0.975, 2) = 4.302652730.
        let these = some(&[0.1_f64.exp(), 0.2_f64.exp(), 0.3_f64.exp()]);
        let found = ratio(&these, &some(&[1.0, 1.0, 1.0]), 0.95).unwrap();
        let reach = 4.302_652_730 * 0.1 / 3.0_f64.sqrt();
        close(found.mean, 0.2_f64.exp());
        close(found.low, (0.2 - reach).exp());
        close(found.high, (0.2 + reach).exp());
        assert_eq!(found.differs(), None, "{found:?}");
    }

    #[test]
    fn what_slows_down_a_whole_round_does_not_count() {
        let these = some(&[1000.0, 100.0, 500.0, 2000.0]);
        let those = some(&[500.0, 50.0, 250.0, 1000.0]);
        let found = ratio(&these, &those, 0.95).unwrap();
        close(found.low, 2.0);
        close(found.high, 2.0);
        assert_eq!(found.differs(), Some(std::cmp::Ordering::Greater));
        let inverse = ratio(&those, &these, 0.95).unwrap();
        assert_eq!(inverse.differs(), Some(std::cmp::Ordering::Less));
    }

    #[test]
    fn a_round_that_failed_is_left_out_with_its_partner() {
        let these = [Some(2.0), None, Some(2.0), Some(0.0), Some(2.0)];
        let those = [Some(1.0), Some(9.0), Some(1.0), Some(9.0), None];
        close(ratio(&these, &those, 0.95).unwrap().mean, 2.0);
        assert_eq!(ratio(&these[..2], &those[..2], 0.95), None, "one round has no interval");
    }

    #[test]
    fn more_confidence_takes_a_wider_interval() {
        let (these, those) = (some(&[1.0, 1.2, 1.1]), some(&[1.0, 1.0, 1.0]));
        let (narrow, wide) = (ratio(&these, &those, 0.9), ratio(&these, &those, 0.99));
        let (narrow, wide) = (narrow.unwrap(), wide.unwrap());
        assert!(wide.low < narrow.low && narrow.high < wide.high);
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&[3.0], Some(3.0))]
    #[case(&[9.0, 1.0, 2.0], Some(2.0))]
    #[case(&[9.0, 1.0, 2.0, 3.0], Some(2.5))]
    fn the_median_is_in_the_middle(#[case] values: &[f64], #[case] expected: Option<f64>) {
        assert_eq!(median(values), expected);
    }

    #[rstest]
    #[case(&[10, 10, 10, 10], 4, Some(1.0))]
    #[case(&[40], 4, Some(0.25))]
    #[case(&[5, 5], 4, Some(0.5))]
    #[case(&[1, 1, 1], 2, Some(1.0))]
    #[case(&[], 4, None)]
    fn fairness_is_the_share_of_workers_that_would_do(
        #[case] shares: &[u64],
        #[case] workers: usize,
        #[case] expected: Option<f64>,
    ) {
        assert_eq!(fairness(shares, workers), expected);
    }
}
