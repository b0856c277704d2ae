//! A time-out of a socket (`SO_RCVTIMEO`, `SO_SNDTIMEO`) ends a sleep too. The error is that of a
//! socket that does not block at all, as if the time had been none; it is counted from the start of
//! the call, in ticks.

use std::time::Duration;

use harness::prelude::*;
use harness::watch::Ticks;
use nix::sys::socket::{MsgFlags, SockaddrIn, accept, connect, recv, send, setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::table::without_room;

/// The time-out of these cases.
const LIMIT: Duration = Duration::from_millis(40);

fn limit() -> TimeVal {
    TimeVal::new(0, 40_000)
}

/// Makes the call, which is to fail with `error` when its time is over, and not before.
fn ends_in(
    t: &mut Trial,
    name: &str,
    error: Errno,
    call: impl FnOnce() -> nix::Result<()> + Send + 'static,
) -> Result {
    let job = t.spawn(name, move || {
        let start = Ticks::begin()?;
        Ok((call(), start.elapsed()?))
    })?;
    let ended = job.join_soon(t)?;
    check!(t, ended.map(|(outcome, _)| outcome) == Some(Err(error)), "{name}: how it ends");
    let took = ended.map_or(Duration::ZERO, |(_, took)| took);
    check!(t, took >= LIMIT, "{name}: and not before its time is over");
    Ok(())
}

/// recv and accept on a socket with `SO_RCVTIMEO` fail with EAGAIN when the time is over.
#[case(man = ["socket(7), SO_RCVTIMEO"], posix = ["setsockopt()"], strength = Documented)]
fn receiving_ends_in_eagain(t: &mut Trial) -> Result {
    let ((_client, server), listener) = (net::tcp_pair()?, net::listener()?);
    let (_peer, unix) = UnixStream::pair()?;
    setsockopt(&server, sockopt::ReceiveTimeout, &limit())?;
    setsockopt(&unix, sockopt::ReceiveTimeout, &limit())?;
    setsockopt(&listener, sockopt::ReceiveTimeout, &limit())?;
    let none = MsgFlags::empty();
    for (name, number) in [("recv, TCP", server.as_raw_fd()), ("recv, AF_UNIX", unix.as_raw_fd())] {
        ends_in(t, name, Errno::EAGAIN, move || recv(number, &mut [0], none).map(drop))?;
    }
    let number = listener.as_raw_fd();
    ends_in(t, "accept", Errno::EAGAIN, move || accept(number).map(drop))
}

/// send on a socket without room, and with `SO_SNDTIMEO`, fails with EAGAIN when the time is over.
#[case(man = ["socket(7), SO_SNDTIMEO"], posix = ["setsockopt()"], strength = Documented)]
fn sending_ends_in_eagain(t: &mut Trial) -> Result {
    let (writer, _reader) = without_room()?;
    setsockopt(&writer, sockopt::SendTimeout, &limit())?;
    let none = MsgFlags::empty();
    ends_in(t, "send", Errno::EAGAIN, move || send(writer.as_raw_fd(), b"!", none).map(drop))
}

/// connect over TCP with `SO_SNDTIMEO` fails with EINPROGRESS when the time is over, and the connection
/// is still being made.
#[case(man = ["socket(7), SO_SNDTIMEO"], kernel = ["__inet_stream_connect"], needs = [Need::PrivateNet], strength = Documented)]
fn connecting_ends_in_einprogress(t: &mut Trial) -> Result {
    let listener = net::listener_with_backlog(0)?;
    let address = SockaddrIn::new(127, 0, 0, 1, listener.local_addr()?.port());
    let _fills_the_queue = TcpStream::connect(listener.local_addr()?)?;
    poll_wait(&listener, POLLIN)?;
    let socket = net::tcp_socket()?;
    setsockopt(&socket, sockopt::SendTimeout, &limit())?;
    let number = socket.as_raw_fd();
    ends_in(t, "connect", Errno::EINPROGRESS, move || connect(number, &address))?;
    net::set_nonblocking(&socket, true)?;
    let again = connect(number, &address);
    check!(t, again == Err(Errno::EALREADY), "the connection is still being made");
    Ok(())
}
