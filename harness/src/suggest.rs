//! Help for somebody who mistyped an id.

/// The known words nearest to `word`, best first, at most three.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let plain = word.trim_matches(|c| c == '*' || c == '.');
    let mut scored: Vec<_> = known
        .iter()
        .map(|candidate| {
            let score = match candidate.find(plain) {
                Some(0) if !plain.is_empty() => 2.0,
                Some(_) if !plain.is_empty() => 1.0,
                _ => strsim::jaro_winkler(plain, candidate),
            };
            (score, *candidate)
        })
        .filter(|(score, _)| *score > 0.7)
        .collect();
    scored.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.cmp(second)));
    scored.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// `; did you mean a, b or c?`, or nothing if nothing is near.
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known).as_slice() {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        [most @ .., last] => format!("; did you mean {} or {last}?", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let known = ["epoll.edge.silent", "poll.negative", "select.sets"];
        assert_eq!(nearest("epol.edge.silent", &known), ["epoll.edge.silent"]);
        assert_eq!(nearest("negative", &known), ["poll.negative"]);
        assert_eq!(nearest("poll", &known), ["poll.negative", "epoll.edge.silent"]);
        assert!(nearest("qqqq", &known).is_empty());
        assert_eq!(did_you_mean("qqqq", &known), "");
    }
}
