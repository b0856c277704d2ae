//! Starting. From `listen` on, the kernel completes connections, whether or not the server has come
//! so far as to accept them: a client that finds the port open is right to expect an answer. Whoever
//! registers the listener too late, or loses the first event, starts a server that is deaf.

use std::time::Duration;

use harness::prelude::*;

/// How long the case starts servers at most.
const ENOUGH: Duration = Duration::from_secs(2);

/// The first client that connects once the server listens is served, at each of many starts.
#[case(incident = ["haproxy ebc78d78a"], strength = Must)]
fn accepts_once_listening(t: &mut Trial) -> Result {
    // Two at once would share a folder, and what some servers keep there for one alone.
    let mut first = t.server()?;
    let target = first.target().clone();
    first.kill(t)?;
    let end = t.time_left().saturating_sub(ENOUGH);
    let mut starts = 0_u32;
    while starts < 50 && t.time_left() > end {
        let mut server = t.listening(target.clone())?;
        let reply = server.connect(t)?.ask(t, &server.small()?)?;
        check!(t, reply == Reply::Whole, "the first client after a start is served");
        server.kill(t)?;
        starts += 1;
    }
    t.measure("starts", starts.into())
}
