//! Bugs between a request and its reply.

use super::{Fault, Mutant, mutant};

/// Why several cases catch one mutant.
const BIG: &str = "its reply is a big one";
const STOPS: &str = "it stops the server, and lets it go on";

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
    )
    .also(&[
        ("server.base.payload", BIG),
        ("server.hup.body_before_eof", BIG),
        ("server.close.*", BIG),
        ("server.halfclose.reply_delivered", BIG),
        ("server.shutdown.reply_finishes", BIG),
        ("server.slow.reader_isolated", BIG),
    ]),
    mutant(
        "base.overwrites_bodies",
        "Each read of a body takes the place of the one before.",
        ("single_reactor", Fault::OverwritesBodies),
        &["server.base.payload"],
    )
    .also(&[
        ("server.hup.body_before_eof", "its bodies are longer than one read"),
        ("server.partial.every_split", "a body may be cut, too"),
    ]),
    mutant(
        "base.gives_up_long_work",
        "A request that takes longer than 15 ms gets an error.",
        ("half_sync_half_async", Fault::GivesUpLongWork),
        &["server.base.slow_request"],
    )
    .also(&[("server.model.slow_*", "its long work is over at once")]),
    mutant(
        "trigger.reads_once",
        "A report that comes once, for an edge, is answered with one read.",
        ("multi_reactor", Fault::ReadsOnce),
        &["server.base.payload"],
    )
    .also(&[
        ("server.hup.body_before_eof", "its bodies are longer than one read"),
        ("server.accept.data_and_end_already_queued", "the end is behind what the one read brings"),
        ("server.leak.*", "the end is behind what the one read brings"),
    ]),
    mutant(
        "trigger.forgets_to_rearm",
        "A one-shot registration is not armed again behind a reply.",
        ("reactor_pool", Fault::ForgetsToRearm),
        &["server.base.second_request"],
    )
    .also(&[
        ("server.accept.data_*", "the end of a client is not noticed either"),
        ("server.accept.emfile_recovers", "each of its clients asks twice"),
        ("server.leak.*", "the end of a client is not noticed either"),
        ("server.wakeup.*", "each of its clients asks often"),
    ]),
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
    )
    .also(&[
        ("server.pipeline.all_answered", "a reply that comes late goes to a later client"),
        ("server.wakeup.*", "several clients ask at once"),
    ]),
    mutant(
        "model.drops_when_full",
        "A queue that is full drops what comes, and tells nobody.",
        ("half_sync_half_async", Fault::DropsWhenFull),
        &["server.model.burst_served"],
    )
    .also(&[("server.model.slow_request_stalls_nobody", "64 clients ask at once")]),
    mutant(
        "model.locks_all",
        "All requests are processed under one lock.",
        ("thread_per_connection", Fault::LocksAll),
        &["server.model.slow_request_stalls_not_all"],
    )
    .also(&[("server.model.slow_request_stalls_nobody", "who stalls all stalls somebody")]),
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
    )
    .also(&[
        ("server.accept.data_*", STOPS),
        ("server.accept.reset_before_accept", STOPS),
        ("server.backlog.*", STOPS),
        ("server.hup.*", STOPS),
        ("server.model.burst_served", STOPS),
        ("server.shutdown.queued_resolved", STOPS),
    ]),
    mutant(
        "slow.waits_for_readers",
        "A client that does not read its reply is waited for, whoever else is there.",
        ("single_reactor", Fault::WaitsForReaders),
        &["server.slow.reader_isolated"],
    )
    .also(&[("server.shutdown.*", "others come while a reply is under way")]),
    mutant(
        "slow.waits_for_senders",
        "A client that has sent a part of a request is waited for, whoever else is there.",
        ("single_reactor", Fault::WaitsForSenders),
        &["server.slow.sender_isolated"],
    ),
];
