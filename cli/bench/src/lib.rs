//! Servers measured side by side.
//!
//! A machine is never the same for long: a figure that stands alone says as much about the minute
//! in which it was taken as about the server. So servers are measured in turn, A B C A B C, and
//! compared round by round: what slows the machine down slows down all of a round, and drops out
//! of their ratio. The ratios of all rounds together give an interval ([`statistics`]), and only
//! an interval that leaves out 1 says that two servers differ.
//!
//! Each measurement of a round ([`round`]) is a trial of its own: a fresh server and its clients,
//! in a network and a pid namespace that end with them. The first round warms up the machine and
//! finds out what the servers can do; it is not counted ([`plan`]). A measurement in which
//! anything failed is no measurement: it is reported, and is in no figure.

pub mod claim;
pub mod metric;
pub mod plan;
pub mod report;
pub mod round;
pub mod statistics;
pub mod svg;
pub mod table;
