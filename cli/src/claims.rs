//! `ioconform claims`: what is true of the claims of the study notes, on this kernel. The cases that
//! decide them are run: a verdict is believed because of its evidence, and not because it is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Reset, Style};
use harness::case::Case;
use harness::claims::{self, Claim, Standing, Truth};
use harness::record::{Record, Run, Verdict};
use harness::suggest::did_you_mean;

use crate::execution::{Assignment, perform, write_down};
use crate::prose::hanging;
use crate::screen::{Screen, paint};
use crate::summary::{counts, end, evidence, notes, outcome, story, system};
use crate::{Failure, arguments};

pub(crate) fn claims(arguments: &arguments::Claims, screen: &Screen) -> Result<u8, Failure> {
    let claims = chosen(&arguments.ids).map_err(Failure::usage)?;
    let wanted = |id: &str| claims.iter().any(|claim| claim.id == id);
    let decides = |case: &&Case| !case.is_about_a_server() && case.notes().any(wanted);
    let cases = cases::catalogue().into_iter().filter(decides).collect();
    let assignment = Assignment { cases, targets: &[], whole: false };
    let performed = perform(&assignment, &arguments.execution, screen)?;
    let found: Vec<_> = claims.into_iter().map(|claim| Found::of(claim, &performed.run)).collect();
    let otherwise = found.iter().any(|found| found.standing == Standing::Contradicted);
    tell(&found, arguments, screen, &performed.run);
    let code = write_down(performed, &arguments.execution, screen);
    Ok(if code == 0 { u8::from(otherwise) } else { code })
}

/// The claims with these ids, in the order of the notes; all if none is named.
fn chosen(ids: &[String]) -> anyhow::Result<Vec<&'static Claim>> {
    let all = claims::all();
    for id in ids {
        if !all.iter().any(|claim| claim.id.eq_ignore_ascii_case(id)) {
            let known: Vec<_> = all.iter().map(|claim| &*claim.id).collect();
            anyhow::bail!("there is no claim `{id}`{}", did_you_mean(id, &known));
        }
    }
    let named = |claim: &&Claim| ids.iter().any(|id| claim.id.eq_ignore_ascii_case(id));
    Ok(all.iter().filter(|claim| ids.is_empty() || named(claim)).collect())
}

/// A claim, and what came of its cases.
struct Found<'a> {
    claim: &'static Claim,
    records: Vec<&'a Record>,
    standing: Standing,
}

fn tell(found: &[Found], arguments: &arguments::Claims, screen: &Screen, run: &Run) {
    let execution = &arguments.execution;
    if execution.quiet > 1 {
        return;
    }
    if execution.quiet == 0 {
        notes(screen, run);
        screen.line(&format!("\n{}", system(run)));
    }
    let in_full = !arguments.ids.is_empty() || execution.verbose > 0;
    for one in found {
        if execution.quiet == 0 || one.standing == Standing::Contradicted {
            screen.line(&if in_full { one.in_full(execution.verbose > 0) } else { one.in_short() });
        }
    }
    run.unexpected().for_each(|record| screen.line(&story(record)));
    screen.line(&last_line(found, run));
}

