//! What `AF_UNIX` sockets have learnt since 5.10: urgent data, the number of unread bytes with
//! every message, and a say in whether descriptors may be sent to them at all.

use harness::knobs::known;
use harness::prelude::*;
use harness::sys::message::receive;
use nix::libc::SOL_SOCKET;
use nix::sys::socket::{MsgFlags, SockType, recv, send};

use super::{pair, send_with};

/// Numbers of `asm-generic/socket.h` that libc does not know yet.
const SO_PASSRIGHTS: i32 = 83;
const SO_INQ: i32 = 84;
const SO_RIGHTS_NOTRUNC: i32 = 85;

/// A stream has urgent data (`MSG_OOB`): the last byte is urgent, POLLPRI tells of it, and it is
/// received on its own.
#[case(
    commit = ["314001f0bf92", "d9a232d435dc"],
    kernel = ["unix_stream_recv_urg", "unix_poll"],
    since = "5.15",
    strength = Implementation,
    changed = [("5.15", "5.18", deviates, "there was no POLLPRI until commit d9a232d435dc (also in stable kernels)")]
)]
fn a_stream_has_urgent_data(t: &mut Trial) -> Result {
    let (sender, receiver) = UnixStream::pair()?;
    let sent = send(sender.as_raw_fd(), b"abc", MsgFlags::MSG_OOB);
    check!(t, known(sent, "MSG_OOB on an AF_UNIX stream")? == 3, "three bytes are sent as urgent");
    check!(t, poll_now(&receiver, POLLIN | POLLPRI)? == POLLIN | POLLPRI, "POLLIN and POLLPRI");
    let mut data = [0; 8];
    let urgent = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_OOB);
    check!(t, (urgent, data[0]) == (Ok(1), b'c'), "the last is urgent");
    let ordinary = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_DONTWAIT);
    check!(t, (ordinary, &data[..2]) == (Ok(2), b"ab".as_slice()), "the others are not");
    Ok(())
}

/// With `SO_INQ` every recv on a stream tells how many bytes are left.
#[case(
    kernel = ["unix_stream_read_generic"],
    since = "6.17",
    strength = Implementation,
    changed = [("6.17", "7.0", deviates, "measured on 6.17.13 and 6.18.15: a piece of which a part was read counts as a whole; 7.0 and later updates of 6.18 take off what was read")],
)]
fn a_stream_tells_what_is_left(t: &mut Trial) -> Result {
    let (mut sender, receiver) = UnixStream::pair()?;
    known(net::set_option(&receiver, SOL_SOCKET, SO_INQ, 1), "SO_INQ")?;
    sender.write_all(b"abcdefgh")?;
    for (room, left) in [(3, 5), (5, 0)] {
        let message = receive(&receiver, room, 64, MsgFlags::empty())?;
        let told = message.control_int(SOL_SOCKET, SO_INQ);
        check!(t, told == Some(left), "{room} bytes are taken");
    }
    Ok(())
}

/// A socket that has cleared `SO_PASSRIGHTS` cannot be sent descriptors: the sender gets EPERM.
#[case(commit = ["77cbe1a6d873"], kernel = ["unix_attach_fds"], since = "6.16", strength = Implementation)]
fn descriptors_can_be_refused(t: &mut Trial) -> Result {
    for kind in [SockType::Stream, SockType::Datagram, SockType::SeqPacket] {
        let (sender, receiver) = pair(kind)?;
        let refuse =
            |on: bool| net::set_option(&receiver, SOL_SOCKET, SO_PASSRIGHTS, i32::from(!on));
        known(refuse(true), "SO_PASSRIGHTS")?;
        let attempt = || send_with(&sender, b"a", &[sender.as_raw_fd()]);
        check!(t, attempt() == Err(Errno::EPERM), "{kind:?}: the receiver takes none");
        refuse(false)?;
        check!(t, attempt() == Ok(1), "{kind:?}: the receiver takes them");
    }
    Ok(())
}

/// `SO_RIGHTS_NOTRUNC` can be set.
#[case(kernel = ["sk_setsockopt"], since = "7.3", strength = Implementation)]
fn rights_notrunc_can_be_set(t: &mut Trial) -> Result {
    /// A number that no option has.
    const NONE: i32 = 9999;
    let (_sender, receiver) = pair(SockType::Stream)?;
    let set = |option| net::set_option(&receiver, SOL_SOCKET, option, 1);
    if set(NONE).is_ok() {
        return Err(Stop::Unobservable("this system takes options that there are not".to_owned()));
    }
    let taken = set(SO_RIGHTS_NOTRUNC);
    known(taken, "SO_RIGHTS_NOTRUNC")?;
    check!(t, taken == Ok(()), "what setsockopt says, which refuses an option that there is not");
    Ok(())
}
