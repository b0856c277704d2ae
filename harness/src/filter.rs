//! Which cases a run is about: globs, a small expression language, and shards.
//!
//! ```text
//! expression = term { ("|" | "or") term }
//! term       = factor { ("&" | "and") factor }
//! factor     = ("!" | "not") factor | "(" expression ")" | name "(" glob ")" | "all()"
//! name       = "id" | "area" | "strength" | "claim" | "need"
//! ```
//!
//! A glob matches the whole of what it is held against; `*` passes dots. A pattern without any of
//! `*?[` matches the id itself and everything below it.

use globset::{GlobBuilder, GlobMatcher};

use crate::case::Case;

/// How many brackets, braces or negations may stand in each other.
const DEPTH: usize = 100;

/// A pattern for ids, or for one of the properties of a case.
#[derive(Debug, Clone)]
pub struct Pattern {
    whole: GlobMatcher,
    below: Option<GlobMatcher>,
}

/// Why a selection is not usable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FilterError {
    /// Not a glob.
    #[error("`{0}` is not a pattern: {1}")]
    Glob(String, String),
    /// Nested too deep.
    #[error("at most {DEPTH} brackets, braces or negations of a filter may stand in each other")]
    Depth,
    /// Not an expression.
    #[error("the filter `{text}` is not understood at `{rest}`: {expected} expected")]
    Syntax {
        /// The whole text.
        text: String,
        /// What could not be read.
        rest: String,
        /// What was expected there.
        expected: &'static str,
    },
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Pattern, FilterError> {
        let glob = |text: &str| {
            let built = GlobBuilder::new(text).build();
            built
                .map(|glob| glob.compile_matcher())
                .map_err(|error| FilterError::Glob(text.to_owned(), error.kind().to_string()))
        };
        if text.matches('{').count() > DEPTH {
            return Err(FilterError::Depth);
        }
        let plain = !text.contains(['*', '?', '[', '{']);
        Ok(Pattern {
            whole: glob(text)?,
            below: if plain { Some(glob(&format!("{text}.*"))?) } else { None },
        })
    }

    /// Whether it matches.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text) || self.below.as_ref().is_some_and(|below| below.is_match(text))
    }
}

/// An expression over the properties of a case.
#[derive(Debug, Clone)]
pub enum Filter {
    /// Every case.
    All,
    /// The named property matches.
    Property(Property, Pattern),
    /// Not this.
    Not(Box<Filter>),
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
}

/// What a pattern of a filter is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// The id.
    Id,
    /// The first part of the id.
    Area,
    /// `documented`, `implementation`, `folklore`, `must` or `should`.
    Strength,
    /// A claim of the notes that the case decides.
    Claim,
    /// Something that the case needs.
    Need,
}

impl Filter {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let mut parser = Parser { text, rest: text, depth: 0 };
        let filter = parser.expression()?;
        parser.skip_blanks();
        if parser.rest.is_empty() { Ok(filter) } else { Err(parser.error("`&`, `|` or the end")) }
    }

    /// Whether the case is meant.
    pub fn matches(&self, case: &Case) -> bool {
        match self {
            Filter::All => true,
            Filter::Not(inner) => !inner.matches(case),
            Filter::And(parts) => parts.iter().all(|part| part.matches(case)),
            Filter::Or(parts) => parts.iter().any(|part| part.matches(case)),
            Filter::Property(property, pattern) => match property {
                Property::Id => pattern.matches(case.id),
                Property::Area => pattern.matches(case.area()),
                Property::Strength => pattern.matches(&case.strength.to_string()),
                Property::Claim => case.notes().any(|claim| pattern.matches(claim)),
                Property::Need => case.needs.iter().any(|need| pattern.matches(&need.to_string())),
            },
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    /// How many brackets and negations are open.
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.term()?];
        while self.take("|") || self.take_word("or") {
            parts.push(self.term()?);
        }
        Ok(Filter::Or(parts))
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.factor()?];
        while self.take("&") || self.take_word("and") {
            parts.push(self.factor()?);
        }
        Ok(Filter::And(parts))
    }

    fn factor(&mut self) -> Result<Filter, FilterError> {
        if self.take("!") || self.take_word("not") {
            return Ok(Filter::Not(Box::new(self.deeper(Self::factor)?)));
        }
        if self.take("(") {
            let filter = self.deeper(Self::expression)?;
            return if self.take(")") { Ok(filter) } else { Err(self.error("`)`")) };
        }
        if self.take("all()") {
            return Ok(Filter::All);
        }
        let properties = [
            ("id(", Property::Id),
            ("area(", Property::Area),
            ("strength(", Property::Strength),
            ("claim(", Property::Claim),
            ("need(", Property::Need),
        ];
        for (opening, property) in properties {
            if self.take(opening) {
                let Some((glob, rest)) = self.rest.split_once(')') else {
                    return Err(self.error("`)`"));
                };
                self.rest = rest;
                return Ok(Filter::Property(property, Pattern::new(glob.trim())?));
            }
        }
        Err(self.error("id(), area(), strength(), claim(), need(), all(), `!` or `(`"))
    }

    /// What is read within a bracket, or behind a negation.
    fn deeper(
        &mut self,
        read: fn(&mut Self) -> Result<Filter, FilterError>,
    ) -> Result<Filter, FilterError> {
        if self.depth == DEPTH {
            return Err(FilterError::Depth);
        }
        self.depth += 1;
        let filter = read(self);
        self.depth -= 1;
        filter
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let ends = self
            .rest
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
        ends && self.take(word)
    }

    fn error(&self, expected: &'static str) -> FilterError {
        FilterError::Syntax { text: self.text.to_owned(), rest: self.rest.to_owned(), expected }
    }
}

