//! From the words of a selection to the cases that it means.

use anyhow::bail;
use harness::case::Case;
use harness::filter::Pattern;
use harness::suggest::did_you_mean;

use crate::arguments::Selection;

/// The selected cases, sorted by id. A pattern that matches nothing is an error: a mistyped id
/// must not look like a run in which all was well.
pub(crate) fn select(selection: &Selection) -> anyhow::Result<Vec<&'static Case>> {
    let all = cases::catalogue();
    let wanted = patterns(&selection.patterns, &all)?;
    let unwanted = patterns(&selection.skip, &all)?;
    let matches =
        |patterns: &[Pattern], case: &Case| patterns.iter().any(|pattern| pattern.matches(case.id));
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|case| wanted.is_empty() || matches(&wanted, case))
        .filter(|case| !matches(&unwanted, case))
        .filter(|case| {
            selection.filter.is_empty()
                || selection.filter.iter().any(|filter| filter.matches(case))
        })
        .collect();
    Ok(match selection.shard {
        Some(shard) => shard.of(chosen),
        None => chosen,
    })
}

fn patterns(texts: &[String], all: &[&Case]) -> anyhow::Result<Vec<Pattern>> {
    let mut patterns = Vec::new();
    for text in texts {
        let pattern = Pattern::new(text)?;
        if !all.iter().any(|case| pattern.matches(case.id)) {
            let ids: Vec<_> = all.iter().map(|case| case.id).collect();
            bail!("no case matches `{text}`{}", did_you_mean(text, &ids));
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}
