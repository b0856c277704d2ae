//! Bugs between the listener and the worker that serves.

use super::{Fault, Mutant, mutant};

/// Why a reload may be noticed that cuts off who waits.
const AT_THAT_MOMENT: &str = "a client may come to the old listener just then";
/// Why several cases catch one mutant.
const TOGETHER: &str = "several clients ask at once, and their replies ring together";

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "accept.favours_one_worker",
        "Every connection is handed to the first worker.",
        ("multi_reactor", Fault::FavoursOneWorker),
        &["server.accept.balance"],
    )
    .also(&[(
        "server.model.*",
        "a worker that computes keeps all clients waiting that are put there: all",
    )]),
    mutant(
        "accept.wakes_every_worker",
        "A connection wakes every worker, and one of them takes it.",
        ("prefork_exclusive", Fault::WakesEverybody),
        &["server.accept.wakeups_per_connection"],
    ),
    mutant(
        "accept.spins_without_descriptors",
        "The listener is watched on when descriptors have run out, and reported without rest.",
        ("single_reactor", Fault::SpinsWithoutDescriptors),
        &["server.accept.emfile_no_spin"],
    ),
    mutant(
        "accept.gives_up_listening",
        "A listener that rests because descriptors have run out is never watched again.",
        ("single_reactor", Fault::GivesUpListening),
        &["server.accept.emfile_recovers"],
    ),
    mutant(
        "accept.stays_full",
        "A server that was full does not notice that clients have left.",
        ("limited", Fault::StaysFull),
        &["server.accept.limit_recovers"],
    )
    .also(&[
        ("server.accept.emfile_recovers", "without descriptors it rests as when it is full"),
        ("server.backlog.*", "a full queue fills it"),
        ("server.model.burst_served", "a burst fills it"),
        ("server.idle.*", "32 clients fill it"),
        ("server.shutdown.queued_resolved", "17 clients fill it"),
    ]),
    mutant(
        "accept.takes_one_an_edge",
        "The listener is watched for edges, and each is spent on one accept.",
        ("single_reactor", Fault::TakesOneAnEdge),
        &["server.accept.data_already_queued", "server.backlog.overflow_recovers"],
    )
    .also(&[(
        "server.*",
        "two clients may come before it is awake, and the second waits for a third",
    )]),
    mutant(
        "start.misses_what_was_there",
        "Connections that came before the listener was watched wait for one that comes later.",
        ("signal_driven", Fault::MissesItsStart),
        &["server.start.accepts_once_listening"],
    )
    .also(&[("server.*", "the first client of a case is the first one after a start")]),
    mutant(
        "base.registers_nobody",
        "Connections are accepted, and registered nowhere.",
        ("single_reactor", Fault::RegistersNobody),
        &["server.base.round_trip"],
    )
    .also(&[("server.*", "nobody is served")]),
    mutant(
        "wakeup.takes_one_a_ring",
        "A bell that rang several times is answered with one look into the mailbox.",
        ("half_sync_half_async", Fault::TakesOneARing),
        &["server.wakeup.request_soak"],
    )
    .also(&[
        ("server.accept.data_*", TOGETHER),
        ("server.backlog.*", TOGETHER),
        ("server.churn.*", TOGETHER),
        ("server.model.*", TOGETHER),
        ("server.shutdown.*", TOGETHER),
        ("server.slow.*", TOGETHER),
        ("server.wakeup.*", TOGETHER),
    ]),
    mutant(
        "wakeup.stays_with_a_favourite",
        "A client that has asked twice is waited for, while others have asked.",
        ("single_reactor", Fault::StaysWithAFavourite),
        &["server.wakeup.first_byte_while_busy"],
    )
    .also(&[
        ("server.wakeup.request_soak", "each of its clients asks often"),
        ("server.accept.emfile_recovers", "each of its clients asks twice"),
    ]),
    mutant(
        "idle.never_sleeps",
        "The time-out of the wait is always 0.",
        ("single_reactor", Fault::NeverSleeps),
        &["server.idle.quiet"],
    ),
    mutant(
        "idle.wakes_for_nothing",
        "A timer is due every 2 ms, and there is nothing to do.",
        ("single_reactor", Fault::WakesForNothing),
        &["server.idle.few_wakeups"],
    ),
    mutant(
        "reload.keeps_old_listeners",
        "A reload opens a further listener at the address, and the old one, from which nobody \
         accepts any more, stays open.",
        ("reloading", Fault::KeepsOldListeners),
        &["server.reload.no_black_hole"],
    )
    .also(&[("server.reload.no_fd_leak", "the old listeners are descriptors")]),
    mutant(
        "reload.shuts_old_listeners",
        "A reload opens a new listener, and shuts the old one down with what waits in it.",
        ("reloading", Fault::ShutsOldListeners),
        &["server.reload.queued_survive"],
    )
    .also(&[
        ("server.reload.no_black_hole", AT_THAT_MOMENT),
        ("server.reload.no_fd_leak", AT_THAT_MOMENT),
    ]),
    mutant(
        "reload.leaks_a_descriptor",
        "Each reload leaves a pipe behind.",
        ("reloading", Fault::LeaksAtReload),
        &["server.reload.no_fd_leak"],
    ),
];
