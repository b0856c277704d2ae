//! Streams between two processes of one machine.
//!
//! What is sent waits in the receiver's queue, on the sender's account: the sender's `SO_SNDBUF`
//! bounds it, and the receiver's `SO_RCVBUF` means nothing. The queue is made of the pieces that
//! were sent, and a piece counts until its last byte is read.

use harness::prelude::*;
use nix::libc::{SO_PEEK_OFF, SO_RCVBUF, SO_RCVLOWAT, SO_SNDBUF, SOL_SOCKET};
use nix::sys::socket::{MsgFlags, recv, send};

/// The size of a piece.
const PIECE: usize = 1024;

/// Sends pieces while `go_on` holds, and returns how many were taken.
fn send_while(socket: &UnixStream, go_on: impl Fn() -> Result<bool>) -> Result<u32> {
    let mut pieces = 0;
    while go_on()? && send(socket.as_raw_fd(), &[0; PIECE], MsgFlags::MSG_DONTWAIT).is_ok() {
        pieces += 1;
    }
    Ok(pieces)
}

/// The bytes that a sender takes, in pieces, until its first EAGAIN.
fn capacity(socket: &UnixStream) -> Result<u32> {
    send_while(socket, || Ok(true))
}

/// poll reports POLLOUT while no more than a quarter of the send buffer is in use, and send
/// succeeds long after that.
#[case(man = ["poll(2), POLLOUT"], kernel = ["unix_writable"], strength = Implementation)]
fn pollout_ends_at_a_quarter(t: &mut Trial) -> Result {
    let (sender, _receiver) = UnixStream::pair()?;
    let writable = send_while(&sender, || Ok(poll_now(&sender, POLLOUT)?.contains(POLLOUT)))?;
    let without = capacity(&sender)?;
    check!(t, writable > 0, "pieces that were sent with POLLOUT");
    check!(t, without > writable, "pieces that were sent without, of which there are more");
    t.measure("pieces of 1 KiB with POLLOUT", f64::from(writable))?;
    t.measure("pieces of 1 KiB without", f64::from(without))
}

/// The sender's `SO_SNDBUF` decides how much a stream holds; the receiver's `SO_RCVBUF` has no
/// effect.
#[case(man = ["unix(7), SO_SNDBUF"], strength = Documented)]
fn the_send_buffer_decides(t: &mut Trial) -> Result {
    let (sender, _receiver) = UnixStream::pair()?;
    let default = capacity(&sender)?;
    let (sender, receiver) = UnixStream::pair()?;
    net::set_option(&receiver, SOL_SOCKET, SO_RCVBUF, 1024)?;
    check!(t, capacity(&sender)? == default, "pieces held with a small SO_RCVBUF: as by default");
    let (sender, _receiver) = UnixStream::pair()?;
    net::set_option(&sender, SOL_SOCKET, SO_SNDBUF, 16 << 10)?;
    let small = capacity(&sender)?;
    check!(t, small < default, "pieces held with a small SO_SNDBUF: fewer than by default");
    check!(t, small > 0, "but some");
    Ok(())
}

/// `SIOCOUTQ` of a stream counts memory, which is more than the bytes that were sent, and is 0 when
/// all is read.
#[case(man = ["unix(7)"], kernel = ["unix_outq_len"], strength = Implementation)]
fn outq_counts_memory(t: &mut Trial) -> Result {
    let (mut sender, mut receiver) = UnixStream::pair()?;
    check!(t, net::unacked(&sender)? == 0, "nothing was sent");
    sender.write_all(&[0; 10])?;
    check!(t, net::unacked(&sender)? > 10, "ten bytes were sent, and nobody has read them");
    receiver.read_exact(&mut [0; 10])?;
    check!(t, net::unacked(&sender)? == 0, "they are read");
    Ok(())
}

