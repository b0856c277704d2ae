//! Text for people, as wide as their screen allows. A code span is never broken.

use anstyle::{AnsiColor, Reset};
use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter};

/// Lines are no longer than this, however wide the screen is.
const WIDEST: usize = 100;
/// Nor are they shorter: a screen as narrow as that breaks them itself.
const NARROWEST: usize = 24;

/// The text, broken into lines that fit behind so many columns: all but the first are indented by
/// them.
pub(crate) fn hanging(text: &str, columns: usize) -> String {
    lines(text, textwrap::termwidth(), columns).join(&format!("\n{}", " ".repeat(columns)))
}

/// Paragraphs of Markdown, each line behind so many columns. What is no plain paragraph (a list, a
/// table, a block of code) keeps its lines.
pub(crate) fn paragraphs(markdown: &str, columns: usize) -> String {
    render(markdown, textwrap::termwidth(), columns)
}

fn render(markdown: &str, screen: usize, columns: usize) -> String {
    let indent = " ".repeat(columns);
    let mut out = Vec::new();
    for paragraph in markdown.split("\n\n") {
        let set = |line: &str| {
            line.starts_with(['-', '*', '|', '#', '>', ' ']) || line.starts_with("```")
        };
        let lines = if paragraph.lines().skip(1).any(set) {
            paragraph.lines().map(coloured).collect()
        } else {
            lines(&paragraph.replace('\n', " "), screen, columns)
        };
        out.push(format!("{indent}{}", lines.join(&format!("\n{indent}"))));
    }
    out.join("\n\n")
}

fn lines(text: &str, screen: usize, columns: usize) -> Vec<String> {
    let width = screen.min(WIDEST).saturating_sub(columns).max(NARROWEST);
    let options = Options::new(width)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::wrap(text, options).iter().map(|line| coloured(line)).collect()
}

/// The words of a line: what stands between backticks is part of one.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        let (mut in_code, mut blank) = (false, false);
        let begins_another = |(_, character): &(usize, char)| {
            let begins = blank && *character != ' ' && !in_code;
            blank = *character == ' ';
            in_code ^= *character == '`';
            begins
        };
        let end = rest.char_indices().find(begins_another).map_or(rest.len(), |(end, _)| end);
        let (word, others) = rest.split_at(end);
        rest = others;
        (!word.is_empty()).then(|| Word::from(word))
    }))
}

/// The line, with its code spans in a colour. They keep their backticks, for screens without.
fn coloured(line: &str) -> String {
    let style = AnsiColor::Cyan.on_default();
    let parts: Vec<_> = line.split('`').collect();
    let mut out = String::new();
    for (number, part) in parts.iter().enumerate() {
        match number % 2 {
            1 if number + 1 < parts.len() => out += &format!("{style}`{part}`{Reset}"),
            1 => out += &format!("`{part}"),
            _ => out += part,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_paragraph_fills_its_lines_and_breaks_no_code() {
        let head = "Waits with `epoll_wait(fd, events, 64, -1)` are one\nkind.\n\nAnd `select`.";
        let found = plain(&render(head, 40, 2));
        assert_eq!(
            found,
            "  Waits with\n  `epoll_wait(fd, events, 64, -1)` are\n  one kind.\n\n  And `select`."
        );
    }

    #[test]
    fn a_list_keeps_its_lines() {
        let head = "Two:\n- one that is longer than a line can be\n- two";
        let expected = " Two:\n - one that is longer than a line can be\n - two";
        assert_eq!(plain(&render(head, 30, 1)), expected);
    }

    #[test]
    fn only_a_whole_code_span_has_a_colour() {
        let cyan = AnsiColor::Cyan.on_default();
        assert_eq!(coloured("a `b c` d"), format!("a {cyan}`b c`{Reset} d"));
        assert_eq!(coloured("a `b c"), "a `b c");
    }

    #[test]
    fn a_narrow_screen_and_a_long_word_lose_nothing() {
        let text = "herd.epoll_each.forked_before_epoll_create and 1";
        assert_eq!(lines(text, 1, 18), ["herd.epoll_each.forked_before_epoll_create", "and 1"]);
    }
}
