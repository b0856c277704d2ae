//! Bugs at the end: of a client, of a connection, of the server.

use super::{Fault, Mutant, mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "close.hurries",
        "A connection is closed behind its last reply, whatever has come in the meantime.",
        ("single_reactor", Fault::HurriesToClose),
        &["server.close.no_reset_with_unread"],
    ),
    mutant(
        "halfclose.drops_replies",
        "A client that half-closes while its reply is under way is taken for gone.",
        ("multi_reactor", Fault::DropsRepliesAtAHalfClose),
        &["server.halfclose.reply_delivered"],
    ),
    mutant(
        "halfclose.keeps_connections",
        "The connection is kept open behind the last reply, where a client's end is the only word.",
        ("echo", Fault::KeepsConnections),
        &["server.halfclose.end_of_request"],
    )
    .also(&[
        ("server.accept.data_*", "the end of a client is the end of its connection"),
        ("server.leak.*", "the end of a client is the end of its connection"),
        ("server.shutdown.queued_resolved", "a stop ends connections in the same way"),
    ]),
    mutant(
        "halfclose.watches_an_end",
        "The end of a client to whom is written is asked for as a level, and never handled.",
        ("single_reactor", Fault::WatchesAnEnd),
        &["server.halfclose.no_spin"],
    ),
    mutant(
        "halfclose.takes_the_end_for_nothing",
        "A read that returns 0 is taken for one that finds nothing.",
        ("single_reactor", Fault::TakesTheEndForNothing),
        &["server.halfclose.unfinished_no_spin"],
    )
    .also(&[
        ("server.accept.data_*", "connections are kept for good"),
        ("server.accept.reset_before_accept", "it spins on those whose clients have gone"),
        ("server.leak.*", "connections are kept for good"),
        ("server.halfclose.no_spin", "it spins on those whose clients have gone"),
    ]),
    mutant(
        "hup.takes_a_report_for_the_last_word",
        "A client whose end is reported is closed with what it has sent before.",
        ("multi_reactor", Fault::TakesAHangUpForTheLastWord),
        &["server.hup.body_before_eof", "server.accept.data_and_end_already_queued"],
    )
    .also(&[(
        "server.halfclose.reply_delivered",
        "its end is reported while the reply is under way",
    )]),
    mutant(
        "hup.store_takes_a_report_for_the_last_word",
        "A client whose end is reported is closed with the values that it has sent before.",
        ("store", Fault::TakesAHangUpForTheLastWord),
        &["server.hup.data_before_eof"],
    )
    .also(&[
        ("server.halfclose.reply_delivered", "its end is reported while the reply is under way"),
        ("server.hup.body_before_eof", "its end is there with its request"),
        ("server.accept.data_and_end_already_queued", "its end is there with its request"),
    ]),
    mutant(
        "hup.forgets_an_end",
        "A short read ends a turn although the end was reported, which is reported once.",
        ("multi_reactor", Fault::ForgetsAnEnd),
        &["server.accept.data_and_end_already_queued"],
    )
    .also(&[(
        "server.leak.*",
        "connections are kept whose end was reported with their last bytes",
    )]),
    mutant(
        "leak.at_a_reset",
        "A read that fails is taken for one that finds nothing, and the connection is kept.",
        ("multi_reactor", Fault::LeaksAtAReset),
        &["server.leak.fd_returns_to_baseline", "server.accept.reset_before_accept"],
    ),
    mutant(
        "write.dies_of_a_broken_pipe",
        "SIGPIPE ends the process.",
        ("single_reactor", Fault::DiesOfABrokenPipe),
        &["server.write.peer_gone_survives"],
    ),
    mutant(
        "shutdown.stops_deaf",
        "At a stop nothing more is accepted, and the listener stays open.",
        ("single_reactor", Fault::StopsDeaf),
        &["server.shutdown.refuses_promptly"],
    ),
    mutant(
        "shutdown.cuts_replies",
        "A stop ends the server in the middle of its replies.",
        ("single_reactor", Fault::CutsReplies),
        &["server.shutdown.reply_finishes"],
    ),
    mutant(
        "shutdown.outstays",
        "A server that stops, and has nothing left to do, waits for its time to be over.",
        ("single_reactor", Fault::OutstaysItsStop),
        &["server.shutdown.reply_finishes"],
    ),
    mutant(
        "shutdown.sleeps",
        "A server that stops sleeps for as long as its clients may take, and serves none of them.",
        ("single_reactor", Fault::SleepsThroughItsStop),
        &["server.shutdown.queued_resolved"],
    )
    .also(&[("server.shutdown.*", "nobody is served or refused while it sleeps")]),
];
