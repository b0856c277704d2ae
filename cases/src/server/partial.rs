//! Requests in pieces. TCP carries bytes and not messages: a request may come in any number of
//! pieces, cut anywhere, and each read may end in the middle of a word, of a length or of a line's
//! end. A server has to keep what it has, and to know where it was.

use harness::prelude::*;

/// A request that comes in two pieces is answered, wherever it is cut, and so is one that comes
/// byte by byte.
#[case(
    rfc = ["RFC 9293, 3.8"],
    incident = ["memcached 28f4abf8e", "nginx 16168dcb0"],
    strength = Must,
)]
fn every_split(t: &mut Trial) -> Result {
    let server = t.server()?;
    let payload = server.request(Wish::Payload(b"one\r\ntwo\r\n\r\nthree\n"), false);
    let exchange = payload.or_else(|_| server.small())?;
    let length = exchange.request.len();
    let in_two = (1..length).map(|cut| vec![cut]);
    for cuts in in_two.chain([(1..length).collect()]) {
        let mut client = server.connect(t)?;
        send_in_pieces(t, &server, &mut client, &exchange.request, &cuts)?;
        let reply = client.reply(t, &exchange)?;
        check!(t, reply == Reply::Whole, "the reply to a request in {} pieces", cuts.len() + 1);
    }
    Ok(())
}

/// Sends each piece when the server has read the one before it: it never sees two in one.
fn send_in_pieces(
    t: &Trial,
    server: &Server,
    client: &mut Client,
    bytes: &[u8],
    cuts: &[usize],
) -> Result {
    let mut sent = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        client.send(t, &bytes[sent..end])?;
        sent = end;
        if sent < bytes.len() && !server.comes_to_read(t, client)? {
            return Err(Stop::Unobservable("it does not read a part of a request".to_owned()));
        }
    }
    Ok(())
}
