//! The commands that only look: list, explain, doctor, diff, report, completions.

use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Reset, Style};
use cases::Topic;
use clap::CommandFactory as _;
use harness::case::Case;
use harness::filter::Pattern;
use harness::matrix::{Column, Matrix};
use harness::record::Verdict;
use harness::report::{self, Results};
use harness::suggest::did_you_mean;

use crate::arguments::{Cli, List};
use crate::execution::command;
use crate::outputs::Output;
use crate::prose::{hanging, paragraphs};
use crate::screen::{Screen, color, paint};
use crate::summary::evidence;
use crate::{Failure, select, state, timeline};

pub(crate) fn list(arguments: &List, screen: &Screen) -> Result<u8, Failure> {
    let cases = select::select(&arguments.selection, select::Kind::Any).map_err(Failure::usage)?;
    for case in &cases {
        screen.line(case.id);
        if arguments.verbose {
            screen.line(&format!("    {}", case.claim));
        }
    }
    if cases.is_empty() {
        return Err(Failure { code: 4, error: anyhow::anyhow!("the filters leave no case") });
    }
    Ok(0)
}

pub(crate) fn explain(id: &str, trace: bool, screen: &Screen) -> Result<u8, Failure> {
    let all = cases::catalogue();
    if let Some(topic) = topic(id).filter(|_| !trace) {
        explain_topics(topic, &all, screen);
        return Ok(0);
    }
    let means = |text: &str| -> Result<Vec<&&Case>, Failure> {
        let pattern = Pattern::new(text).map_err(Failure::usage)?;
        Ok(all.iter().filter(|case| pattern.matches(case.id)).collect())
    };
    let mut meant = means(id)?;
    if meant.is_empty() {
        meant = means(&format!("server.{id}"))?;
    }
    if meant.is_empty() {
        let ids: Vec<_> = all.iter().map(|case| case.id).collect();
        let topics = cases::topics().iter().map(|topic| topic.id);
        let known: Vec<_> = topics.chain(ids).collect();
        return Err(Failure::usage(anyhow::anyhow!(
            "no area, topic or case matches `{id}`{}",
            did_you_mean(id, &known)
        )));
    }
    if trace {
        let cases: Vec<_> = meant.into_iter().copied().collect();
        return timeline::show(&cases, screen);
    }
    for (number, case) in meant.iter().enumerate() {
        if number > 0 {
            screen.line("");
        }
        explain_one(case, screen);
    }
    Ok(0)
}

/// The area or topic that a text is the id of; of servers, the first part may be left out.
fn topic(text: &str) -> Option<&'static Topic> {
    [text.to_owned(), format!("server.{text}")]
        .iter()
        .find_map(|id| cases::topics().iter().find(|topic| topic.id == id))
}

/// What an area and each of its topics is about, and what their cases claim.
fn explain_topics(whole: &Topic, all: &[&Case], screen: &Screen) {
    let bold = Style::new().bold();
    let below = format!("{}.", whole.id);
    let belongs = |topic: &&Topic| topic.id == whole.id || topic.id.starts_with(&below);
    for topic in cases::topics().iter().filter(belongs) {
        if topic.id != whole.id {
            screen.line("");
        }
        screen.line(&format!("{bold}{}{Reset}\n{}", topic.id, paragraphs(topic.head, 2)));
        let mut space = "\n";
        for case in all.iter().filter(|case| case.topic() == topic.id) {
            screen.line(&format!("{space}  {bold}{}{Reset}", case.id));
            screen.line(&format!("      {}", hanging(case.claim, 6)));
            space = "";
        }
    }
}

fn explain_one(case: &Case, screen: &Screen) {
    let bold = Style::new().bold();
    let as_it_is =
        |label: &str, text: &str| screen.line(&format!("{bold}{label:<10}{Reset} {text}"));
    let row = |label: &str, text: &str| as_it_is(label, &hanging(text, 11));
    row("case", case.id);
    row("claim", case.claim);
    for source in case.sources {
        row("stated in", &source.to_string());
    }
    row("strength", &case.strength.to_string());
    if !case.is_about_a_server() {
        let since = format!("since {}", case.since);
        row("kernels", if case.since.is_empty() { "all" } else { &since });
    }
    for except in case.except {
        row("except", &format!("{}: {}", except.model, except.why));
    }
    for change in case.changed {
        let bound = |text: &str, open: &str| {
            if text.is_empty() { open.to_owned() } else { text.to_owned() }
        };
        row(
            "",
            &format!(
                "from {} up to {}: {}, {}",
                bound(change.from, "the first"),
                bound(change.until, "today"),
                change.verdict,
                change.why
            ),
        );
    }
    for need in case.needs {
        row("needs", &need.to_string());
    }
    if case.alone {
        row("runs", "alone, with no other trial beside it");
    }
    let seen = state::last_seen(case.id);
    for (when, record) in &seen {
        let text = evidence(record).replace('\n', "\n           ");
        as_it_is("last seen", &format!("in the run of {when}:{text}"));
    }
    if seen.is_empty() {
        let (command, server) =
            if case.is_about_a_server() { ("server", " -- CMD ARG...") } else { ("run", "") };
        // A command is to be copied.
        as_it_is(
            "last seen",
            &format!("never here; run it with: ioconform {command} {}{server}", case.id),
        );
    }
    as_it_is("decided by", &format!("{}:{}\n", case.file, case.line));
    screen.line(case.text);
}

