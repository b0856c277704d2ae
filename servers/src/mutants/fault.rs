//! The bug of a mutant, as a switch: asked at the one place where the correct code does the right
//! thing.

use std::sync::OnceLock;

use crate::sys;

/// What a mutant does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Replies to the connection that came last of those that wait for a reply.
    AnswersTheNewest,
    /// Ends the server's work at a stop, whatever is under way.
    CutsReplies,
    /// Leaves `SIGPIPE` its usual end, and sends without `MSG_NOSIGNAL`.
    DiesOfABrokenPipe,
    /// Takes `EINTR` for a failure.
    DiesOfAnInterruption,
    /// Takes a client for gone that has half-closed while its reply is under way.
    DropsRepliesAtAHalfClose,
    /// Forgets the requests behind the one that it answers.
    DropsPipelinedRequests,
    /// Drops what a full queue cannot take.
    DropsWhenFull,
    /// Ends the connection behind each reply.
    EndsBehindEachReply,
    /// Hands every connection to the first worker.
    FavoursOneWorker,
    /// Does not remember that the end of a connection was reported.
    ForgetsAnEnd,
    /// Does not arm a connection again behind a reply.
    ForgetsToRearm,
    /// Has no answer to a request that takes long.
    GivesUpLongWork,
    /// Never watches a listener again that had to rest.
    GivesUpListening,
    /// Closes without a lingering close.
    HurriesToClose,
    /// Keeps the connection open behind the last reply.
    KeepsConnections,
    /// Opens a listener for each generation, and keeps the old ones.
    KeepsOldListeners,
    /// Opens a pipe for each generation, and keeps it.
    LeaksAtReload,
    /// Takes a failed read for an empty one.
    LeaksAtAReset,
    /// Processes requests one at a time, whoever does it.
    LocksAll,
    /// Has four locks for all of its threads.
    LocksSome,
    /// Asks for no signal of what was there before.
    MissesItsStart,
    /// Waits with no time to wait.
    NeverSleeps,
    /// Ends a stop when its time is over, and not before.
    OutstaysItsStop,
    /// Keeps of a body what the last read brought.
    OverwritesBodies,
    /// Reads once for a report that comes once.
    ReadsOnce,
    /// Accepts connections, and registers them nowhere.
    RegistersNobody,
    /// Shuts the old listener down at a reload, with what waits in it.
    ShutsOldListeners,
    /// Sleeps for as long as a stop may take.
    SleepsThroughItsStop,
    /// Goes on watching a listener that has no descriptors.
    SpinsWithoutDescriptors,
    /// Waits for the next request of a client that has asked twice.
    StaysWithAFavourite,
    /// Rests for good once it was full.
    StaysFull,
    /// Leaves its listener open at a stop, and accepts no more.
    StopsDeaf,
    /// Takes the report of an end for the end of what there is to read.
    TakesAHangUpForTheLastWord,
    /// Takes a part of an output for the whole.
    TakesAPartForTheWhole,
    /// Takes the end of input for an empty socket.
    TakesTheEndForNothing,
    /// Takes what the first read brings for the whole head.
    TakesTheFirstReadForTheHead,
    /// Accepts one connection for each edge of the listener.
    TakesOneAnEdge,
    /// Takes one item out of its mailbox each time that it rings.
    TakesOneARing,
    /// Waits in the middle of a reply until its reader goes on.
    WaitsForReaders,
    /// Waits in the middle of a request until its sender goes on.
    WaitsForSenders,
    /// Has a timer for nothing.
    WakesForNothing,
    /// Does not ask to be woken alone.
    WakesEverybody,
    /// Asks for the end of a client that it writes to, as a level.
    WatchesAnEnd,
}

/// The bug of this process. It is planted before the server starts, and its workers inherit it.
static PLANTED: OnceLock<Fault> = OnceLock::new();

/// Makes this process a mutant.
pub(crate) fn plant(fault: Fault) {
    if fault == Fault::DiesOfABrokenPipe {
        sys::die_of_broken_pipes();
    }
    // A process serves once.
    let _ = PLANTED.set(fault);
}

/// Whether this process is a mutant with this bug.
pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(&fault)
}
