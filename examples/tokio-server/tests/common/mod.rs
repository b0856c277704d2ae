//! The server as ioconform starts it.

use ioconform::{Http, Target};

/// The server with four workers, and where it has what cases wish for.
pub(crate) fn server() -> Target {
    Target::bin(env!("CARGO_BIN_EXE_tokio-server"), ["{addr}"])
        .dialect(Http::default().big("/big").echo("/echo").work("/slow/{micros}"))
        .env("TOKIO_WORKER_THREADS", "{workers}")
        .workers(4)
}
