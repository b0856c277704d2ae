//! `assert_case!` under libtest's own `main`, with servers that are none.

use cases::{Target, assert_case};

#[test]
#[should_panic(expected = "the server ended before it listened (exit status: 3): no luck")]
fn a_server_that_does_not_start_fails_with_its_last_words() {
    assert_case!(Target::bin("sh", ["-c", "echo no luck >&2; exit 3"]), "base.round_trip");
}

#[test]
#[should_panic(expected = "there is no case `base.round_trp`; did you mean base.round_trip")]
fn an_unknown_case_is_refused() {
    assert_case!(Target::bin("true", ["{addr}"]), "base.round_trp");
}
