//! Exact tests for what the kernel leaves to chance, and [`law`] for what calls cost.

pub mod law;

use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

use crate::record::Statistic;
use crate::trial::Result;

/// The error rate of every statistical check: a right kernel is accused once in 10^9 trials.
pub const ALPHA: f64 = 1e-9;

/// Pearson's chi-square test of the claim that every bin is equally likely. Its approximation is
/// good from an expected count of 5 per bin on; cases use 50 and more.
pub fn uniform(name: &str, counts: &[u64]) -> Result<Statistic> {
    let samples: u64 = counts.iter().sum();
    let expected = samples as f64 / counts.len() as f64;
    let statistic: f64 =
        counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    let distribution = ChiSquared::new(counts.len() as f64 - 1.0)?;
    Ok(Statistic {
        name: format!("chi-square, {name}"),
        samples,
        p: distribution.sf(statistic),
        alpha: ALPHA,
    })
}

/// The binomial test, two-sided: `hits` of `samples`, each with the probability `p`.
pub fn binomial(name: &str, hits: u64, samples: u64, p: f64) -> Result<Statistic> {
    let distribution = Binomial::new(p, samples)?;
    let below = distribution.cdf(hits);
    let above = if hits == 0 { 1.0 } else { distribution.sf(hits - 1) };
    Ok(Statistic {
        name: format!("binomial, {name}"),
        samples,
        p: (2.0 * below.min(above)).min(1.0),
        alpha: ALPHA,
    })
}

/// The probability, at most, that a fair choice of a bin for each of so many samples gives more than
/// `most` to one: the sum over the bins (Boole's inequality).
pub fn uneven_by_chance(bins: u64, samples: u64, most: u64) -> Result<f64> {
    let share = Binomial::new(1.0 / bins as f64, samples)?;
    Ok(bins as f64 * share.sf(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    // The expected values are from tables of the chi-square distribution with 3 degrees of freedom.
    #[rstest]
    #[case(&[100, 100, 100, 100], 1.0, 1e-12)]
    #[case(&[120, 110, 90, 80], 0.0186, 1e-4)]
    #[case(&[400, 0, 0, 0], 0.0, 1e-200)]
    fn uniform_counts_have_a_high_p(#[case] counts: &[u64], #[case] p: f64, #[case] within: f64) {
        let statistic = uniform("test", counts).unwrap();
        assert!((statistic.p - p).abs() <= within, "{}", statistic.p);
    }

    // All in one of two bins: 2 / 2^n. All but at most one: 2 (1 + n) / 2^n.
    #[rstest]
    #[case(2, 10, 10, 0.0)]
    #[case(2, 10, 9, 2.0 / 1024.0)]
    #[case(2, 10, 8, 22.0 / 1024.0)]
    #[case(4, 5, 4, 4.0 / 1024.0)]
    fn the_chance_of_an_uneven_choice_is_bounded(
        #[case] bins: u64,
        #[case] samples: u64,
        #[case] most: u64,
        #[case] p: f64,
    ) {
        assert!((uneven_by_chance(bins, samples, most).unwrap() - p).abs() < 1e-9);
    }

    #[rstest]
    #[case(5, 10, 0.5, 1.0)]
    #[case(0, 10, 0.5, 2.0 / 1024.0)]
    #[case(10, 10, 0.5, 2.0 / 1024.0)]
    #[case(0, 30, 0.5, 2.0 / 1_073_741_824.0)]
    fn the_binomial_test_is_exact(
        #[case] hits: u64,
        #[case] samples: u64,
        #[case] chance: f64,
        #[case] p: f64,
    ) {
        let statistic = binomial("test", hits, samples, chance).unwrap();
        assert!((statistic.p - p).abs() < 1e-9, "{}", statistic.p);
    }
}