pub(crate) fn doctor(screen: &Screen) -> u8 {
    let findings = harness::doctor::findings();
    for finding in &findings {
        let (style, word) = if finding.found {
            (paint(AnsiColor::Green), "yes")
        } else {
            (paint(AnsiColor::Yellow), "no ")
        };
        screen.line(&format!("{style}{word}{Reset} {}", finding.what));
        for (label, text) in [("   ", &finding.meaning), ("    mend:", &finding.mend)] {
            if !text.is_empty() {
                screen.line(&format!("{label} {text}"));
            }
        }
    }
    let missing = findings.iter().filter(|finding| !finding.found).count();
    screen.line(&match missing {
        0 => "\nThis machine shows everything that the cases look at.".to_owned(),
        count => format!(
            "\n{count} of {} missing; no verdict is wrong for it, but some cases cannot be judged.",
            findings.len()
        ),
    });
    0
}

pub(crate) fn diff(old: &Path, new: Option<&Path>, screen: &Screen) -> Result<u8, Failure> {
    let before = report::read(old).map_err(Failure::usage)?;
    let Some(new) = new else {
        let Results::Matrix(matrix) = before else {
            return Err(Failure::usage(anyhow::anyhow!(
                "{0} is of one kernel, and differs from nothing; compare it with another result: \
                 ioconform diff {0} NEW.json",
                old.display()
            )));
        };
        across(&matrix, screen);
        return Ok(0);
    };
    let after = report::read(new).map_err(Failure::usage)?;
    let (changes, from, to, cases) = match (before, after) {
        (Results::Run(old), Results::Run(new)) => (
            report::diff(&old, &new),
            old.system.release,
            new.system.release,
            old.records.len().max(new.records.len()),
        ),
        (before, after) => {
            let (old, new) = (before.into_matrix(), after.into_matrix());
            let cases = cases_in_common(&old, &new)?;
            (report::diff_matrices(&old, &new), old.started, new.started, cases)
        }
    };
    for change in &changes {
        let regression = if change.regression {
            format!("{}regression{Reset} ", paint(AnsiColor::Red))
        } else {
            String::new()
        };
        let reason =
            if change.reason.is_empty() { String::new() } else { format!(" ({})", change.reason) };
        screen.line(&format!(
            "{regression}{}: {} -> {}{reason}",
            change.id,
            word(change.old),
            word(change.new)
        ));
    }
    let regressions = changes.iter().filter(|change| change.regression).count();
    screen.line(&format!(
        "{from} -> {to}: {} of {cases} cases differ, {regressions} for the worse",
        changes.len(),
    ));
    Ok(u8::from(regressions > 0))
}

fn word(verdict: Option<Verdict>) -> String {
    match verdict {
        Some(verdict) => format!("{}{verdict}{Reset}", color(verdict, true)),
        None => "absent".to_owned(),
    }
}

/// How many records the new matrix has of systems that are in both.
fn cases_in_common(old: &Matrix, new: &Matrix) -> Result<usize, Failure> {
    let is_old = |column: &&Column| old.columns.iter().any(|other| other.name == column.name);
    let common: Vec<_> = new.columns.iter().filter(is_old).collect();
    if common.is_empty() {
        let names = |matrix: &Matrix| {
            matrix.columns.iter().map(|column| &*column.name).collect::<Vec<_>>().join(", ")
        };
        return Err(Failure::usage(anyhow::anyhow!(
            "these results have no system in common: one is of {}, the other of {}; see both side by \
             side with: ioconform report OLD.json NEW.json -o both.html",
            names(old),
            names(new)
        )));
    }
    Ok(common.iter().filter_map(|column| column.run.as_ref()).map(|run| run.records.len()).sum())
}

/// What changed from one kernel of a matrix to the next.
fn across(matrix: &Matrix, screen: &Screen) {
    let flips = report::flips(matrix);
    for flip in &flips {
        let unexpected = if flip.expected {
            String::new()
        } else {
            format!("{}unexpected{Reset} ", paint(AnsiColor::Red))
        };
        let why = if flip.why.is_empty() { String::new() } else { format!(" ({})", flip.why) };
        screen.line(&format!("{unexpected}{}: {}{why}", flip.id, flip.story()));
    }
    screen.line(&format!(
        "{} of {} cases change between kernels",
        flips.len(),
        matrix.rows().len()
    ));
}

pub(crate) fn report(
    results: &[PathBuf],
    outputs: &[Output],
    screen: &Screen,
) -> Result<u8, Failure> {
    outputs.iter().try_for_each(Output::check).map_err(Failure::usage)?;
    if outputs.iter().any(Output::is_stdout) {
        screen.leave_stdout();
    }
    let parts = results
        .iter()
        .map(|path| report::read(path))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::usage)?;
    let whole = match <[Results; 1]>::try_from(parts) {
        // Its columns stay in the order that was asked for.
        Ok([alone]) => Some(alone),
        Err(parts) => report::join(parts, cases::server::GATE),
    };
    let Some(whole) = whole else { return Ok(4) };
    let command = command();
    for output in outputs {
        output.write(&whole.render(output.format, &command))?;
    }
    Ok(0)
}

pub(crate) fn completions(shell: clap_complete::Shell, screen: &Screen) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ioconform", &mut script);
    screen.line(String::from_utf8_lossy(&script).trim_end());
}
