//! The plainest thing that a server does. Every other case rests on it.

use std::time::Duration;

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

/// A reply of some MiB comes whole.
#[case(rfc = ["RFC 9112, 6.3"], incident = ["what fits into the socket's buffers is sent by the simplest server too"], strength = Must)]
fn big_reply(t: &mut Trial) -> Result {
    let server = t.server()?;
    let request = server.request(Wish::Big, false)?;
    let mut client = server.connect(t)?;

    check!(t, client.ask(t, &request)? == Reply::Whole, "every byte of it comes");
    Ok(())
}

/// A client that asks for its own bytes back gets them.
#[case(rfc = ["RFC 9110, 9.3.3"], incident = ["a request is more than its head"], strength = Must)]
fn payload(t: &mut Trial) -> Result {
    let server = t.server()?;
    let bytes = harness::dialect::filler(256 * 1024);
    let request = server.request(Wish::Payload(&bytes), false)?;
    let mut client = server.connect(t)?;

    check!(t, client.ask(t, &request)? == Reply::Whole, "the same bytes come back");
    Ok(())
}

/// A request that takes a while gets its reply.
#[case(incident = ["what is known of a request that takes a while rests on this"], strength = Must)]
fn slow_request(t: &mut Trial) -> Result {
    let server = t.server()?;
    let request = server.request(Wish::Work(Duration::from_millis(20)), false)?;
    let mut client = server.connect(t)?;

    check!(t, client.ask(t, &request)? == Reply::Whole, "a reply comes in the end");
    Ok(())
}
