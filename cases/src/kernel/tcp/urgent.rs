//! Urgent data (`MSG_OOB`).
//!
//! TCP has no second channel. Urgent data is a mark in the stream, behind one byte, and the news of
//! it runs ahead: POLLPRI and SIGURG. The byte is taken out of the stream and kept for a recv with
//! `MSG_OOB`, unless the receiver wants it in its place (`SO_OOBINLINE`). There is room for one.

use harness::prelude::*;
use harness::sys::message::at_mark;
use harness::sys::signal;
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};

/// Sends parts of a stream, ordinary and urgent ones, and returns the receiver when all of it has
/// arrived.
fn received(parts: &[(&[u8], bool)]) -> Result<(TcpStream, TcpStream)> {
    let (sender, receiver) = net::tcp_pair()?;
    deliver(&sender, parts)?;
    Ok((sender, receiver))
}

fn deliver(sender: &TcpStream, parts: &[(&[u8], bool)]) -> Result {
    for (data, urgent) in parts {
        let flags = if *urgent { MsgFlags::MSG_OOB } else { MsgFlags::empty() };
        send(sender.as_raw_fd(), data, flags)?;
    }
    net::acknowledged(sender)
}

/// What one recv returns.
fn take(socket: &TcpStream, flags: MsgFlags) -> nix::Result<Vec<u8>> {
    let mut data = vec![0; 16];
    let length = recv(socket.as_raw_fd(), &mut data, flags | MsgFlags::MSG_DONTWAIT)?;
    data.truncate(length);
    Ok(data)
}

/// Only the last byte of a send with `MSG_OOB` is urgent; the others are ordinary data.
#[case(man = ["tcp(7)", "send(2), MSG_OOB"], rfc = ["RFC 6093, 3.2"], strength = Documented)]
fn the_last_byte_only(t: &mut Trial) -> Result {
    let (_sender, receiver) = received(&[(b"abc", true)])?;
    check!(t, take(&receiver, MsgFlags::MSG_OOB) == Ok(b"c".to_vec()), "recv with MSG_OOB");
    check!(t, take(&receiver, MsgFlags::empty()) == Ok(b"ab".to_vec()), "recv without");
    Ok(())
}

/// An urgent byte is reported as POLLPRI, EPOLLPRI and an exceptional condition of select, until
/// it is taken.
#[case(man = ["tcp(7)", "poll(2), POLLPRI", "select(2), exceptfds"], strength = Documented)]
fn reported_as_priority(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    let epoll = Epoll::watching(&receiver, EPOLLPRI)?;
    let number = receiver.as_raw_fd();
    let reports = || -> Result<[bool; 3]> {
        let asked = Sets { except: vec![number], ..Sets::default() };
        let selected = select(number + 1, &asked, Some(std::time::Duration::ZERO));
        Ok([
            poll_now(&receiver, POLLPRI)? == POLLPRI,
            selected.returned? == 1,
            epoll.ready_now()? == [EPOLLPRI],
        ])
    };
    check!(t, reports()? == [false; 3], "nothing is urgent: poll, select, epoll_wait");
    deliver(&sender, &[(b"!", true)])?;
    check!(t, reports()? == [true; 3], "a byte is: poll, select, epoll_wait");
    take(&receiver, MsgFlags::MSG_OOB)?;
    check!(t, reports()? == [false; 3], "it is taken: poll, select, epoll_wait");
    Ok(())
}

/// Urgent data raises SIGURG in the owner of the socket (`F_SETOWN`), and in nobody without one.
#[case(man = ["tcp(7)", "socket(7), Signals"], strength = Documented)]
fn raises_sigurg(t: &mut Trial) -> Result {
    let number = Signal::SIGURG as i32;
    signal::take_notes_of(number, true)?;
    let (_sender, _receiver) = received(&[(b"!", true)])?;
    let (sender, receiver) = net::tcp_pair()?;
    signal::set_io_owner(&receiver, i32::try_from(std::process::id())?)?;
    deliver(&sender, &[(b"!", true)])?;
    let raised = t.eventually(|| Ok(signal::handled() > 0))?;
    check!(t, raised, "of two sockets that got an urgent byte, one has an owner: it is signalled");
    check!(t, signal::last().number == number, "by SIGURG");
    check!(t, signal::handled() == 1, "once");
    Ok(())
}

/// A recv stops at the urgent mark: `SIOCATMARK` says that it is there, and the next recv goes on
/// behind it.
#[case(man = ["tcp(7), SIOCATMARK", "sockatmark(3)"], posix = ["sockatmark()"], strength = Documented)]
fn recv_stops_at_the_mark(t: &mut Trial) -> Result {
    let (_sender, receiver) = received(&[(b"ab", false), (b"!", true), (b"cd", false)])?;
    check!(t, !at_mark(&receiver)?, "two bytes come before the mark");
    check!(t, take(&receiver, MsgFlags::empty()) == Ok(b"ab".to_vec()), "recv returns those");
    check!(t, at_mark(&receiver)?, "then it is at the mark");
    check!(t, take(&receiver, MsgFlags::empty()) == Ok(b"cd".to_vec()), "the next recv is past it");
    Ok(())
}

/// A second urgent byte takes the place of the first: only the last can be had by `MSG_OOB`.
#[case(man = ["tcp(7)"], rfc = ["RFC 6093, 3.2"], kernel = ["tcp_check_urg"], strength = Implementation)]
fn the_second_replaces_the_first(t: &mut Trial) -> Result {
    let (sender, receiver) = received(&[(b"a1", true)])?;
    deliver(&sender, &[(b"b2", true)])?;
    check!(t, take(&receiver, MsgFlags::MSG_OOB) == Ok(b"2".to_vec()), "recv with MSG_OOB");
    let refused = take(&receiver, MsgFlags::MSG_OOB);
    check!(t, refused == Err(Errno::EINVAL), "there is no other");
    Ok(())
}

/// A recv with `MSG_OOB` fails with EINVAL if there is no urgent byte, or if it was taken.
#[case(man = ["recv(2), MSG_OOB"], posix = ["recv()"], kernel = ["tcp_recv_urg"], strength = Implementation)]
fn taken_once(t: &mut Trial) -> Result {
    let (sender, receiver) = received(&[(b"abc", false)])?;
    check!(t, take(&receiver, MsgFlags::MSG_OOB) == Err(Errno::EINVAL), "none was sent");
    deliver(&sender, &[(b"!", true)])?;
    check!(t, take(&receiver, MsgFlags::MSG_OOB) == Ok(b"!".to_vec()), "one was");
    check!(t, take(&receiver, MsgFlags::MSG_OOB) == Err(Errno::EINVAL), "it was taken");
    Ok(())
}

/// With `SO_OOBINLINE` the urgent byte stays in the stream, and `MSG_OOB` finds nothing.
#[case(man = ["socket(7), SO_OOBINLINE", "tcp(7)"], strength = Documented)]
fn inline_keeps_it_in_the_stream(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    setsockopt(&receiver, sockopt::OobInline, &true)?;
    deliver(&sender, &[(b"ab", false), (b"!", true), (b"cd", false)])?;
    check!(t, take(&receiver, MsgFlags::MSG_OOB) == Err(Errno::EINVAL), "recv with MSG_OOB");
    check!(t, take(&receiver, MsgFlags::empty()) == Ok(b"ab".to_vec()), "recv stops at the mark");
    check!(
        t,
        take(&receiver, MsgFlags::empty()) == Ok(b"!cd".to_vec()),
        "and goes on with the byte"
    );
    Ok(())
}
