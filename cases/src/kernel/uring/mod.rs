//! `io_uring`: requests in one ring, completions in another.

mod accept;
mod cancel;
mod completion;
mod features;
mod links;
mod operations;
mod order;
mod overflow;
mod owner;
mod poll;
mod receive;
mod send;
mod setup;
mod timeout;
mod wait;

use harness::prelude::*;
use harness::sys::uring::Completion;

/// The one completion of a request that some kernels do not know: ends the trial as `unsupported`
/// if it was refused.
fn known(completions: Vec<Completion>, what: &str) -> Result<Vec<Completion>> {
    completions.into_iter().map(|completion| completion.supported(what)).collect()
}

/// Poll events as a request takes them.
fn bits(events: PollFlags) -> u32 {
    events.bits().cast_unsigned().into()
}

/// Poll events as a completion tells them.
fn told(events: PollFlags) -> i32 {
    events.bits().into()
}
