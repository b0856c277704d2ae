//! The claims of the study notes that the project grew out of, as data: `claims.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

/// A claim, and what is true.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What cases call it: `S43`.
    pub id: String,
    /// It as a sentence.
    pub text: String,
    /// Whether it is true.
    pub verdict: Truth,
    /// What is true instead, or what makes it true.
    pub truth: String,
}

/// How true a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It is.
    True,
    /// It is under conditions that the notes do not name.
    Partly,
    /// It is not.
    False,
}

impl Truth {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Truth::True => "true",
            Truth::Partly => "partly",
            Truth::False => "false",
        }
    }
}

/// Every claim, in the order of the notes.
pub fn all() -> &'static [Claim] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        claim: Vec<Claim>,
    }
    static CLAIMS: LazyLock<Vec<Claim>> = LazyLock::new(|| {
        let file: Result<File, _> = toml::from_str(include_str!("../claims.toml"));
        file.map(|file| file.claim).expect("a test reads claims.toml")
    });
    &CLAIMS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_in_order_and_sentences() {
        let claims = all();
        assert!(claims.is_sorted_by(|a, b| a.id < b.id), "unique and sorted");
        for Claim { id, text, truth, .. } in claims {
            assert!(id.len() == 3 && id.starts_with('S'), "{id}");
            assert!(text.ends_with('.') && truth.ends_with('.'), "{id}: {text} {truth}");
        }
    }
}
