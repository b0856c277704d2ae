//! From the words of a selection to the cases that it means.

use anyhow::bail;
use harness::case::Case;
use harness::filter::Pattern;
use harness::suggest::did_you_mean;

use crate::arguments::{Choice, Selection};

/// What cases are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The kernel.
    Kernel,
    /// A server.
    Server,
    /// Either.
    Any,
}

impl Kind {
    fn includes(self, case: &Case) -> bool {
        match self {
            Kind::Kernel => !case.is_about_a_server(),
            Kind::Server => case.is_about_a_server(),
            Kind::Any => true,
        }
    }
}

/// The selected cases of a kind, sorted by id. A pattern that matches nothing is an error: a
/// mistyped id must not look like a run in which all was well. Of cases about servers the first
/// part of the id, which all share, may be left out.
pub(crate) fn select(selection: &Selection, kind: Kind) -> anyhow::Result<Vec<&'static Case>> {
    let chosen = choose(&selection.choice, kind)?;
    Ok(match selection.shard {
        Some(shard) => shard.of(chosen),
        None => chosen,
    })
}

/// The same without shards.
pub(crate) fn choose(selection: &Choice, kind: Kind) -> anyhow::Result<Vec<&'static Case>> {
    let all: Vec<_> = cases::catalogue().into_iter().filter(|case| kind.includes(case)).collect();
    let wanted = patterns(&selection.patterns, &all)?;
    let unwanted = patterns(&selection.skip, &all)?;
    let matches =
        |patterns: &[Pattern], case: &Case| patterns.iter().any(|pattern| pattern.matches(case.id));
    Ok(all
        .into_iter()
        .filter(|case| wanted.is_empty() || matches(&wanted, case))
        .filter(|case| !matches(&unwanted, case))
        .filter(|case| {
            selection.filter.is_empty()
                || selection.filter.iter().any(|filter| filter.matches(case))
        })
        .collect())
}

fn patterns(texts: &[String], all: &[&Case]) -> anyhow::Result<Vec<Pattern>> {
    let mut patterns = Vec::new();
    for text in texts {
        let every = cases::catalogue();
        let Some(pattern) = meant(text, all) else {
            Pattern::new(text)?;
            if meant(text, &every).is_some() {
                bail!(
                    "`{text}` means cases of the other kind: `ioconform run` judges the kernel, `ioconform server` servers"
                );
            }
            let ids: Vec<_> = all.iter().map(|case| case.id).collect();
            bail!("no case matches `{text}`{}", did_you_mean(text, &ids));
        };
        patterns.push(pattern);
    }
    Ok(patterns)
}

/// The pattern that a text is for some of these cases, as it stands or as the rest of the id of a
/// case about servers.
fn meant(text: &str, all: &[&Case]) -> Option<Pattern> {
    [text.to_owned(), format!("server.{text}")].into_iter().find_map(|text| {
        let pattern = Pattern::new(&text).ok()?;
        all.iter().any(|case| pattern.matches(case.id)).then_some(pattern)
    })
}
