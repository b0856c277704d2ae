//! Server cases in the tests of another project: [`server_tests!`](crate::server_tests) makes each
//! a test of its own, [`assert_case!`](crate::assert_case) runs one inside of an ordinary test.
//!
//! ```no_run
//! // tests/io.rs; in Cargo.toml: [[test]] name = "io" harness = false
//! # extern crate cases as ioconform;
//! use ioconform::{Http, Target};
//!
//! fn server() -> Target {
//!     # /*
//!     Target::bin(env!("CARGO_BIN_EXE_my-server"), ["--listen", "{addr}"])
//!     # */ Target::bin("my-server", ["--listen", "{addr}"])
//!         .dialect(Http::default().big("/big").echo("/echo"))
//!         .workers(4)
//!         .reload("HUP")
//! }
//!
//! ioconform::server_tests! {
//!     target = server(),
//!     cases = ["*", "!model.*"],      // all, if left out
//!     baseline = "tests/known.toml",  // no known deviations, if left out
//! }
//! ```
//!
//! In an ordinary test:
//!
//! ```no_run
//! # extern crate cases as ioconform;
//! # fn server() -> ioconform::Target { ioconform::Target::bin("my-server", ["{addr}"]) }
//! # /*
//! #[test]
//! # */
//! fn a_reply_comes_after_a_half_close() {
//!     ioconform::assert_case!(server(), "halfclose.reply_delivered");
//! }
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use harness::baseline::Baseline;
use harness::case::Case;
use harness::catalogue;
use harness::filter::Pattern;
use harness::judge::Judge;
use harness::libtest::{Tester, Tests, explain, name};
use harness::suggest::did_you_mean;
use harness::target::Target;

use crate::server::GATE;

/// What `server_tests!` is told.
#[derive(Debug, Default)]
pub struct ServerTests {
    target: Option<Target>,
    cases: Vec<String>,
    baseline: Option<PathBuf>,
}

impl ServerTests {
    /// The server.
    #[must_use]
    pub fn target(self, target: Target) -> ServerTests {
        ServerTests { target: Some(target), ..self }
    }

    /// Which cases: ids, prefixes or globs, without the `server.` that all begin with; those
    /// behind a `!` are left out. All, if this is not said.
    #[must_use]
    pub fn cases<'a>(self, patterns: impl IntoIterator<Item = &'a str>) -> ServerTests {
        ServerTests { cases: patterns.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// A file of known deviations, each with its reason; relative to the folder of the package's
    /// `Cargo.toml`.
    #[must_use]
    pub fn baseline(self, path: impl Into<PathBuf>) -> ServerTests {
        ServerTests { baseline: Some(path.into()), ..self }
    }

    /// The `main` of the test target.
    pub fn main(self) -> ExitCode {
        crate::entry();
        match self.tests() {
            Ok(tests) => tests.main(),
            Err(problem) => {
                eprintln!("error: {problem}");
                ExitCode::from(2)
            }
        }
    }

    fn tests(self) -> Result<Tests, String> {
        let target = Arc::new(self.target.ok_or("server_tests! needs `target = ...`")?);
        let mut judge = Judge::here();
        if let Some(path) = self.baseline {
            judge.baseline = Some(baseline(&path)?);
        }
        let chosen = choose(&self.cases)?;
        let test = |case: &'static Case| {
            let name = name(case);
            let short = name.strip_prefix("server::").unwrap_or(&name).to_owned();
            (short, case, Some(target.clone()))
        };
        Ok(Tests {
            tests: chosen.into_iter().map(test).collect(),
            gate: catalogue::find(GATE),
            judge,
        })
    }
}

/// All cases about servers, sorted by id.
pub fn server_cases() -> Vec<&'static Case> {
    crate::catalogue().into_iter().filter(|case| case.is_about_a_server()).collect()
}

fn baseline(path: &Path) -> Result<Baseline, String> {
    let ids: Vec<_> = server_cases().iter().map(|case| case.id).collect();
    Baseline::read(path, &ids).map_err(|error| error.to_string())
}

