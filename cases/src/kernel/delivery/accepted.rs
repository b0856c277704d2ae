//! What it means that `send` succeeded.
//!
//! `send` on a TCP socket copies bytes into the sender's kernel and returns. From there they
//! travel to the receiver's kernel, which acknowledges them and keeps them until a process asks.
//! Neither the return of `send` nor the acknowledgement says that anybody read anything; only an
//! answer of the application can. The queues can be looked at: `SIOCINQ` counts what waits to be
//! read, `SIOCOUTQ` what the other kernel has not acknowledged yet.

use harness::prelude::*;
use harness::tcp::{Queues, fill_both};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::WaitStatus;

use super::Child;

/// `send` succeeds although the peer's process never receives.
#[case(man = ["send(2)"], rfc = ["RFC 9293, 3.9.1 (SEND)"], notes = ["S43"], strength = Documented)]
fn send_succeeds_while_nobody_receives(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;

    let sent = sender.write(b"hello").map_err(|error| error.kind());
    check!(t, sent == Ok(5), "all bytes are taken, and nobody is in a receiving call");
    let arrived = t.eventually(|| Ok(net::unread(&receiver)? == 5))?;
    check!(t, arrived, "they come to wait in the receiver's kernel");
    Ok(())
}

/// What a process does not read is acknowledged to the sender all the same, by its kernel.
#[case(
    man = ["tcp(7), Ioctls", "tcp(7), TCP_INFO"],
    rfc = ["RFC 9293, 3.8"],
    notes = ["S43", "S45"],
    since = "4.1",
    strength = Implementation
)]
fn the_kernel_acknowledges_what_nobody_read(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    let before = net::tcp_info(&sender)?.tcpi_bytes_acked;

    sender.write_all(b"hello")?;
    let acknowledged = t.eventually(|| Ok(net::unacked(&sender)? == 0))?;
    check!(t, acknowledged, "SIOCOUTQ of the sender falls to 0");
    let bytes = net::tcp_info(&sender)?.tcpi_bytes_acked - before;
    check!(t, bytes == 5, "TCP_INFO counts five more bytes as acknowledged");
    check!(t, net::unread(&receiver)? == 5, "and all five are still unread");
    Ok(())
}

/// Data is acknowledged while the receiving process is stopped.
#[case(
    man = ["tcp(7), Ioctls", "signal(7)"],
    rfc = ["RFC 9293, 3.8"],
    notes = ["S45"],
    strength = Implementation
)]
fn a_stopped_process_acknowledges(t: &mut Trial) -> Result {
    let (mut sender, mut receiver) = net::tcp_pair()?;
    let child = Child::new(|| {
        raise(Signal::SIGSTOP)?;
        let mut data = [0; 5];
        receiver.read_exact(&mut data)?;
        Ok(i32::from(data != *b"hello"))
    })?;
    let stopped = child.wait()?;
    if stopped != WaitStatus::Stopped(child.pid, Signal::SIGSTOP) {
        return Err(Stop::error(format!("the child did not stop: {stopped:?}")));
    }

    sender.write_all(b"hello")?;
    let acknowledged = t.eventually(|| Ok(net::unacked(&sender)? == 0))?;
    check!(t, acknowledged, "SIOCOUTQ of the sender falls to 0 while nobody could read");
    kill(child.pid, Signal::SIGCONT)?;
    check!(
        t,
        child.wait()? == WaitStatus::Exited(child.pid, 0),
        "the process reads it when it runs again"
    );
    Ok(())
}

/// A client's `send` succeeds, and is acknowledged, before the server has accepted the connection.
#[case(man = ["listen(2)", "tcp(7), Ioctls"], notes = ["S43", "S45"], strength = Implementation)]
fn send_to_a_connection_nobody_accepted(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;

    let sent = client.write(b"hello").map_err(|error| error.kind());
    check!(t, sent == Ok(5), "all bytes are taken");
    let acknowledged = t.eventually(|| Ok(net::unacked(&client)? == 0))?;
    check!(t, acknowledged, "and acknowledged, with the connection still in the listener's queue");
    let (mut server, _) = listener.accept()?;
    let mut data = [0; 5];
    server.read_exact(&mut data)?;
    check!(t, data == *b"hello", "the data had waited for whoever accepts");
    Ok(())
}

/// If nobody receives, the receiver's buffer fills, then the sender's, and then `send` fails with
/// `EAGAIN`; until then every byte taken is in one of the two.
#[case(
    man = ["send(2)", "tcp(7), Ioctls", "poll(2)"],
    notes = ["S43", "S46"],
    strength = Implementation
)]
fn both_buffers_fill_then_eagain(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    sender.set_nonblocking(true)?;

    let Queues { sent, waiting, unacked, full } = fill_both(t, &sender, &receiver)?;
    check!(t, full, "both come to be full, every byte in one of them: EAGAIN, and no POLLOUT");
    check!(t, waiting > 0, "the receiver's kernel keeps a part");
    check!(t, unacked > 0, "the sender's kernel keeps the rest");
    t.measure("bytes that send took", f64::from(u32::try_from(sent)?))?;
    t.measure("of them at the receiver", f64::from(u32::try_from(waiting)?))
}
