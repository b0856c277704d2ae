//! Closing a socket with unread bytes in its receive queue sends a reset instead of a FIN
//! (RFC 1122, 4.2.2.13; `tcp_close` of the kernel), and a reset destroys what is still on its way:
//! the end of the very reply behind which the server meant to close. What the client has received
//! survives, so that small replies hide the mistake. A server that wants its last reply to arrive
//! shuts down its sending direction and reads until the client ends: a lingering close.

use harness::prelude::*;

use super::midway;

/// The last reply of a connection is whole although the client has sent something behind its last
/// request.
#[case(
    rfc = ["RFC 9112, 9.6", "RFC 1122, 4.2.2.13"],
    kernel = ["tcp_close"],
    incident = ["nginx 248568130", "golang/go #51109", "go-syncstorage #119"],
    strength = Should
)]
fn no_reset_with_unread(t: &mut Trial) -> Result {
    let server = t.server()?;
    let last = server.request(Wish::Big, true)?;
    let mut client = midway(t, &server, &last)?;

    // An end of line too many, as browsers used to send: nothing that could ask for an answer.
    client.send(t, b"\r\n")?;
    check!(t, client.reply(t, &last)? == Reply::Whole, "the rest of it, with two bytes unread");
    Ok(())
}
