//! What is known of cases where their power is measured (`ioconform mutants`), by globs of ids.

/// Cases that no rewriting of their own calls can make fail, and why.
pub const UNPROVEN: &[(&str, &str)] = &[
    (
        "cost.epoll.a_registration_is_found_in_a_tree",
        "what it checks is a time, and the stops of a tracer cost as much with few registrations as with many",
    ),
    (
        "cost.folklore.select_looks_at_every_number",
        "what it checks is a time, of which the stops of a tracer are the greater part",
    ),
    (
        "cost.poll.does_not_pay_for_numbers",
        "what it checks is a time, and the stops of a tracer cost the same with every number",
    ),
    (
        "cost.wakeup.the_writer_pays_for_each_sleeper",
        "what it checks is the time of a write, which no rewriting makes the same for few sleepers and for many",
    ),
    (
        "aio.folklore.posix_aio_needs_no_thread",
        "the thread is the C library's, which has no other way to read in the background",
    ),
    (
        "herd.readers.of_a_stream",
        "each of its threads sleeps within one call, and whom a wakeup reaches there is not to be rewritten",
    ),
    (
        "udp.drops.send_waits_for_the_receiver",
        "what it finds out is whether a send sleeps, and none can be made to",
    ),
];

/// Cases that end otherwise under a tracer, and why.
pub const UNTRACEABLE: &[(&str, &str)] = &[
    (
        "blocking.threads.messages_mix",
        "while a traced thread waits for its tracer between a read and a send, the other takes the room",
    ),
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
