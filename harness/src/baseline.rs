//! A user's own known deviations, in a file that says of each why it is accepted.
//!
//! ```toml
//! [[known]]
//! case = "reuseport.*"            # an id or a glob
//! verdicts = ["deviates"]         # what is accepted
//! when = "5.10..6.1"              # kernels; either side may be empty; optional
//! target = "nginx"                # a server, or a glob for servers; optional
//! system = "gvisor-*"             # a column of a matrix, or a glob for columns; optional
//! reason = "our 5.10 lacks the fix, ticket 1234"
//! ```
//!
//! `verdicts = ["conforms"]` accepts a belief that holds, and `["conforms", "deviates"]` a case that
//! ends now in one and now in the other.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::kernel::Version;
use crate::matrix::Column;
use crate::record::{Record, Run, System, Verdict};

/// The file as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Known>,
}

/// A known deviation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    case: String,
    verdicts: Vec<Verdict>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    when: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    reason: String,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The file cannot be read.
    #[error("cannot read the baseline {path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is no TOML of the right shape.
    #[error("the baseline {path} is not valid: {error}")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong, on one line.
        error: String,
    },
    /// An entry contradicts itself or names nothing.
    #[error("the baseline {path}, entry {entry} (`{case}`): {problem}")]
    Entry {
        /// The file.
        path: String,
        /// Which entry, from 1.
        entry: usize,
        /// Its case.
        case: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A baseline that was read and found sound.
#[derive(Debug)]
pub struct Baseline {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    ids: GlobMatcher,
    targets: Option<GlobMatcher>,
    systems: Option<GlobMatcher>,
    from: Option<Version>,
    until: Option<Version>,
    used: AtomicBool,
}

impl Baseline {
    /// Reads a baseline; every entry must match one of `ids`, the ids of the catalogue.
    pub fn read(path: &Path, ids: &[&str]) -> Result<Baseline, BaselineError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| BaselineError::Read { path: name.clone(), error })?;
        Baseline::parse(&name, &text, ids)
    }

    /// The same, of its text; errors call it by `path`.
    pub fn parse(path: &str, text: &str, ids: &[&str]) -> Result<Baseline, BaselineError> {
        let file: File = toml::from_str(text).map_err(|error| BaselineError::Parse {
            path: path.to_owned(),
            error: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let entry = |(index, known): (usize, Known)| {
            let case = known.case.clone();
            Entry::new(known, ids).map_err(|problem| BaselineError::Entry {
                path: path.to_owned(),
                entry: index + 1,
                case,
                problem,
            })
        };
        Ok(Baseline {
            entries: file.known.into_iter().enumerate().map(entry).collect::<Result<_, _>>()?,
        })
    }

    /// Marks a record as expected, or as unexpectedly good, by the entries that speak of it. Of
    /// the cases that a glob matches some may conform; of one that is named, none.
    pub fn apply(&self, system: &System, record: &mut Record) {
        self.apply_in(None, system, record);
    }

    /// The same for all records of a column of a matrix.
    pub fn apply_to(&self, column: &mut Column) {
        let Column { name, run: Some(run), .. } = column else { return };
        for record in &mut run.records {
            self.apply_in(Some(name), &run.system, record);
        }
    }

    fn apply_in(&self, column: Option<&str>, system: &System, record: &mut Record) {
        let speaks = |entry: &&Entry| {
            entry.ids.is_match(&record.id)
                && entry.is_about(column, system)
                && entry.is_about_target(record.target.as_deref())
        };
        let entries: Vec<_> = self.entries.iter().filter(speaks).collect();
        let accepts = |entry: &&&Entry| entry.known.verdicts.contains(&record.verdict);
        if let Some(entry) = entries.iter().find(accepts) {
            entry.used.store(true, Ordering::Relaxed);
            record.expected = true;
            record.note = format!("baseline: {}", entry.known.reason);
        } else if record.verdict == Verdict::Conforms
            && let Some(entry) = entries.iter().find(|entry| entry.known.case == record.id)
        {
            entry.used.store(true, Ordering::Relaxed);
            record.expected = false;
            record.note = format!("unexpected pass; the baseline says: {}", entry.known.reason);
        }
    }

    /// The entries for `system` that no record of the run used.
    pub fn stale(&self, system: &System) -> Vec<String> {
        self.stale_in(None, system)
    }

    /// The entries that speak of a column of a matrix and that no record of any column used.
    pub fn stale_of(&self, column: &Column) -> Vec<String> {
        column.run.as_ref().map_or(Vec::new(), |run| self.stale_in(Some(&column.name), &run.system))
    }

    fn stale_in(&self, column: Option<&str>, system: &System) -> Vec<String> {
        let stale =
            |entry: &&Entry| entry.is_about(column, system) && !entry.used.load(Ordering::Relaxed);
        self.entries.iter().filter(stale).map(|entry| entry.known.case.clone()).collect()
    }

    /// Whether a baseline may accept an unexpected record. A failure of the suite, a flaky case
    /// and an unexpected pass stay unexpected.
    pub fn accepts(record: &Record) -> bool {
        !record.expected
            && !record.flaky()
            && !matches!(record.verdict, Verdict::Conforms | Verdict::Error)
    }

    /// Entries, to be appended to a baseline, that accept what may be accepted of `run`; with how
    /// many they are.
    pub fn bless(run: &Run) -> (String, usize) {
        let known: Vec<_> = run
            .unexpected()
            .filter(|record| Baseline::accepts(record))
            .map(|record| Known {
                case: record.id.clone(),
                verdicts: vec![record.verdict],
                when: String::new(),
                target: record.target.clone(),
                system: None,
                reason: format!(
                    "blessed on {} {}: {}",
                    run.system.name, run.system.release, record.reason
                ),
            })
            .collect();
        let count = known.len();
        (toml::to_string_pretty(&File { known }).unwrap_or_default(), count)
    }
}

impl Entry {
    fn new(known: Known, ids: &[&str]) -> Result<Entry, String> {
        if known.reason.trim().is_empty() {
            return Err("an entry needs a reason".to_owned());
        }
        if known.verdicts.is_empty() {
            return Err("`verdicts` names what is accepted, as in [\"deviates\"]".to_owned());
        }
        let glob = |text: &str| {
            let glob = GlobBuilder::new(text).build().map_err(|error| error.to_string())?;
            Ok::<_, String>(glob.compile_matcher())
        };
        let ids_glob = glob(&known.case)?;
        let targets = known.target.as_deref().map(glob).transpose()?;
        let systems = known.system.as_deref().map(glob).transpose()?;
        if !ids.iter().any(|id| ids_glob.is_match(id)) {
            return Err(format!(
                "there is no such case{}",
                crate::suggest::did_you_mean(&known.case, ids)
            ));
        }
        let bound = |text: &str| -> Result<Option<Version>, String> {
            let text = text.trim();
            if text.is_empty() {
                Ok(None)
            } else {
                text.parse()
                    .map(Some)
                    .map_err(|error: crate::kernel::NotAVersion| error.to_string())
            }
        };
        let (from, until) = match known.when.split_once("..") {
            Some((from, until)) => (bound(from)?, bound(until)?),
            None if known.when.is_empty() => (None, None),
            None => {
                return Err(
                    "`when` is a range of kernels, as in \"5.10..6.1\" or \"..6.1\"".to_owned()
                );
            }
        };
        let used = AtomicBool::new(false);
        Ok(Entry { known, ids: ids_glob, targets, systems, from, until, used })
    }

    /// An entry without a server speaks of all of them.
    fn is_about_target(&self, target: Option<&str>) -> bool {
        match &self.targets {
            Some(targets) => target.is_some_and(|target| targets.is_match(target)),
            None => true,
        }
    }

    /// An entry that names columns of a matrix speaks of no system outside of one.
    fn is_about(&self, column: Option<&str>, system: &System) -> bool {
        let named = |systems: &GlobMatcher| column.is_some_and(|column| systems.is_match(column));
        if !self.systems.as_ref().is_none_or(named) {
            return false;
        }
        let Ok(version) = system.release.parse::<Version>() else {
            return self.from.is_none() && self.until.is_none();
        };
        self.from.is_none_or(|from| version >= from)
            && self.until.is_none_or(|until| version < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const IDS: [&str; 2] = ["epoll.edge.a", "poll.b"];

    #[rstest]
    #[case::no_toml("known =", "not valid")]
    #[case::unknown_key("[[known]]\ncase='poll.b'\nverdict=['deviates']\nreason='r'", "not valid")]
    #[case::no_reason("[[known]]\ncase='poll.b'\nverdicts=['deviates']", "reason")]
    #[case::empty_reason(
        "[[known]]\ncase='poll.b'\nverdicts=['deviates']\nreason=' '",
        "needs a reason"
    )]
    #[case::accepts_nothing(
        "[[known]]\ncase='poll.b'\nverdicts=[]\nreason='r'",
        "what is accepted"
    )]
    #[case::unknown_case("[[known]]\ncase='pol.b'\nverdicts=['deviates']\nreason='r'", "poll.b")]
    #[case::bad_range(
        "[[known]]\ncase='poll.b'\nverdicts=['deviates']\nwhen='6.1'\nreason='r'",
        "range"
    )]
    #[case::bad_version(
        "[[known]]\ncase='poll.b'\nverdicts=['deviates']\nwhen='x..'\nreason='r'",
        "kernel version"
    )]
    fn a_bad_baseline_is_refused_in_one_line(#[case] text: &str, #[case] says: &str) {
        let error = Baseline::parse("b.toml", text, &IDS).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{error}");
    }

    #[rstest]
    #[case("5.10..6.1", "5.10.1", true)]
    #[case("5.10..6.1", "6.1.0", false)]
    #[case("..6.1", "4.4", true)]
    #[case("6.1..", "6.18", true)]
    #[case("6.1..", "5.10", false)]
    fn when_is_a_half_open_range(#[case] when: &str, #[case] release: &str, #[case] about: bool) {
        let text =
            format!("[[known]]\ncase='poll.b'\nverdicts=['deviates']\nwhen='{when}'\nreason='r'");
        let baseline = Baseline::parse("b.toml", &text, &IDS).unwrap();
        let system = System { release: release.to_owned(), ..System::here() };
        assert_eq!(baseline.entries[0].is_about(None, &system), about);
    }

    #[rstest]
    #[case("", Some("nginx"), true)]
    #[case("", None, true)]
    #[case("target='nginx'", Some("nginx"), true)]
    #[case("target='ng*'", Some("nginx"), true)]
    #[case("target='nginx'", Some("redis"), false)]
    #[case("target='nginx'", None, false)]
    fn an_entry_may_speak_of_one_server(
        #[case] line: &str,
        #[case] target: Option<&str>,
        #[case] accepted: bool,
    ) {
        let text = format!("[[known]]\ncase='poll.b'\nverdicts=['deviates']\nreason='r'\n{line}");
        let baseline = Baseline::parse("b.toml", &text, &IDS).unwrap();
        let mut record = record("poll.b", Verdict::Deviates);
        record.target = target.map(str::to_owned);
        baseline.apply(&System::here(), &mut record);
        assert_eq!(record.expected, accepted);
    }

    #[rstest]
    #[case("gvisor-ptrace", true)]
    #[case("6.12", false)]
    fn an_entry_may_speak_of_one_column(#[case] name: &str, #[case] accepted: bool) {
        let text = "[[known]]\ncase='poll.b'\nverdicts=['deviates']\nsystem='gvisor-*'\nreason='r'";
        let baseline = Baseline::parse("b.toml", text, &IDS).unwrap();
        let mut column = Column::of(name, run(vec![record("poll.b", Verdict::Deviates)]));
        baseline.apply_to(&mut column);
        assert_eq!(column.run.as_ref().unwrap().records[0].expected, accepted);
        assert_eq!(baseline.stale_of(&column), [""; 0]);
        assert_eq!(baseline.stale(&System::here()), [""; 0], "no run is a column");
        let other = Column::of("gvisor-systrap", run(Vec::new()));
        assert_eq!(baseline.stale_of(&other).is_empty(), accepted, "used or not");
    }

    #[rstest]
    #[case(Verdict::Conforms, true)]
    #[case(Verdict::Deviates, true)]
    #[case(Verdict::Error, false)]
    fn a_case_that_ends_either_way_can_be_accepted(
        #[case] verdict: Verdict,
        #[case] accepted: bool,
    ) {
        let text = "[[known]]\ncase='poll.b'\nverdicts=['conforms','deviates']\nreason='r'";
        let baseline = Baseline::parse("b.toml", text, &IDS).unwrap();
        let (system, mut record) = (System::here(), record("poll.b", verdict));
        baseline.apply(&system, &mut record);
        assert_eq!([record.expected, baseline.stale(&system).is_empty()], [accepted; 2]);
    }

    #[test]
    fn a_belief_that_holds_can_be_accepted() {
        let text = "[[known]]\ncase='poll.b'\nverdicts=['conforms']\nreason='r'";
        let baseline = Baseline::parse("b.toml", text, &IDS).unwrap();
        let holds = Record { expected: false, ..record("poll.b", Verdict::Conforms) };
        let mut column = Column::of("gvisor", run(vec![holds, record("poll.c", Verdict::Error)]));
        baseline.apply_to(&mut column);
        let records = &column.run.as_ref().unwrap().records;
        assert_eq!([records[0].expected, records[1].expected], [true, false]);
    }

    fn run(records: Vec<Record>) -> Run {
        Run {
            schema: 1,
            ioconform: String::new(),
            started: String::new(),
            millis: 0,
            complete: true,
            interrupted: false,
            command: Vec::new(),
            system: System::here(),
            targets: Vec::new(),
            notes: Vec::new(),
            stale_baseline: Vec::new(),
            records,
        }
    }

    fn record(id: &str, verdict: Verdict) -> Record {
        let id = Box::leak(id.to_owned().into_boxed_str());
        let case = crate::case::Case { id, ..crate::case::BLANK };
        let mut record = Record::new(&case, verdict, "because");
        record.expected = verdict == Verdict::Conforms;
        record
    }

    /// (the case of the entry, the record, its verdict) -> (expected, the entry is stale)
    #[rstest]
    #[case::accepted("poll.b", "poll.b", Verdict::Deviates, true, false)]
    #[case::accepted_by_glob("poll.*", "poll.b", Verdict::Deviates, true, false)]
    #[case::unexpected_pass("poll.b", "poll.b", Verdict::Conforms, false, false)]
    #[case::pass_under_a_glob("poll.*", "poll.b", Verdict::Conforms, true, true)]
    #[case::other_verdict("poll.b", "poll.b", Verdict::Error, false, true)]
    #[case::other_case("poll.b", "epoll.edge.a", Verdict::Deviates, false, true)]
    fn an_entry_speaks_of_its_cases_and_verdicts(
        #[case] entry: &str,
        #[case] id: &str,
        #[case] verdict: Verdict,
        #[case] expected: bool,
        #[case] stale: bool,
    ) {
        let text = format!("[[known]]\ncase='{entry}'\nverdicts=['deviates']\nreason='r'");
        let baseline = Baseline::parse("b.toml", &text, &IDS).unwrap();
        let (system, mut record) = (System::here(), record(id, verdict));
        baseline.apply(&system, &mut record);
        assert_eq!((record.expected, !baseline.stale(&system).is_empty()), (expected, stale));
    }

    #[test]
    fn what_is_blessed_is_accepted_from_then_on() {
        let run =
            run(vec![record("poll.b", Verdict::Deviates), record("epoll.edge.a", Verdict::Error)]);
        let (text, count) = Baseline::bless(&run);
        assert_eq!(count, 1, "an error is never accepted");
        let baseline = Baseline::parse("b.toml", &text, &IDS).unwrap();
        let mut again = record("poll.b", Verdict::Deviates);
        baseline.apply(&run.system, &mut again);
        assert!(again.expected && again.note.contains("because"), "{again:?}");
    }
}
