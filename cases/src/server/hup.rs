//! The end of a connection overtakes nothing. TCP delivers the FIN behind the last byte, and a
//! receiver that reads on gets every byte before it gets the end (tcp(7), shutdown(2)). But the
//! *report* of the end comes at once: `EPOLLRDHUP`, and over `AF_UNIX` `EPOLLHUP`, are there as
//! soon as the peer has ended, with data still unread (epoll_ctl(2)). Servers lose that data when
//! they take the report for the last word, or a short read for the last one.

use harness::prelude::*;

use super::text;

/// Sizes of what is sent: within one read of any server, and beyond.
const SIZES: [usize; 3] = [1, (64 << 10) + 1, 256 << 10];

/// Sends bytes to a server that is stopped, so that it finds all of them and the end together.
/// Where the kernel does not take so much, the rest is sent when the server runs again.
fn send_while_stopped(t: &Trial, server: &Server, client: &mut Client, bytes: &[u8]) -> Result {
    server.pause(t)?;
    let taken = client.send_at_once(bytes)?;
    if taken < bytes.len() {
        server.resume()?;
        client.send(t, &bytes[taken..])?;
    }
    Ok(())
}

/// All that a client sent reaches the server, although its end was there before the server read a
/// byte of it.
#[case(
    man = ["epoll_ctl(2), EPOLLRDHUP", "tcp(7)"],
    incident = ["libuv #4992: a partial read after POLLHUP was taken for the last one"],
    strength = Must
)]
fn data_before_eof(t: &mut Trial) -> Result {
    let server = t.server()?;
    for size in SIZES {
        let (store, fetch) = server.keep(&text(size))?;
        let mut client = server.connect(t)?;
        send_while_stopped(t, &server, &mut client, &store)?;
        drop(client);
        server.resume()?;

        let kept = t.eventually(|| Ok(server.connect(t)?.ask(t, &fetch)? == Reply::Whole))?;
        check!(t, kept, "of {size} bytes that were sent by a client now gone, all are there");
    }
    Ok(())
}

/// A request whose body and whose client's end are there together is answered from the whole body.
#[case(
    man = ["epoll_ctl(2), EPOLLRDHUP", "shutdown(2)"],
    incident = ["libuv #4992", "cats-effect #4421: EPOLLHUP was ignored, and the body never ended"],
    strength = Should
)]
fn body_before_eof(t: &mut Trial) -> Result {
    let server = t.server()?;
    // A protocol of a user's own may have lines, and a limit for them.
    let most = if server.target().dialect.word() == "script" { 1 << 10 } else { usize::MAX };
    for size in SIZES.map(|size| size.min(most)) {
        let echo = server.request(Wish::Payload(&text(size)), false)?;
        let mut client = server.connect(t)?;
        send_while_stopped(t, &server, &mut client, &echo.request)?;
        client.half_close()?;
        server.resume()?;

        check!(t, client.reply(t, &echo)? == Reply::Whole, "the reply to a body of {size} bytes");
    }
    Ok(())
}
