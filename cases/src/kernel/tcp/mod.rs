//! A TCP connection from one end: what its queues hold, when it is ready, what it may hold back,
//! how its directions end, and the options by which a program asks for something else.

mod attributes;
mod coalesce;
mod linger;
mod options;
mod peek;
mod queues;
mod readiness;
mod refusals;
mod sendfile;
mod shutdown;
mod sizes;
mod stall;
mod timeouts;
mod urgent;
mod zerocopy;
