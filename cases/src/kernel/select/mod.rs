//! `select`: three sets of descriptor numbers, overwritten by each call with what is ready.

mod limits;
mod meaning;
mod sets;
mod timeout;

use std::time::Duration;

use harness::prelude::*;

/// The time-out of a select that only looks.
const NOW: Option<Duration> = Some(Duration::ZERO);

/// These numbers, to be watched for reading.
fn reading(read: &[i32]) -> Sets {
    Sets { read: read.to_vec(), ..Sets::default() }
}
