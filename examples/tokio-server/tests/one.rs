//! Single cases inside of ordinary tests.

mod common;

use ioconform::assert_case;

#[test]
fn a_request_is_answered() {
    assert_case!(common::server(), "base.round_trip");
}

#[test]
fn a_connection_can_be_used_twice() {
    assert_case!(common::server(), "base.second_request");
}
