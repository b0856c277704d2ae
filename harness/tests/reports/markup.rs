//! A text is text: what a reader of a format takes for more than that is the report's own.

use harness::matrix::Matrix;
use harness::record::Run;
use harness::report::Format;
use proptest::prelude::*;
use rstest::rstest;

use crate::strategies::{HOSTILE, matrix, run};
use crate::{cases_of, cases_of_all, kunit, matrices, sample, strict_junit};

/// What the pages have of markup that is no code, and what stands in them for a character.
const OWN: [&str; 6] = ["<br>", "<code>", "</code>", "**", "&lt;", "&amp;"];

/// Fails if Markdown has other markup than that of the pages, or if a text begins a block.
fn is_text(page: &str) -> Result<(), TestCaseError> {
    let mut is_log = false;
    for line in page.lines() {
        if line.starts_with("  ```") {
            is_log = !is_log;
        } else if !is_log {
            let left = without_code(line);
            prop_assert!(!left.contains(['<', '`', '*', '[', '&', '~', '$']), "{}: {}", left, line);
            prop_assert!(!begins_a_block(line), "{}", line);
        }
    }
    prop_assert!(!is_log, "a log that does not end");
    Ok(())
}

/// A line of Markdown without its code, without what is escaped, and without what the pages may have.
fn without_code(line: &str) -> String {
    let mut left = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let own = || OWN.iter().find(|own| rest.starts_with(**own)).map(|own| own.len());
        let escape = || {
            let escaped = rest.strip_prefix('\\')?;
            escaped.starts_with(|c: char| c.is_ascii_punctuation()).then_some(2)
        };
        let length = span(rest).or_else(own).or_else(escape).unwrap_or_else(|| {
            left.push(c);
            c.len_utf8()
        });
        rest = &rest[length..];
    }
    left
}

/// The length of the code at the beginning: it ends with as many backticks as it began with.
fn span(text: &str) -> Option<usize> {
    let ticks = |text: &str| text.len() - text.trim_start_matches('`').len();
    let fence = ticks(text);
    if fence == 0 {
        return None;
    }
    let (mut at, mut run) = (fence, 0);
    while run != fence {
        at += text[at..].find('`')?;
        run = ticks(&text[at..]);
        at += run;
    }
    Some(at)
}

/// Whether what stands in an entry of a list, or in a note, is a heading, a quote or a list.
fn begins_a_block(line: &str) -> bool {
    let line = line.trim_start();
    let Some(text) = line.strip_prefix("> ").or_else(|| line.strip_prefix("- ")) else {
        return line.starts_with('+') || line.starts_with("```");
    };
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = rest.len() < text.len();
    is_number && [". ", ") "].iter().any(|end| format!("{rest} ").starts_with(end))
        || text.starts_with(['#', '>', '-', '+'])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn markdown_has_no_markup_of_a_text(run in run(), matrix in matrix()) {
        is_text(&Format::Markdown.render(&run))?;
        is_text(&Format::Markdown.render_matrix(&matrix))?;
    }
}

/// A run in which every text is this one, and records are seen in every section.
fn of(text: &str) -> Run {
    let mut run = matrices::run(40);
    let system = &mut run.system;
    for field in [&mut system.name, &mut system.version, &mut system.machine] {
        text.clone_into(field);
    }
    run.notes = vec![text.to_owned()];
    run.stale_baseline = vec![text.to_owned()];
    run.command = vec![text.to_owned()];
    for (at, record) in run.records.iter_mut().enumerate() {
        record.id.push_str(text);
        record.expected = at % 3 > 0;
        for field in [&mut record.claim, &mut record.reason, &mut record.note, &mut record.mend] {
            text.clone_into(field);
        }
        record.sources = vec![text.to_owned()];
        record.evidence.kernel_log = vec![text.to_owned()];
        for check in &mut record.evidence.checks {
            for field in [&mut check.expected, &mut check.observed, &mut check.file] {
                text.clone_into(field);
            }
        }
        for measure in &mut record.evidence.measures {
            text.clone_into(&mut measure.name);
        }
    }
    run
}

/// The same on many systems.
fn of_all(text: &str) -> Matrix {
    let mut matrix = sample::matrix(&of(text));
    matrix.notes = vec![text.to_owned()];
    matrix.command = vec![text.to_owned()];
    for column in &mut matrix.columns {
        column.name.push_str(text);
        text.clone_into(&mut column.platform.origin);
        if let Some(broken) = &mut column.broken {
            text.clone_into(&mut broken.reason);
            broken.console = vec![text.to_owned()];
        }
    }
    matrix
}

#[rstest]
fn no_text_is_more_than_text(#[values(0, 1, 2, 3, 4, 5, 6, 7)] number: usize) {
    let (run, matrix) = (of(HOSTILE[number]), of_all(HOSTILE[number]));
    is_text(&Format::Markdown.render(&run)).unwrap();
    is_text(&Format::Markdown.render_matrix(&matrix)).unwrap();
    assert_eq!(kunit(&Format::Ktap.render(&run)).unwrap(), cases_of(&run));
    assert_eq!(kunit(&Format::Ktap.render_matrix(&matrix)).unwrap(), cases_of_all(&matrix));
    assert_eq!(strict_junit(&Format::Junit.render(&run)).unwrap(), cases_of(&run));
    assert_eq!(strict_junit(&Format::Junit.render_matrix(&matrix)).unwrap(), cases_of_all(&matrix));
}

/// Nor is it less: a reader sees what was seen.
#[test]
fn a_text_is_shown_as_it_is() {
    let mut run = matrices::run(1);
    let record = &mut run.records[0];
    record.expected = false;
    "`epoll_wait` gave <b> & *EPOLLIN | EPOLLHUP*".clone_into(&mut record.reason);
    record.evidence.checks[0].holds = false;
    r"a `b` <c> \r\n".clone_into(&mut record.evidence.checks[0].observed);
    let page = Format::Markdown.render(&run);
    for says in [
        r"`epoll_wait` gave &lt;b> &amp; \*EPOLLIN \| EPOLLHUP\*",
        r"observed <code>a \`b\` &lt;c> \\r\\n</code> at `",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
}
