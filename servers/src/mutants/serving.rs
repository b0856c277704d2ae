//! Bugs between a request and its reply.

use super::{Fault, Mutant, mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "base.ends_behind_each_reply",
        "A connection ends behind its first reply.",
        ("single_reactor", Fault::EndsBehindEachReply),
        &["server.base.second_request"],
    ),
    mutant(
        "base.takes_a_part_for_the_whole",
        "What send did not take of a reply is dropped.",
        ("single_reactor", Fault::TakesAPartForTheWhole),
        &["server.base.big_reply"],
    ),
    mutant(
        "base.overwrites_bodies",
        "Each read of a body takes the place of the one before.",
        ("single_reactor", Fault::OverwritesBodies),
        &["server.base.payload"],
    ),
    mutant(
        "base.gives_up_long_work",
        "A request that takes longer than 15 ms gets an error.",
        ("half_sync_half_async", Fault::GivesUpLongWork),
        &["server.base.slow_request"],
    ),
    mutant(
        "trigger.reads_once",
        "A report that comes once, for an edge, is answered with one read.",
        ("multi_reactor", Fault::ReadsOnce),
        &["server.base.payload"],
    )
    .also(&[("server.hup.body_before_eof", "its bodies are longer than one read")]),
    mutant(
        "trigger.forgets_to_rearm",
        "A one-shot registration is not armed again behind a reply.",
        ("reactor_pool", Fault::ForgetsToRearm),
        &["server.base.second_request"],
    ),
    mutant(
        "partial.takes_the_first_read_for_the_head",
        "A head that comes in two pieces is refused.",
        ("single_reactor", Fault::TakesTheFirstReadForTheHead),
        &["server.partial.every_split"],
    ),
    mutant(
        "pipeline.drops_requests",
        "Requests that came together with one that is answered are dropped.",
        ("single_reactor", Fault::DropsPipelinedRequests),
        &["server.pipeline.all_answered"],
    ),
    mutant(
        "churn.answers_the_newest",
        "A reply goes to the connection that came last of those that wait for one.",
        ("half_sync_half_async", Fault::AnswersTheNewest),
        &["server.churn.fd_reuse"],
    ),
    mutant(
        "model.drops_when_full",
        "A queue that is full drops what comes, and tells nobody.",
        ("half_sync_half_async", Fault::DropsWhenFull),
        &["server.model.burst_served"],
    ),
    mutant(
        "model.locks_all",
        "All requests are processed under one lock.",
        ("thread_per_connection", Fault::LocksAll),
        &["server.model.slow_request_stalls_not_all"],
    ),
    mutant(
        "model.locks_some",
        "Requests are processed under one of four locks.",
        ("thread_per_connection", Fault::LocksSome),
        &["server.model.slow_request_stalls_nobody"],
    ),
    mutant(
        "model.dies_of_an_interruption",
        "A wait that SIGCONT interrupts (EINTR) ends the server.",
        ("single_reactor", Fault::DiesOfAnInterruption),
        &["server.model.reply_proves_receipt"],
    ),
    mutant(
        "slow.waits_for_readers",
        "A client that does not read its reply is waited for, whoever else is there.",
        ("single_reactor", Fault::WaitsForReaders),
        &["server.slow.reader_isolated"],
    ),
    mutant(
        "slow.waits_for_senders",
        "A client that has sent a part of a request is waited for, whoever else is there.",
        ("single_reactor", Fault::WaitsForSenders),
        &["server.slow.sender_isolated"],
    ),
];
