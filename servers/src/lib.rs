//! Minimal reference servers, one file per model of arranging threads and their waiting.
//!
//! Each file of [`models`] is a complete HTTP/1.1 server, short enough to be read in one sitting:
//! it shows who waits where, and who hands what to whom. What all of them share stands beside:
//! the protocol without input or output (`http`), one connection on a nonblocking socket
//! (`connection`) or a blocking one (`blocking`), what a loop owns that waits in epoll (`reactor`)
//! or elsewhere (`roster`), worker threads and processes (`threads`, `processes`), and the request
//! to stop (`stop`). [`mutants`] are the same servers with one bug each.
//!
//! The resources: `GET /`, `POST /echo` (the body back, with its digest), `GET /bytes/N`, and
//! `GET /work/MICROS`, which computes so long before it answers. `Server-Thread: PID/TID` in a
//! reply names the thread that processed the request.

mod blocking;
mod connection;
mod entry;
mod http;
pub mod load;
mod mailbox;
pub mod models;
pub mod mutants;
mod pool;
mod processes;
mod queue;
mod reactor;
mod roster;
mod socket;
mod stop;
#[allow(unsafe_code, reason = "the only module that may talk to the kernel without a safe wrapper")]
mod sys;
mod threads;

use std::io;
use std::num::NonZeroU16;
use std::time::Duration;

use connection::Limits;
pub use entry::{Arguments, VARIABLE, entry, run};
pub use models::{MODELS, Model, Workers};
pub use socket::{Address, Listener};

/// What a server is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Where to listen: ADDRESS:PORT, or the path of an AF_UNIX socket
    #[arg(long, value_name = "ADDRESS|PATH", default_value = "127.0.0.1:0")]
    pub listen: Address,

    /// Threads or processes, 1 to 1024 [default: the number of CPUs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// What a client may take to send a whole request
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub request_timeout: NonZeroU16,

    /// What a client may idle between requests, or while output waits for it
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub idle_timeout: NonZeroU16,
}

impl Options {
    /// How many workers `model` gets.
    pub fn workers(&self, model: &Model) -> usize {
        let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        match model.workers {
            Workers::Single => 1,
            _ => self.workers.map_or_else(cpus, usize::from),
        }
    }
}

/// The options, as a model takes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) limits: Limits,
}

/// The model of that name.
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}

/// Binds the listener that `model` needs: with `SO_REUSEPORT` where its workers have a listener
/// each. Fails like `bind(2)`.
pub fn bind(model: &Model, options: &Options) -> io::Result<Listener> {
    if model.own_listeners && matches!(options.listen, Address::Unix(_)) {
        return Err(socket::no_reuseport());
    }
    Listener::bind(&options.listen, model.own_listeners)
}

/// Serves connections from `listener`, which listens already, until SIGTERM or SIGINT. Then it
/// serves what is in the accept queue, refuses what comes later, finishes what clients have begun,
/// and returns: after ten seconds at the latest, with threads that still run left behind.
///
/// It blocks both signals on the calling thread, and expects that no other thread of the process
/// takes them. Models with processes fork: the process should have no other threads at all. Fails
/// if the server cannot start, or cannot go on.
pub fn serve(model: &Model, mut listener: Listener, options: &Options) -> io::Result<()> {
    listener.own();
    let seconds = |seconds: NonZeroU16| Duration::from_secs(seconds.get().into());
    let settings = Settings {
        workers: options.workers(model),
        limits: Limits {
            request: seconds(options.request_timeout),
            idle: seconds(options.idle_timeout),
        },
    };
    (model.serve)(listener, settings)
}