impl<'a> Found<'a> {
    fn of(claim: &'static Claim, run: &'a Run) -> Found<'a> {
        let records: Vec<_> =
            run.records.iter().filter(|record| claim.is_decided_by(record)).collect();
        let standing = Standing::of(records.iter().copied());
        Found { claim, records, standing }
    }

    /// What it is here, in a colour.
    fn verdict(&self) -> (&'static str, Style) {
        match (self.standing, self.claim.verdict) {
            (Standing::Confirmed, Truth::True) => (Truth::True.word(), paint(AnsiColor::Green)),
            (Standing::Confirmed, truth) => (truth.word(), paint(AnsiColor::Magenta)),
            (Standing::Contradicted, _) => ("otherwise", paint(AnsiColor::Red)),
            (Standing::Undecided, _) => ("undecided", paint(AnsiColor::Yellow)),
        }
    }

    /// What is true; of a claim that was not borne out here, what is true elsewhere.
    fn truth(&self) -> String {
        let Claim { verdict, truth, .. } = self.claim;
        match self.standing {
            Standing::Confirmed => truth.clone(),
            _ => format!("elsewhere {}: {truth}", verdict.word()),
        }
    }

    /// A line for the claim, one for the truth, and one for the cases that ended alike.
    fn in_short(&self) -> String {
        const COLUMNS: usize = 18;
        let (word, style) = self.verdict();
        let below = COLUMNS + 2;
        let indent = " ".repeat(below);
        let bold = Style::new().bold();
        let mut text = format!(
            "\n{bold}{}{Reset}  {style}{word:<11}{Reset}  {bold}{}{Reset}",
            self.claim.id,
            hanging(&self.claim.text, COLUMNS)
        );
        let _ = write!(text, "\n{indent}{}", hanging(&self.truth(), below));
        for (outcome, records) in self.outcomes() {
            let line = format!("{outcome}: {}", names(&records));
            let _ = write!(text, "\n{indent}{}", hanging(&line, below));
        }
        text
    }

    /// Everything that there is to say of it.
    fn in_full(&self, with_evidence: bool) -> String {
        const COLUMNS: usize = 11;
        let (word, style) = self.verdict();
        let bold = Style::new().bold();
        let row = |label: &str, value: &str| {
            format!("\n{bold}{label:<10}{Reset} {}", hanging(value, COLUMNS))
        };
        let mut text = row("claim", &format!("{}: {}", self.claim.id, self.claim.text));
        text += &row("verdict", &format!("{style}{word}{Reset}"));
        text += &row("truth", &self.truth());
        let all = counts(&self.records).split_whitespace().collect::<Vec<_>>().join(" ");
        text += &row("decided by", &if all.is_empty() { "no case".to_owned() } else { all });
        for record in &self.records {
            if with_evidence {
                text += &evidence(record).replace('\n', "\n  ");
                continue;
            }
            let _ = write!(text, "\n  {} {}", outcome(record), record.name());
            let why = if record.note.is_empty() { &record.reason } else { &record.note };
            for more in [&record.claim, why] {
                if !more.is_empty() {
                    let _ = write!(text, "\n      {}", hanging(more, 6));
                }
            }
        }
        text
    }

    /// The records that ended alike, by how they ended: those that are not as expected last.
    fn outcomes(&self) -> Vec<(String, Vec<&'a Record>)> {
        let mut outcomes: BTreeMap<(bool, Verdict), Vec<&Record>> = BTreeMap::new();
        for record in &self.records {
            outcomes.entry((!record.expected, record.verdict)).or_default().push(record);
        }
        outcomes.into_values().map(|records| (outcome(records[0]), records)).collect()
    }
}

/// The names of the cases; what those of one topic have in common is said once.
fn names(records: &[&Record]) -> String {
    let mut topics: Vec<(&str, Vec<&str>)> = Vec::new();
    for record in records {
        let (topic, name) = record.id.rsplit_once('.').unwrap_or(("", &record.id));
        match topics.last_mut() {
            Some((last, names)) if *last == topic => names.push(name),
            _ => topics.push((topic, vec![name])),
        }
    }
    let topic = |(topic, names): &(&str, Vec<&str>)| match &names[..] {
        [name] => format!("{topic}.{name}"),
        names => format!("{topic}.{{{}}}", names.join(", ")),
    };
    topics.iter().map(topic).collect::<Vec<_>>().join(", ")
}

