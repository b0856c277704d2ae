//! When a connection counts as ready, which is not the same as when a call would succeed.
//!
//! Writable means that a good part of the send buffer is free, so that a program which waits for it
//! does not wake for every byte; `TCP_NOTSENT_LOWAT` moves that point. Readable means that
//! `SO_RCVLOWAT` bytes have arrived, or that there will be no more. The calls themselves know
//! nothing of these marks if they may not sleep.

use std::time::Duration;

use harness::knobs::known;
use harness::prelude::*;
use harness::tcp::small_pair;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv, send};

/// The size of a piece.
const PIECE: usize = 512;

/// Sends small pieces for as long as the socket is `POLLOUT`, until it no longer is, with nothing
/// on the way. Whether it came to that.
fn fill_while_writable(t: &Trial, sender: &TcpStream, receiver: &TcpStream) -> Result<bool> {
    net::stay_on_this_cpu()?;
    let mut sent = 0;
    t.eventually(|| {
        // An acknowledgement that waits for an answer would be 40 ms late.
        net::set_option(receiver, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1)?;
        while poll_now(sender, POLLOUT)?.contains(POLLOUT)
            && let Ok(more) = send(sender.as_raw_fd(), &[0; PIECE], MsgFlags::MSG_DONTWAIT)
        {
            sent += more;
        }
        // What was sent is delivered, what that calls forth is answered.
        net::barrier()?;
        net::barrier()?;
        let at_rest = net::unread(receiver)? + net::unacked(sender)? == sent;
        Ok(at_rest && poll_now(sender, POLLOUT)?.is_empty())
    })
}

/// poll stops reporting POLLOUT while there is still room in the send buffer: a third of it must
/// be free.
#[case(man = ["poll(2), POLLOUT"], kernel = ["sk_stream_is_writeable"], strength = Implementation)]
fn pollout_ends_before_the_room(t: &mut Trial) -> Result {
    let (sender, receiver) = small_pair()?;
    check!(t, fill_while_writable(t, &sender, &receiver)?, "POLLOUT comes to an end");
    let mut more = 0;
    while let Ok(length) = send(sender.as_raw_fd(), &[0; PIECE], MsgFlags::MSG_DONTWAIT) {
        more += length;
    }
    check!(t, more > 0, "what send takes after that");
    t.measure("bytes that send took without POLLOUT", f64::from(u32::try_from(more)?))
}

/// Without POLLOUT a nonblocking send would fail with EAGAIN.
#[case(
    man = ["poll(2), POLLOUT"],
    strength = Folklore,
    changed = [("", "", deviates, "POLLOUT says that a good part of the buffer is free; send takes what there is room for")],
)]
fn no_pollout_no_send(t: &mut Trial) -> Result {
    let (sender, receiver) = small_pair()?;
    if !fill_while_writable(t, &sender, &receiver)? {
        return Err(Stop::error("POLLOUT did not come to an end"));
    }
    let sent = send(sender.as_raw_fd(), b"a", MsgFlags::MSG_DONTWAIT);
    check!(t, sent == Err(Errno::EAGAIN), "poll does not report POLLOUT, and send is called");
    Ok(())
}

/// `TCP_NOTSENT_LOWAT` takes POLLOUT away while more than that many bytes are not sent, however
/// much of the buffer is free.
#[case(
    man = ["tcp(7)"],
    commit = ["c9bee3b7fdec"],
    kernel = ["tcp_stream_memory_free"],
    since = "3.12",
    strength = Documented
)]
fn notsent_lowat_takes_pollout_away(t: &mut Trial) -> Result {
    let (sender, _receiver) = small_pair()?;
    // The peer has room for a small part of what this buffer holds.
    net::set_option(&sender, libc::SOL_SOCKET, libc::SO_SNDBUF, 200 << 10)?;
    let mark = |bytes| {
        let answer = net::set_option(&sender, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes);
        known(answer, "TCP_NOTSENT_LOWAT")
    };
    mark(i32::MAX)?;
    let quarter = net::get_option(&sender, libc::SOL_SOCKET, libc::SO_SNDBUF)? / 4;
    while net::unsent(&sender)? < usize::try_from(quarter)? {
        send(sender.as_raw_fd(), &[0; 4096], MsgFlags::empty())?;
    }
    check!(t, poll_now(&sender, POLLOUT)? == POLLOUT, "a quarter of the buffer is in use: POLLOUT");
    mark(1024)?;
    check!(t, poll_now(&sender, POLLOUT)?.is_empty(), "one kilobyte is too much already: none");
    mark(i32::MAX)?;
    check!(t, poll_now(&sender, POLLOUT)? == POLLOUT, "without the mark it is back");
    Ok(())
}

