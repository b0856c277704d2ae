//! Kernel versions, and what a case may expect of one.

use std::cmp::Ordering;
use std::str::FromStr;

use crate::case::Case;
use crate::record::Verdict;

/// The upstream version that a kernel derives from. Backports make it a hint: it decides what a
/// deviation is called, never whether a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

/// A text that does not begin with a kernel version.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a kernel version, as in 6.1 or 5.10.218")]
pub struct NotAVersion(String);

impl FromStr for Version {
    type Err = NotAVersion;

    /// Reads `6.12`, `5.10.218` and releases such as `6.1.0-47-cloud-amd64`.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let numeric = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or("");
        let mut numbers = numeric.split('.').map(u16::from_str);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), patch) => {
                Ok(Version(major, minor, patch.and_then(Result::ok).unwrap_or(0)))
            }
            _ => Err(NotAVersion(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.0, self.1)?;
        if self.2 == 0 { Ok(()) } else { write!(out, ".{}", self.2) }
    }
}

/// How the contract of a case says that it ends on an upstream kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The verdict that its version promises.
    pub verdict: Verdict,
    /// Why it is not `conforms`; empty if it is.
    pub why: String,
}

/// What `case` promises on a kernel whose release is `release`. A release that is no version
/// promises the newest behaviour.
pub fn expectation(case: &Case, release: &str) -> Expectation {
    let Ok(version) = release.parse::<Version>() else {
        return Expectation { verdict: Verdict::Conforms, why: String::new() };
    };
    if compare(version, case.since, Ordering::Less) == Ordering::Less {
        let why = format!("upstream has it since {}", case.since);
        return Expectation { verdict: Verdict::Unsupported, why };
    }
    let range = case.changed.iter().find(|change| {
        compare(version, change.from, Ordering::Less) != Ordering::Less
            && compare(version, change.until, Ordering::Greater) == Ordering::Less
    });
    match range {
        Some(change) => Expectation { verdict: change.verdict, why: change.why.to_owned() },
        None => Expectation { verdict: Verdict::Conforms, why: String::new() },
    }
}

/// Compares with a bound of a contract; an empty bound lies to the `open` side of every version.
fn compare(version: Version, bound: &str, open: Ordering) -> Ordering {
    match bound.parse::<Version>() {
        Ok(bound) => version.cmp(&bound),
        Err(_) => open.reverse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{BLANK, Change};
    use rstest::rstest;

    #[rstest]
    #[case("6.12", Version(6, 12, 0))]
    #[case("5.10.218", Version(5, 10, 218))]
    #[case("6.1.0-47-cloud-amd64", Version(6, 1, 0))]
    #[case("6.18.44-fc-v657", Version(6, 18, 44))]
    #[case("7.3+deb14-amd64", Version(7, 3, 0))]
    fn releases_are_read(#[case] release: &str, #[case] version: Version) {
        assert_eq!(release.parse::<Version>().unwrap(), version);
    }

    #[rstest]
    #[case("")]
    #[case("linux")]
    #[case("6")]
    #[case("6.x")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert!(text.parse::<Version>().is_err());
    }

    const CASE: Case = Case {
        since: "4.5",
        changed: &[
            Change { from: "5.5", until: "5.14", verdict: Verdict::Deviates, why: "broken" },
            Change { from: "7.1", until: "", verdict: Verdict::Unsupported, why: "removed" },
        ],
        ..BLANK
    };

    #[rstest]
    #[case("4.4.302", Verdict::Unsupported)]
    #[case("4.5", Verdict::Conforms)]
    #[case("5.4.99", Verdict::Conforms)]
    #[case("5.5", Verdict::Deviates)]
    #[case("5.13.19", Verdict::Deviates)]
    #[case("5.14", Verdict::Conforms)]
    #[case("7.0.9", Verdict::Conforms)]
    #[case("7.1", Verdict::Unsupported)]
    #[case("9.0", Verdict::Unsupported)]
    #[case("not a version", Verdict::Conforms)]
    fn a_range_ends_before_its_second_bound(#[case] release: &str, #[case] verdict: Verdict) {
        assert_eq!(expectation(&CASE, release).verdict, verdict);
    }
}
