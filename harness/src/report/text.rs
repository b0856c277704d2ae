//! Texts of a result within a format, and arguments within a command: whatever they are, nothing in
//! them is markup, a directive or a word more.

use quick_xml::escape::escape;

/// A text on one line, with control characters gone.
pub(super) fn one_line(text: &str) -> String {
    blanked(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text with a blank for each control character.
fn blanked(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text on one line of Markdown, in a paragraph or in a table. What stands between backticks is
/// code, if they pair off.
pub(super) fn prose(text: &str) -> String {
    let line = one_line(text);
    let parts: Vec<&str> = line.split('`').collect();
    let inner = parts.get(1..parts.len() - 1).unwrap_or_default();
    if parts.len().is_multiple_of(2) || inner.iter().any(|part| part.is_empty()) {
        return no_block(&escaped(&line));
    }
    let part = |(at, part): (usize, &&str)| if at % 2 == 1 { code(part) } else { escaped(part) };
    no_block(&parts.iter().enumerate().map(part).collect::<String>())
}

/// A text as code of Markdown, in a paragraph or in a table: between backticks, or as an element if it
/// has characters that mean something even there.
pub(super) fn code(text: &str) -> String {
    let line = blanked(text);
    if line.trim().is_empty() || line.contains(['`', '|']) {
        format!("<code>{}</code>", escaped(&line))
    } else {
        format!("`{line}`")
    }
}

/// A text in which no character means anything to Markdown. An underscore within a word never does.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let follows = rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '_' if before.is_alphanumeric() && follows => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// A line of Markdown that begins no heading, quote or list.
fn no_block(line: &str) -> String {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = rest.len() < line.len();
    let no_word = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    let begins = if is_number {
        ['.', ')'].iter().any(|end| rest.strip_prefix(*end).is_some_and(no_word))
    } else {
        rest.starts_with(['#', '>', '-', '+'])
    };
    let (before, marker) = line.split_at(line.len() - rest.len());
    let escape = if begins { "\\" } else { "" };
    format!("{before}{escape}{marker}")
}

/// A text in XML, without the control characters that XML 1.0 forbids even when they are escaped.
pub(super) fn xml(text: &str) -> String {
    let legal: String = text
        .chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => c,
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
            c => c,
        })
        .collect();
    escape(&legal).into_owned()
}

/// A command with these arguments, as it is typed into a shell.
pub(super) fn command(arguments: &[String]) -> String {
    let words = arguments.iter().map(|word| format!(" {}", quoted(word)));
    format!("ioconform{}", words.collect::<String>())
}

/// A word for a shell: in quotes, unless no character of it means anything there.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a <b> & c", "a &lt;b> &amp; c")]
    #[case("epoll_wait returned", "epoll_wait returned")]
    #[case("_a_ __b__ a_", r"\_a\_ \_\_b\_\_ a\_")]
    #[case("**a** ~~b~~ [c](d) $e$", r"\*\*a\*\* \~\~b\~\~ \[c\](d) \$e\$")]
    #[case(r"a | b \ c", r"a \| b \\ c")]
    #[case("one\n# two", "one # two")]
    #[case("`EPOLLIN` and `<b>`", "`EPOLLIN` and `<b>`")]
    #[case("`EPOLLIN | EPOLLHUP`", r"<code>EPOLLIN \| EPOLLHUP</code>")]
    #[case("a ` <b>", r"a \` &lt;b>")]
    #[case("`` <b> ``", r"\`\` &lt;b> \`\`")]
    #[case("`a``<b>`", r"\`a\`\`&lt;b>\`")]
    #[case("# a", r"\# a")]
    #[case("> a", r"\> a")]
    #[case("- a", r"\- a")]
    #[case("12. a", r"12\. a")]
    #[case("1) a", r"1\) a")]
    #[case("1.", r"1\.")]
    #[case("6.12 – 7.3", "6.12 – 7.3")]
    #[case("", "")]
    fn prose_is_text(#[case] text: &str, #[case] markdown: &str) {
        assert_eq!(prose(text), markdown);
    }

    #[rstest]
    #[case("[1, 1, 1]", "`[1, 1, 1]`")]
    #[case("<b> & \\", "`<b> & \\`")]
    #[case("a\nb  c", "`a b  c`")]
    #[case("a`b", r"<code>a\`b</code>")]
    #[case("a|<b>", r"<code>a\|&lt;b></code>")]
    #[case("", "<code></code>")]
    fn code_is_code(#[case] text: &str, #[case] markdown: &str) {
        assert_eq!(code(text), markdown);
    }

    #[rstest]
    #[case(&[], "ioconform")]
    #[case(&["run", "epoll.*", "-o", "md=a.md"], "ioconform run 'epoll.*' -o md=a.md")]
    #[case(&["vm", "--append", "a b", "--append", ""], "ioconform vm --append 'a b' --append ''")]
    #[case(&["run", "-E", "!id(a)", "it's"], r"ioconform run -E '!id(a)' 'it'\''s'")]
    fn a_command_can_be_typed(#[case] arguments: &[&str], #[case] typed: &str) {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        assert_eq!(command(&arguments), typed);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        /// A shell makes of it the word that it was.
        #[test]
        fn a_shell_reads_the_word(word in prop_oneof!["[^\\x00]{0,12}", "[ '\"$`\\\\!*?~#;&|<>(){}\\[\\]\n\t-]{0,8}"]) {
            let script = format!("printf '%s' {}", quoted(&word));
            let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(shell.stdout).unwrap(), word);
        }
    }
}
