//! Every case about servers as a test of its own: `cargo test halfclose` runs a part of them.

mod common;

ioconform::server_tests! {
    target = common::server(),
}
