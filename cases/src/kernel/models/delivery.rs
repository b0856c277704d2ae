//! What a client knows. Its kernel took the bytes, the server's kernel acknowledged them, and none
//! of that says that the server has seen them: only its own answer does.

use harness::knobs::sysctl;
use harness::prelude::*;

use super::start;

/// A client's send succeeds, and is acknowledged, while every process of the server is stopped; the
/// server's reply, with the digest of what it received, comes only when it goes on.
#[case(man = ["send(2)", "tcp(7), Ioctls"], rfc = ["RFC 9293, 3.8", "RFC 9530, 2"], notes = ["S43", "S44", "S45", "S47"], strength = Implementation)]
fn only_the_reply_proves_receipt(t: &mut Trial) -> Result {
    let server = start(t, "multi_reactor")?;
    let exchange = server.request(Wish::Payload(b"to the application"), false)?;
    let mut client = server.connect(t)?;
    server.pause(t)?;

    check!(t, client.send(t, &exchange.request)?, "send takes all of the request");
    let acknowledged = t.eventually(|| match client.socket() {
        Some(socket) => Ok(net::unacked(socket)? == 0),
        None => Ok(false),
    })?;
    check!(t, acknowledged, "and the server's kernel acknowledges it, with nobody to read it");
    let nothing = client.unread()?;
    check!(t, nothing == 0, "no reply has come");
    server.resume()?;
    check!(t, client.reply(t, &exchange)? == Reply::Whole, "it comes when the server goes on");
    Ok(())
}

/// What piled up while a server with edge-triggered connections was stopped is one edge, and is read
/// to its end.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], notes = ["S46"], since = "2.6.0", strength = Documented)]
fn an_edge_triggered_server_drains(t: &mut Trial) -> Result {
    check_all_is_read(t, "multi_reactor")
}

/// What piled up while a server with level-triggered connections was stopped is reported again until
/// all of it is read, a part at a time.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], notes = ["S46"], since = "2.6.0", strength = Documented)]
fn a_level_triggered_server_is_told_again(t: &mut Trial) -> Result {
    check_all_is_read(t, "single_reactor")
}

/// More than one read of a server takes, and less than its receive buffer.
const PILE: usize = 50_000;

fn check_all_is_read(t: &mut Trial, model: &str) -> Result {
    let server = start(t, model)?;
    let payload = harness::dialect::filler(PILE);
    let exchange = server.request(Wish::Payload(&payload), false)?;
    let mut client = server.connect(t)?;
    check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "the connection is accepted");
    server.pause(t)?;
    check!(t, client.send(t, &exchange.request)?, "send takes all of the request");
    let piled = t.eventually(|| Ok(server.unread(&client)? == exchange.request.len()))?;
    let buffer = sysctl("ipv4/tcp_rmem", 1).unwrap_or(usize::MAX);
    if !piled && buffer < 2 * PILE {
        return Err(Stop::Skipped {
            reason: format!("receive buffers are too small: {buffer} bytes"),
            mend: "sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456'".to_owned(),
        });
    }
    check!(t, piled, "all of it waits in the server's kernel");
    server.resume()?;
    check!(t, client.reply(t, &exchange)? == Reply::Whole, "the server has read every byte of it");
    Ok(())
}
