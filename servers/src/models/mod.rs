//! The table of models: a file each.

mod blocking_acceptors;
mod blocking_acceptors_forked;
mod half_sync_half_async;
mod half_sync_half_reactor;
mod io_uring;
mod multi_reactor;
mod nonblocking_spin;
pub(crate) mod poll_loop;
mod prefork_accept_mutex;
mod prefork_epoll;
mod prefork_exclusive;
mod prefork_shared_epoll;
mod reactor_pool;
mod reuseport;
mod reuseport_forked;
mod select_loop;
mod signal_driven;
pub(crate) mod single_reactor;
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
        name: "blocking_acceptors_forked",
        sentence: "forked processes that each sleep in accept on one listener, then in their connection",
        workers: Workers::Processes,
        own_listeners: false,
        serve: blocking_acceptors_forked::serve,
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
        sentence: "one thread waits, threads read or write the descriptors that it queues",
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
        name: "nonblocking_spin",
        sentence: "one thread that asks everybody all the time and never sleeps",
        workers: Workers::Single,
        own_listeners: false,
        serve: nonblocking_spin::serve,
    },
    Model {
        name: "poll_loop",
        sentence: "one thread that waits for everything in poll",
        workers: Workers::Single,
        own_listeners: false,
        serve: poll_loop::serve,
    },
    Model {
        name: "prefork_accept_mutex",
        sentence: "forked processes with an epoll each, where who holds a lock watches the listener",
        workers: Workers::Processes,
        own_listeners: false,
        serve: prefork_accept_mutex::serve,
    },
    Model {
        name: "prefork_epoll",
        sentence: "forked processes that each watch one listener in an epoll of their own",
        workers: Workers::Processes,
        own_listeners: false,
        serve: prefork_epoll::serve,
    },
    Model {
        name: "prefork_exclusive",
        sentence: "forked processes that watch one listener with EPOLLEXCLUSIVE in an epoll of their own",
        workers: Workers::Processes,
        own_listeners: false,
        serve: prefork_exclusive::serve,
    },
    Model {
        name: "prefork_shared_epoll",
        sentence: "forked processes that all sleep in one epoll with the listener, then in their connection",
        workers: Workers::Processes,
        own_listeners: false,
        serve: prefork_shared_epoll::serve,
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
        name: "reuseport_forked",
        sentence: "forked processes with a listener and an epoll each, at one address",
        workers: Workers::Processes,
        own_listeners: true,
        serve: reuseport_forked::serve,
    },
    Model {
        name: "select_loop",
        sentence: "one thread that waits for everything in select",
        workers: Workers::Single,
        own_listeners: false,
        serve: select_loop::serve,
    },
    Model {
        name: "signal_driven",
        sentence: "one thread that waits for a real-time signal of the descriptor that is ready",
        workers: Workers::Single,
        own_listeners: false,
        serve: signal_driven::serve,
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
