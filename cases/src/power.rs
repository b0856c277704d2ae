//! What is known of cases where their power is measured (`ioconform mutants`), by globs of ids.

/// Cases that no rewriting of their own calls can make fail, and why.
pub const UNPROVEN: &[(&str, &str)] = &[];

/// Cases that end otherwise under a tracer, and why.
pub const UNTRACEABLE: &[(&str, &str)] = &[
    ("cost.epoll", DEAR),
    ("cost.few", DEAR),
    ("cost.folklore", DEAR),
    ("cost.poll", DEAR),
    ("cost.select", DEAR),
    ("cost.wakeup", DEAR),
    (
        "epoll.sharing.table_survives_exec",
        "it traces a process itself, and a thread has one tracer",
    ),
    (
        "models.waiting.nonblocking_spin_never_sleeps",
        "a traced thread waits for its tracer at every call, and never wants a whole CPU",
    ),
];

/// A traced call is stopped twice.
const DEAR: &str = "it compares what calls cost, and a traced one costs many times as much";
