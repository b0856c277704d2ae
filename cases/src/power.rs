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
];

/// Cases that end otherwise under a tracer, and why.
pub const UNTRACEABLE: &[(&str, &str)] = &[
    ("cost.*", "what it checks is a time, of which the stops of a tracer are the greater part"),
    (
        "epoll.sharing.table_survives_exec",
        "the case traces a child of its own, and a process has one tracer at most",
    ),
    (
        "models.waiting.nonblocking_spin_never_sleeps",
        "a server that spins is stopped in each of its calls, and cannot use up its CPU",
    ),
];