/// Whether poll, select and `epoll_wait` report `socket` as readable at this moment.
fn readable(socket: &TcpStream) -> Result<[bool; 3]> {
    let number = socket.as_raw_fd();
    let asked = Sets { read: vec![number], ..Sets::default() };
    let selected = select(number + 1, &asked, Some(Duration::ZERO)).returned?;
    let epoll = Epoll::watching(socket, EPOLLIN)?;
    Ok([poll_now(socket, POLLIN)?.contains(POLLIN), selected == 1, !epoll.ready_now()?.is_empty()])
}

/// A connection whose receiver set `SO_RCVLOWAT` to a hundred bytes, and has got `bytes`.
fn waiting_for_a_hundred(bytes: usize) -> Result<(TcpStream, TcpStream)> {
    let (mut sender, receiver) = net::tcp_pair()?;
    known(
        net::set_option(&receiver, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 100),
        "SO_RCVLOWAT of a TCP socket",
    )?;
    sender.write_all(&vec![0; bytes])?;
    net::delivered(&receiver, bytes)?;
    Ok((sender, receiver))
}

/// poll, select and `epoll_wait` report a connection as readable when `SO_RCVLOWAT` bytes have
/// arrived, not before.
#[case(man = ["socket(7), SO_RCVLOWAT and SO_SNDLOWAT"], since = "2.6.28", strength = Documented)]
fn rcvlowat_delays_pollin(t: &mut Trial) -> Result {
    let (mut sender, receiver) = waiting_for_a_hundred(99)?;
    check!(t, readable(&receiver)? == [false; 3], "99 of 100 bytes: poll, select, epoll_wait");
    sender.write_all(&[0])?;
    net::delivered(&receiver, 100)?;
    check!(t, readable(&receiver)? == [true; 3], "100 of 100 bytes: poll, select, epoll_wait");
    net::set_option(&receiver, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 1000)?;
    check!(t, readable(&receiver)? == [false; 3], "100 of 1000 bytes: poll, select, epoll_wait");
    Ok(())
}

/// The end of the stream makes a connection readable however little has arrived.
#[case(man = ["socket(7), SO_RCVLOWAT and SO_SNDLOWAT"], kernel = ["tcp_poll"], strength = Implementation)]
fn the_end_overrides_rcvlowat(t: &mut Trial) -> Result {
    let (sender, receiver) = waiting_for_a_hundred(10)?;
    check!(t, readable(&receiver)? == [false; 3], "10 of 100 bytes: poll, select, epoll_wait");
    sender.shutdown(std::net::Shutdown::Write)?;
    let ready = t.eventually(|| Ok(readable(&receiver)? == [true; 3]))?;
    check!(t, ready, "there will be no more, and poll, select and epoll_wait say so");
    Ok(())
}

/// A nonblocking recv returns what is there, even if it is less than `SO_RCVLOWAT`.
#[case(man = ["socket(7), SO_RCVLOWAT and SO_SNDLOWAT"], kernel = ["tcp_recvmsg"], strength = Implementation)]
fn a_nonblocking_recv_ignores_rcvlowat(t: &mut Trial) -> Result {
    let (_sender, receiver) = waiting_for_a_hundred(10)?;
    check!(t, readable(&receiver)? == [false; 3], "10 of 100 bytes: poll, select, epoll_wait");
    let received = recv(receiver.as_raw_fd(), &mut [0; 200], MsgFlags::MSG_DONTWAIT);
    check!(t, received == Ok(10), "recv returns the ten");
    Ok(())
}
