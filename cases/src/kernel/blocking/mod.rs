//! What a blocking call does while it cannot go on: it sleeps in the kernel, uses no CPU time,
//! and returns once somebody else has made it possible.

mod accept;
mod connect;
mod empty;
mod phases;
mod read;
mod threads;
mod write;