/// The cases that patterns mean. A pattern that matches nothing is a mistake.
fn choose(patterns: &[String]) -> Result<Vec<&'static Case>, String> {
    let mut chosen = server_cases();
    for text in patterns {
        let (unwanted, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, &**text),
        };
        let pattern = Pattern::new(&format!("server.{text}")).map_err(|error| error.to_string())?;
        let all = server_cases();
        if !all.iter().any(|case| pattern.matches(case.id)) {
            let ids: Vec<_> = all.iter().map(|case| &case.id["server.".len()..]).collect();
            return Err(format!("no case matches `{text}`{}", did_you_mean(text, &ids)));
        }
        if unwanted {
            chosen.retain(|case| !pattern.matches(case.id));
        }
    }
    let wanted: Vec<_> = patterns.iter().filter(|text| !text.starts_with('!')).collect();
    let means = |case: &&Case| {
        let matches = |text: &&String| {
            Pattern::new(&format!("server.{text}")).is_ok_and(|pattern| pattern.matches(case.id))
        };
        wanted.is_empty() || wanted.iter().any(matches)
    };
    chosen.retain(|case| means(case));
    Ok(chosen)
}

/// Runs one case on a server, and panics with the evidence if it does not end as it should. Says
/// on stderr why, if it cannot be judged. For [`assert_case!`](crate::assert_case).
#[doc(hidden)]
pub fn assert_case(target: &Target, id: &str) {
    harness::isolate::start_wardens_early();
    let full = format!("server.{id}");
    let Some(case) = catalogue::find(&full).filter(|case| case.is_about_a_server()) else {
        let ids: Vec<_> = server_cases().iter().map(|case| &case.id["server.".len()..]).collect();
        panic!("there is no case `{id}`{}", did_you_mean(id, &ids));
    };
    let tester = Tester::new(None, Judge::here());
    let tester = tester.unwrap_or_else(|error| panic!("no trial can be started: {error}"));
    let record = tester.record(case, Some(target)).expect("nobody cancels it");
    assert!(record.expected, "{}", explain(&record));
    if !record.reason.is_empty() {
        eprintln!("{id}: {}: {}", record.verdict, record.reason);
    }
}

/// The `main` of a test target without libtest's harness, with a test for each case about servers:
/// see [`testing`](crate::testing). Takes `target = TARGET`, and if wanted `cases = [PATTERN, ...]`
/// and `baseline = PATH`.
#[macro_export]
macro_rules! server_tests {
    ($($key:ident = $value:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::testing::ServerTests::default()$(.$key($value))+.main()
        }

        // Is there under libtest's own main alone, which would run none of the cases.
        #[test]
        fn this_target_is_its_own_harness() {
            panic!("say `harness = false` in the [[test]] of this file, in Cargo.toml");
        }
    };
}

/// Runs one case on a server inside of an ordinary `#[test]`: `assert_case!(server(),
/// "halfclose.reply_delivered")`. Panics with the evidence if the server deviates.
#[macro_export]
macro_rules! assert_case {
    ($target:expr, $id:expr $(,)?) => {
        $crate::testing::assert_case(&$target, $id)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(patterns: &[&str]) -> Result<usize, String> {
        let patterns: Vec<_> = patterns.iter().map(|text| (*text).to_owned()).collect();
        choose(&patterns).map(|cases| cases.len())
    }

    #[test]
    fn patterns_choose_and_leave_out() {
        let all = server_cases().len();
        assert_eq!(chosen(&[]), Ok(all));
        assert_eq!(chosen(&["*"]), Ok(all));
        assert_eq!(chosen(&["base.round_trip"]), Ok(1));
        assert_eq!(chosen(&["*", "!base.round_trip"]), Ok(all - 1));
        assert_eq!(chosen(&["!base.round_trip"]), Ok(all - 1));
        assert!(chosen(&["base.round_trp"]).unwrap_err().contains("did you mean base.round_trip"));
    }
}
