//! Connections that come and go. A descriptor's number is free again at the moment in which it is
//! closed, and the next connection gets it: what a server still knows, or is still told, about the
//! old one now seems to be about the new one (epoll(7), "If using an event cache").

use harness::prelude::*;

/// How many connections are open at a time.
const AT_ONCE: usize = 4;

/// Of thousands of connections that the server ends after one reply, while others begin, each gets
/// its own reply and its end.
#[case(
    man = ["epoll(7), Possible pitfalls and ways to avoid them"],
    rfc = ["RFC 9112, 9.6"],
    incident = ["haproxy 237e6a0d6"],
    strength = Must,
)]
fn fd_reuse(t: &mut Trial) -> Result {
    let server = t.server()?;
    let mut open = std::collections::VecDeque::new();
    for number in 0..2000 {
        let exchange = unmistakable(&server, number)?;
        let mut client = server.connect(t)?;
        client.send(t, &exchange.request)?;
        open.push_back((client, exchange));
        if open.len() == server.at_most(AT_ONCE)
            && let Some((mut client, exchange)) = open.pop_front()
        {
            let reply = client.reply(t, &exchange)?;
            // Every other client is the first to end its connection.
            let stays =
                number % 2 == 0 && reply == Reply::Whole && client.ending(t)? == Ending::Open;
            let fate = (reply, if stays { Ending::Open } else { Ending::Closed });
            check!(
                t,
                fate == (Reply::Whole, Ending::Closed),
                "each request gets its own reply, and its connection the end that it asked for"
            );
        }
    }
    Ok(())
}

/// A request for the last reply of a connection, which tells that it is its own: by the client's
/// own bytes if the server sends them back.
fn unmistakable(server: &Server, number: u64) -> Result<Exchange> {
    let own = format!("the bytes of client {number}");
    match server.request(Wish::Payload(own.as_bytes()), true) {
        Err(Stop::Unsupported(_)) => server.request(Wish::Small(number), true),
        other => other,
    }
}
