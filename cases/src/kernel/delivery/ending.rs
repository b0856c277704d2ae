//! How the end of a TCP connection is told.
//!
//! A connection is two streams, one in each direction, and each ends on its own with a FIN:
//! "I send no more". That says nothing about receiving, so whoever gets a FIN cannot tell a peer
//! that closed from one that only shut down its sending side. It finds out by sending: to a closed
//! socket the first `send` still succeeds, and brings a reset back; the next one fails.

use harness::prelude::*;
use harness::sys::signal;
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, send};
use nix::sys::wait::WaitStatus;

use super::{Child, received};

/// The states of a connection in `tcpi_state` (RFC 9293, 3.3.2).
const FIN_WAIT2: u8 = 5;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;

/// After `shutdown(SHUT_WR)` the peer reads all that was sent, then the end of the stream, and the
/// other direction still works.
#[case(
    man = ["shutdown(2)"],
    rfc = ["RFC 9293, 3.6"],
    posix = ["shutdown()"],
    strength = Documented
)]
fn half_close(t: &mut Trial) -> Result {
    let (mut client, mut server) = net::tcp_pair()?;
    client.write_all(b"question")?;
    client.shutdown(std::net::Shutdown::Write)?;

    let mut question = String::new();
    server.read_to_string(&mut question)?;
    check!(t, question == "question", "the server reads to the end of the stream");
    // What the server still sends also acknowledges the end of the client's stream.
    server.write_all(b"answer")?;
    let state = |socket: &TcpStream| -> Result<u8> { Ok(net::tcp_info(socket)?.tcpi_state) };
    let halves =
        t.eventually(|| Ok((state(&client)?, state(&server)?) == (FIN_WAIT2, CLOSE_WAIT)))?;
    check!(t, halves, "the connection is half closed: FIN_WAIT2 and CLOSE_WAIT");
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    check!(t, answer == "answer", "and the answer still comes");
    Ok(())
}

/// The first `send` after the peer closed succeeds; the reset that it brings back makes the next
/// one fail with `EPIPE`.
#[case(man = ["send(2)"], rfc = ["RFC 9293, 3.6"], notes = ["S43"], strength = Implementation)]
fn the_first_send_after_the_peer_closed_succeeds(t: &mut Trial) -> Result {
    let (mut client, server) = net::tcp_pair()?;
    drop(server);
    let end = received(t, &client)?;
    check!(t, end == Some(Ok(0)), "the end of the peer's stream has come");

    let first = client.write(b"a").map_err(|error| error.kind());
    check!(t, first == Ok(1), "the first send succeeds, to nobody");
    let reset = t.eventually(|| Ok(net::tcp_info(&client)?.tcpi_state == CLOSE))?;
    check!(t, reset, "it is answered by a reset, which ends the connection");
    let next = client.write(b"b").map_err(|error| error.kind());
    check!(t, next == Err(ErrorKind::BrokenPipe), "the next send fails with EPIPE");
    Ok(())
}

/// `send` on a connection without a receiver raises `SIGPIPE`, which kills by default, unless it is
/// told `MSG_NOSIGNAL`: then there is only `EPIPE`.
#[case(man = ["send(2), MSG_NOSIGNAL", "signal(7)"], posix = ["send()"], strength = Documented)]
fn epipe_comes_with_sigpipe_unless_msg_nosignal(t: &mut Trial) -> Result {
    let attempt = |flags: MsgFlags| -> Result<(Child, WaitStatus)> {
        let child = Child::new(|| {
            signal::default_action(Signal::SIGPIPE)?;
            let (sender, receiver) = UnixStream::pair()?;
            drop(receiver);
            Ok(i32::from(send(sender.as_raw_fd(), b"a", flags) != Err(Errno::EPIPE)))
        })?;
        let end = child.wait()?;
        Ok((child, end))
    };
    let (child, end) = attempt(MsgFlags::empty())?;
    check!(
        t,
        end == WaitStatus::Signaled(child.pid, Signal::SIGPIPE, false),
        "the process is killed by SIGPIPE"
    );
    let (child, end) = attempt(MsgFlags::MSG_NOSIGNAL)?;
    check!(
        t,
        end == WaitStatus::Exited(child.pid, 0),
        "with MSG_NOSIGNAL it lives, and gets EPIPE"
    );
    Ok(())
}
