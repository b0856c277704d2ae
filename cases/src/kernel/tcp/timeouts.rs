//! `SO_RCVTIMEO` and `SO_SNDTIMEO`: how long a blocking call on a socket may sleep. When the time
//! is over the call returns what it has moved so far, and if that is nothing, EAGAIN: the same as a
//! nonblocking call would say at once. The times concern calls that move data; those that wait for
//! readiness have their own.

use std::time::Duration;

use harness::prelude::*;
use harness::tcp::stalled_pair;
use harness::watch::Ticks;
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use nix::sys::time::TimeVal;

/// The time-out of these cases.
const LIMIT: Duration = Duration::from_millis(40);

/// The same, as `setsockopt` takes it.
const TIME: TimeVal = TimeVal::new(0, 40_000);

/// With `SO_RCVTIMEO` a recv that finds no data fails with EAGAIN, and not before its time.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO"], posix = ["setsockopt()"], strength = Documented)]
fn recv_gives_up(t: &mut Trial) -> Result {
    let (_peer, tcp) = net::tcp_pair()?;
    let (_other, unix) = UnixStream::pair()?;
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    for (kind, socket) in [("TCP", tcp.as_fd()), ("AF_UNIX", unix.as_fd()), ("UDP", udp.as_fd())] {
        setsockopt(&socket, sockopt::ReceiveTimeout, &TIME)?;
        let start = Ticks::begin()?;
        let received = recv(socket.as_raw_fd(), &mut [0; 8], MsgFlags::empty());
        check!(t, received == Err(Errno::EAGAIN), "{kind}: nobody sends anything");
        check!(t, start.elapsed()? >= LIMIT, "{kind}: and recv has waited for its time");
    }
    Ok(())
}

/// With `SO_RCVTIMEO` a recv that waits for more than comes returns what has come.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO", "recv(2), MSG_WAITALL"], strength = Documented)]
fn recv_returns_a_part(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    setsockopt(&receiver, sockopt::ReceiveTimeout, &TIME)?;
    sender.write_all(b"abc")?;
    net::delivered(&receiver, 3)?;
    let start = Ticks::begin()?;
    let received = recv(receiver.as_raw_fd(), &mut [0; 8], MsgFlags::MSG_WAITALL);
    check!(t, received == Ok(3), "three of eight bytes");
    check!(t, start.elapsed()? >= LIMIT, "after its time");
    Ok(())
}

/// With `SO_SNDTIMEO` a send that finds room for a part returns the size of that part; the next,
/// which finds none, fails with EAGAIN, and not before its time.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO", "send(2)"], notes = ["S46"], strength = Documented)]
fn send_returns_a_part_then_gives_up(t: &mut Trial) -> Result {
    let (sender, _receiver) = UnixStream::pair()?;
    setsockopt(&sender, sockopt::SndBuf, &(64 << 10))?;
    setsockopt(&sender, sockopt::SendTimeout, &TIME)?;
    let all = vec![0; 4 << 20];
    let part = send(sender.as_raw_fd(), &all, MsgFlags::empty())?;
    check!(t, part > 0, "AF_UNIX: a part is taken");
    check!(t, part < all.len(), "AF_UNIX: there is no room for all");

    let (sender, _receiver, _) = stalled_pair(t)?;
    sender.set_nonblocking(false)?;
    setsockopt(&sender, sockopt::SendTimeout, &TIME)?;
    // The kernel may yet make room for a little of it.
    let (refused, waited) = loop {
        let start = Ticks::begin()?;
        if let Err(error) = send(sender.as_raw_fd(), &all, MsgFlags::empty()) {
            break (error, start.elapsed()?);
        }
    };
    check!(t, refused == Errno::EAGAIN, "TCP: both buffers are full");
    check!(t, waited >= LIMIT, "TCP: and send has waited for its time");
    Ok(())
}

/// A time-out with a million microseconds or more is refused with EDOM.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO"], kernel = ["sock_set_timeout"], strength = Implementation)]
fn a_million_microseconds_are_too_many(t: &mut Trial) -> Result {
    let (socket, _peer) = net::tcp_pair()?;
    let set =
        |microseconds| setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, microseconds));
    check!(t, set(999_999) == Ok(()), "999,999 microseconds");
    check!(t, set(1_000_000) == Err(Errno::EDOM), "1,000,000 microseconds");
    check!(t, set(-1) == Err(Errno::EDOM), "-1 microsecond");
    Ok(())
}

/// A time-out of zero means for ever; a negative one, which setsockopt accepts, means not at all.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO"], kernel = ["sock_set_timeout"], strength = Implementation)]
fn zero_is_for_ever_negative_is_not_at_all(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    setsockopt(&receiver, sockopt::ReceiveTimeout, &TIME)?;
    setsockopt(&receiver, sockopt::ReceiveTimeout, &TimeVal::new(-1, 0))?;
    let socket = receiver.try_clone()?;
    let job =
        t.spawn("hasty", move || Ok(recv(socket.as_raw_fd(), &mut [0; 8], MsgFlags::empty())))?;
    check!(t, job.join_soon(t)? == Some(Err(Errno::EAGAIN)), "with -1 second, recv fails");

    setsockopt(&receiver, sockopt::ReceiveTimeout, &TimeVal::new(0, 0))?;
    let job = t.spawn("reader", move || Ok((&receiver).read(&mut [0; 8])?))?;
    check!(t, job.sleeps_in(t, Call::RECV)?, "with zero, it sleeps");
    sender.write_all(b"abc")?;
    check!(t, job.join_soon(t)? == Some(3), "until there is data");
    Ok(())
}