/// How many stand how, and whether that is as it should be.
fn last_line(found: &[Found], run: &Run) -> String {
    let stands = |standing| found.iter().filter(move |found| found.standing == standing);
    let (otherwise, undecided) =
        (stands(Standing::Contradicted).count(), stands(Standing::Undecided).count());
    let truths = [Truth::True, Truth::Partly, Truth::False].map(|truth| {
        let count =
            stands(Standing::Confirmed).filter(|found| found.claim.verdict == truth).count();
        (count, truth.word())
    });
    let parts = truths.into_iter().chain([(undecided, "undecided")]);
    let parts =
        parts.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let unexpected = run.unexpected().count();
    let style = paint(if otherwise + unexpected == 0 && run.complete {
        AnsiColor::Green
    } else {
        AnsiColor::Red
    });
    format!(
        "\n{} claims, decided by {} cases in {}.{:02} s: {}{}{style}{otherwise} otherwise{Reset}{}",
        found.len(),
        run.records.len(),
        run.millis / 1000,
        run.millis % 1000 / 10,
        parts,
        if parts.is_empty() { "" } else { "; " },
        end(run)
    )
}

#[cfg(test)]
mod tests {
    use harness::case::Strength;
    use harness::record::{SCHEMA, System};

    use super::*;

    /// A run of one case that decides a claim.
    fn run(claim: &str, strength: Strength, verdict: Verdict, expected: bool) -> Run {
        let mut record = Record::bare("herd.poll.in_poll", "It does.", strength, verdict, "");
        record.sources = vec![format!("notes {claim}")];
        record.expected = expected;
        Run {
            schema: SCHEMA,
            ioconform: String::new(),
            started: String::new(),
            millis: 1234,
            complete: true,
            interrupted: false,
            command: Vec::new(),
            system: System::here(),
            targets: Vec::new(),
            notes: Vec::new(),
            stale_baseline: Vec::new(),
            records: vec![record],
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    /// What is told of S25, which is partly true, and the last line.
    fn told(strength: Strength, verdict: Verdict, expected: bool) -> (Standing, String, String) {
        let run = run("S25", strength, verdict, expected);
        let claim = chosen(&["s25".to_owned()]).unwrap()[0];
        let found = Found::of(claim, &run);
        (found.standing, plain(&found.in_short()), plain(&last_line(&[found], &run)))
    }

    #[test]
    fn a_claim_that_its_cases_bear_out_is_as_it_is_written() {
        let (standing, text, last) = told(Strength::Folklore, Verdict::Deviates, true);
        assert_eq!(standing, Standing::Confirmed);
        assert!(text.starts_with("\nS25  partly true  There was a thundering herd"), "{text}");
        assert!(text.contains("\n                    It is solved for accept;"), "{text}");
        assert!(text.ends_with("deviates as known: herd.poll.in_poll"), "{text}");
        assert_eq!(last, "\n1 claims, decided by 1 cases in 1.23 s: 1 partly true; 0 otherwise");
    }

    /// On a kernel that is known for a deviation, too, the claim is not as it is written.
    #[test]
    fn a_claim_that_a_case_contradicts_says_so() {
        for expected in [true, false] {
            let (standing, text, last) = told(Strength::Documented, Verdict::Deviates, expected);
            assert_eq!(standing, Standing::Contradicted);
            assert!(text.starts_with("\nS25  otherwise    There was"), "{text}");
            assert!(text.contains("elsewhere partly true: It is solved"), "{text}");
            assert!(last.ends_with(": 1 otherwise"), "{last}");
        }
    }

    #[test]
    fn a_claim_without_a_verdict_is_undecided() {
        let (standing, text, last) = told(Strength::Documented, Verdict::Skipped, true);
        assert_eq!(standing, Standing::Undecided);
        assert!(
            text.contains("undecided") && last.contains(": 1 undecided; 0 otherwise"),
            "{last}"
        );
    }

    #[test]
    fn names_of_one_topic_say_it_once() {
        let record =
            |id: &str| Record::bare(id, "It does.", Strength::Documented, Verdict::Conforms, "");
        let records = ["a.b.one", "a.b.two", "a.c.one"].map(record);
        let records: Vec<_> = records.iter().collect();
        assert_eq!(names(&records), "a.b.{one, two}, a.c.one");
    }
}
