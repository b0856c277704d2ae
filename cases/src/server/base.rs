//! The plainest thing that a server does. Every other case rests on it.

use harness::prelude::*;

/// A request gets its reply.
#[case(incident = ["the gate of all other cases"], strength = Must)]
fn round_trip(t: &mut Trial) -> Result {
    let server = t.server()?;
    let mut client = server.connect(t)?;

    check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "a request is answered");
    Ok(())
}

/// A second request on the same connection gets its reply too.
#[case(rfc = ["RFC 9112, 9.3"], incident = ["a server that closes behind each reply costs its clients a handshake a request"], strength = Should)]
fn second_request(t: &mut Trial) -> Result {
    let server = t.server()?;
    let mut client = server.connect(t)?;

    check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "a request is answered");
    check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "and one behind it");
    Ok(())
}
