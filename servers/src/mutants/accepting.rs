//! Bugs between the listener and the worker that serves.

use super::{Fault, Mutant, mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "accept.favours_one_worker",
        "Every connection is handed to the first worker.",
        ("multi_reactor", Fault::FavoursOneWorker),
        &["server.accept.balance"],
    ),
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
    ),
    mutant(
        "accept.takes_one_an_edge",
        "The listener is watched for edges, and each is spent on one accept.",
        ("single_reactor", Fault::TakesOneAnEdge),
        &["server.accept.data_already_queued", "server.backlog.overflow_recovers"],
    ),
    mutant(
        "start.misses_what_was_there",
        "Connections that came before the listener was watched wait for one that comes later.",
        ("signal_driven", Fault::MissesItsStart),
        &["server.start.accepts_once_listening"],
    ),
    mutant(
        "base.registers_nobody",
        "Connections are accepted, and registered nowhere.",
        ("single_reactor", Fault::RegistersNobody),
        &["server.base.round_trip"],
    ),
    mutant(
        "wakeup.takes_one_a_ring",
        "A bell that rang several times is answered with one look into the mailbox.",
        ("half_sync_half_async", Fault::TakesOneARing),
        &["server.wakeup.request_soak"],
    ),
    mutant(
        "wakeup.stays_with_a_favourite",
        "A client that asks often is waited for, while others have asked.",
        ("single_reactor", Fault::StaysWithAFavourite),
        &["server.wakeup.first_byte_while_busy"],
    ),
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
    ),
    mutant(
        "reload.shuts_old_listeners",
        "A reload opens a new listener, and shuts the old one down with what waits in it.",
        ("reloading", Fault::ShutsOldListeners),
        &["server.reload.queued_survive"],
    ),
    mutant(
        "reload.leaks_a_descriptor",
        "Each reload leaves a copy of the listener behind.",
        ("reloading", Fault::LeaksAtReload),
        &["server.reload.no_fd_leak"],
    ),
];