/// A part of a selection: number `index` (from 1) of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            Some((index, count)) => Err(format!("there is no shard {index} of {count}")),
            None => Err("a shard is K/N, as in 1/4".to_owned()),
        }
    }
}

impl Shard {
    /// The members of this shard: every `count`-th, so that an area's cases spread out.
    pub fn of<T>(self, all: Vec<T>) -> Vec<T> {
        let mine = |(position, item)| (position % self.count == self.index - 1).then_some(item);
        all.into_iter().enumerate().filter_map(mine).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("epoll", "epoll.edge.silent", true)]
    #[case("epoll.edge", "epoll.edge.silent", true)]
    #[case("epoll.ed", "epoll.edge.silent", false)]
    #[case("epoll.edge.silent", "epoll.edge.silent", true)]
    #[case("*silent*", "epoll.edge.silent", true)]
    #[case("epoll.*", "epoll.edge.silent", true)]
    #[case("poll", "epoll.edge.silent", false)]
    #[case("epoll.{edge,level}.*", "epoll.level.x", true)]
    fn a_pattern_is_an_id_a_prefix_or_a_glob(
        #[case] pattern: &str,
        #[case] id: &str,
        #[case] matches: bool,
    ) {
        assert_eq!(Pattern::new(pattern).unwrap().matches(id), matches);
    }

    #[rstest]
    #[case("")]
    #[case("area(epoll")]
    #[case("area(epoll) area(poll)")]
    #[case("colour(red)")]
    #[case("(all()")]
    #[case("id([)")]
    fn a_bad_filter_is_refused(#[case] text: &str) {
        assert!(Filter::parse(text).is_err());
    }

    #[rstest]
    #[case("(", ")")]
    #[case("!", "")]
    #[case("not ", "")]
    #[case("!(", ")")]
    fn a_filter_that_is_too_deep_is_refused(#[case] open: &str, #[case] close: &str) {
        let nested = |times: usize| {
            Filter::parse(&format!("{}all(){}", open.repeat(times), close.repeat(times))).err()
        };
        assert_eq!(nested(DEPTH / 2), None);
        assert_eq!(nested(DEPTH + 1), Some(FilterError::Depth));
        assert_eq!(nested(100_000), Some(FilterError::Depth));
    }

    #[test]
    fn a_pattern_that_is_too_deep_is_refused() {
        let nested = |times: usize| format!("{}a{}", "{".repeat(times), "}".repeat(times));
        assert!(Pattern::new(&nested(DEPTH)).unwrap().matches("a"));
        assert_eq!(Pattern::new(&nested(100_000)).err(), Some(FilterError::Depth));
    }

    #[rstest]
    #[case(" | ")]
    #[case(" & ")]
    fn a_filter_may_be_long(#[case] joint: &str) {
        assert!(Filter::parse(&vec!["all()"; 100_000].join(joint)).is_ok());
    }

    #[rstest]
    #[case("3/2")]
    #[case("0/2")]
    #[case("1/0")]
    #[case("1")]
    #[case("a/b")]
    #[case("-1/2")]
    fn a_bad_shard_is_refused(#[case] text: &str) {
        assert!(text.parse::<Shard>().is_err());
    }

    proptest! {
        #[test]
        fn every_id_is_in_exactly_one_shard(length in 0_usize..200, count in 1_usize..20) {
            let all: Vec<usize> = (0..length).collect();
            let mut seen: Vec<usize> = (1..=count)
                .flat_map(|index| format!("{index}/{count}").parse::<Shard>().unwrap().of(all.clone()))
                .collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, all);
        }

        #[test]
        fn a_glob_of_an_id_matches_it(id in "[a-z0-9_]{1,8}(\\.[a-z0-9_]{1,8}){1,3}", cut in 0_usize..40) {
            prop_assert!(Pattern::new(&id).unwrap().matches(&id));
            let at = cut.min(id.len());
            let glob = format!("{}*", &id[..at]);
            prop_assert!(Pattern::new(&glob).unwrap().matches(&id));
            let other = format!("{id}x");
            prop_assert!(!Pattern::new(&id).unwrap().matches(&other));
        }

        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = Filter::parse(&text);
            let _ = Pattern::new(&text);
            let _ = text.parse::<Shard>();
        }
    }
}