/// Reading a part of a piece does not wake a sender that sleeps for room; reading all that is there
/// does.
#[case(kernel = ["unix_stream_read_generic", "unix_write_space"], strength = Implementation)]
fn a_byte_makes_no_room(t: &mut Trial) -> Result {
    let (sender, mut receiver) = UnixStream::pair()?;
    let held = capacity(&sender)?;
    let job =
        t.spawn("sender", move || Ok(send(sender.as_raw_fd(), &[0; PIECE], MsgFlags::empty())?))?;
    check!(t, job.sleeps_in(t, Call::SEND)?, "the buffer is full, and the sender sleeps");
    let before = job.wakeups()?;
    receiver.read_exact(&mut [0])?;
    check!(t, job.sleeps_in(t, Call::SEND)?, "a byte is read, and the sender still sleeps");
    check!(t, job.wakeups()? == before, "it was not woken meanwhile");
    let rest = PIECE * usize::try_from(held)? - 1;
    receiver.read_exact(&mut vec![0; rest])?;
    check!(t, job.join_soon(t)? == Some(PIECE), "the rest is read, and it goes on");
    Ok(())
}

/// A recv on a stream waits for `SO_RCVLOWAT` bytes, but poll reports the first.
#[case(
    man = ["socket(7), SO_RCVLOWAT and SO_SNDLOWAT"],
    kernel = ["unix_poll", "unix_stream_read_generic"],
    strength = Implementation
)]
fn poll_ignores_rcvlowat(t: &mut Trial) -> Result {
    let (mut sender, receiver) = UnixStream::pair()?;
    net::set_option(&receiver, SOL_SOCKET, SO_RCVLOWAT, 100)?;
    sender.write_all(&[0; 10])?;
    check!(t, poll_now(&receiver, POLLIN)? == POLLIN, "ten bytes are there: poll");
    let job = t.spawn("reader", move || {
        Ok(recv(receiver.as_raw_fd(), &mut [0; 200], MsgFlags::empty())?)
    })?;
    check!(t, job.sleeps_in(t, Call::RECV)?, "a reader waits for a hundred");
    sender.write_all(&[0; 90])?;
    check!(t, job.join_soon(t)? == Some(100), "and gets them");
    Ok(())
}

/// When the receiver has shut down its receiving side, a send fails with EPIPE at once: unlike a
/// TCP peer, the sender is told.
#[case(man = ["shutdown(2)", "send(2), EPIPE"], kernel = ["unix_shutdown"], strength = Implementation)]
fn shut_rd_is_told(t: &mut Trial) -> Result {
    let (sender, receiver) = UnixStream::pair()?;
    let send = || send(sender.as_raw_fd(), b"a", MsgFlags::MSG_NOSIGNAL);
    check!(t, send() == Ok(1), "a send before");
    receiver.shutdown(std::net::Shutdown::Read)?;
    check!(t, send() == Err(Errno::EPIPE), "a send after");
    Ok(())
}

/// Closing a stream with unread data resets it: the peer's recv fails with ECONNRESET; without, it
/// returns 0.
#[case(
    man = ["recv(2)"],
    kernel = ["unix_release_sock"],
    notes = ["S44"],
    strength = Implementation
)]
fn close_with_unread_data_resets(t: &mut Trial) -> Result {
    for (read, expected) in [(5, Ok(0)), (4, Err(Errno::ECONNRESET))] {
        let (mut sender, mut receiver) = UnixStream::pair()?;
        sender.write_all(b"hello")?;
        receiver.read_exact(&mut [0; 5][..read])?;
        drop(receiver);
        let received = recv(sender.as_raw_fd(), &mut [0; 8], MsgFlags::empty());
        check!(t, received == expected, "the peer read {read} of 5 bytes and closed");
    }
    Ok(())
}

/// With `SO_PEEK_OFF` on a stream each look begins where the last one ended.
#[case(man = ["socket(7), SO_PEEK_OFF", "unix(7), SO_PEEK_OFF"], since = "3.4", strength = Documented)]
fn peek_offset_advances(t: &mut Trial) -> Result {
    let (mut sender, mut receiver) = UnixStream::pair()?;
    sender.write_all(b"abcdefgh")?;
    let set = net::set_option(&receiver, SOL_SOCKET, SO_PEEK_OFF, 0);
    harness::knobs::known(set, "SO_PEEK_OFF of an AF_UNIX stream")?;
    let mut data = [0; 3];
    for expected in [b"abc", b"def"] {
        let length = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_PEEK);
        check!(t, (length, &data) == (Ok(3), expected), "a look at three bytes");
    }
    receiver.read_exact(&mut data)?;
    check!(t, data == *b"abc", "a read begins at the beginning");
    let length = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_PEEK);
    check!(t, (length, &data[..2]) == (Ok(2), b"gh".as_slice()), "and the next look where it was");
    Ok(())
}
