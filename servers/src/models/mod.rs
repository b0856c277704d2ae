//! The table of models: a file each.

mod blocking_acceptors;
mod half_sync_half_async;
mod half_sync_half_reactor;
mod io_uring;
mod multi_reactor;
mod prefork_epoll;
mod reactor_pool;
mod reuseport;
mod single_reactor;
mod thread_per_connection;

use std::io;

use crate::Settings;
use crate::socket::Listener;

/// What a model multiplies by `--workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// Nothing: the model itself says how many there are.
    Single,
    /// Threads.
    Threads,
    /// Processes.
    Processes,
}

/// One way to arrange a server's threads and its waiting.
#[derive(Debug)]
pub struct Model {
    /// The name of its file.
    pub name: &'static str,
    /// What it is, in a line.
    pub sentence: &'static str,
    /// What there are `--workers` of.
    pub workers: Workers,
    /// Every worker has a listener of its own, which takes `SO_REUSEPORT`.
    pub own_listeners: bool,
    pub(crate) serve: fn(Listener, Settings) -> io::Result<()>,
}

/// Every model, by name.
pub static MODELS: &[Model] = &[
    Model {
        name: "blocking_acceptors",
        sentence: "threads that each sleep in accept on one listener, then in their connection",
        workers: Workers::Threads,
        own_listeners: false,
        serve: blocking_acceptors::serve,
    },
    Model {
        name: "half_sync_half_async",
        sentence: "one thread reads and writes, threads process the requests it queues",
        workers: Workers::Threads,
        own_listeners: false,
        serve: half_sync_half_async::serve,
    },
    Model {
        name: "half_sync_half_reactor",
        sentence: "one thread waits, threads take a connection each until its request is answered",
        workers: Workers::Threads,
        own_listeners: false,
        serve: half_sync_half_reactor::serve,
    },
    Model {
        name: "io_uring",
        sentence: "threads with a ring each: multishot accept and receive, no readiness",
        workers: Workers::Threads,
        own_listeners: false,
        serve: io_uring::serve,
    },
    Model {
        name: "multi_reactor",
        sentence: "one thread accepts, threads with an epoll each get the connections in turn",
        workers: Workers::Threads,
        own_listeners: false,
        serve: multi_reactor::serve,
    },
    Model {
        name: "prefork_epoll",
        sentence: "forked processes that each watch one listener in an epoll of their own",
        workers: Workers::Processes,
        own_listeners: false,
        serve: prefork_epoll::serve,
    },
    Model {
        name: "reactor_pool",
        sentence: "one thread waits, a pool of threads takes its events (EPOLLONESHOT)",
        workers: Workers::Threads,
        own_listeners: false,
        serve: reactor_pool::serve,
    },
    Model {
        name: "reuseport",
        sentence: "threads with a listener and an epoll each, at one address",
        workers: Workers::Threads,
        own_listeners: true,
        serve: reuseport::serve,
    },
    Model {
        name: "single_reactor",
        sentence: "one thread with one epoll for the listener and all connections",
        workers: Workers::Single,
        own_listeners: false,
        serve: single_reactor::serve,
    },
    Model {
        name: "thread_per_connection",
        sentence: "one thread accepts and starts a thread for each connection",
        workers: Workers::Single,
        own_listeners: false,
        serve: thread_per_connection::serve,
    },
];
