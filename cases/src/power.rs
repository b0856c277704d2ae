//! What is known of cases where their power is measured (`ioconform mutants`), by globs of ids.

/// Cases that no rewriting of their own calls can make fail, and why.
pub const UNPROVEN: &[(&str, &str)] = &[
    (
        "aio.folklore.posix_aio_needs_no_thread",
        "the thread is the C library's, which has no other way to read in the background",
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

#[cfg(test)]
mod tests {
    use super::*;
    use harness::power::{Reasons, reason_for};

    #[test]
    fn what_is_known_beforehand_is_known_of_some_case() {
        let cases = crate::catalogue();
        for known in UNPROVEN.iter().chain(UNTRACEABLE) {
            let reasons: &Reasons = &[*known];
            assert!(cases.iter().any(|case| reason_for(reasons, case).is_some()), "{}", known.0);
        }
    }

    /// `ioconform mutants -o docs/power.md` writes it.
    #[test]
    fn the_page_has_every_mutant_and_leaves_nothing_unexplained() {
        let page = include_str!("../../docs/power.md");
        let kernels = harness::mutant::all().map(|mutant| mutant.id);
        let servers = servers::mutants::all().map(|mutant| mutant.id);
        for id in kernels.chain(servers) {
            assert!(page.contains(&format!("\n| {id} | ")), "{id}");
        }
        assert!(!page.contains("**no reason is known**"));
    }
}
