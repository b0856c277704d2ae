//! Source text as it stands in its file: the compiler gives tokens only.

use proc_macro2::Span;
use quote::ToTokens;

/// The text of an expression, on one line.
pub(crate) fn of(tokens: &impl ToTokens) -> Option<String> {
    let tokens = tokens.to_token_stream();
    let first = tokens.clone().into_iter().next()?.span();
    let last = tokens.into_iter().last()?.span();
    let lines = lines(first, last)?;
    let mut text = lines.join("\n");
    // Columns count characters, from one.
    let (start, end) = (first.unwrap().start().column(), last.unwrap().end().column());
    let tail = lines.last()?.chars().count().checked_sub(end - 1)?;
    let length = text.chars().count();
    text = text.chars().take(length - tail).skip(start - 1).collect();
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The lines from the start of one span to the end of another.
pub(crate) fn lines(first: Span, last: Span) -> Option<Vec<String>> {
    let path = first.unwrap().local_file()?;
    let file = std::fs::read_to_string(path).ok()?;
    let (from, to) = (first.unwrap().start().line(), last.unwrap().end().line());
    Some(file.lines().take(to).skip(from.checked_sub(1)?).map(str::to_owned).collect())
}
