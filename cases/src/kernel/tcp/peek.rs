//! Looking at data without taking it, and taking it without looking: `MSG_PEEK` leaves the data in
//! the kernel, `MSG_TRUNC` throws it away there. `SO_PEEK_OFF` lets one look follow on another, and
//! `TCP_INQ` tells with every recv how much is left.

use harness::prelude::*;
use harness::sys::message::receive;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};

/// What one recv into ten bytes returns.
fn take(socket: &TcpStream, flags: MsgFlags) -> nix::Result<Vec<u8>> {
    let mut data = vec![b'-'; 10];
    let length = recv(socket.as_raw_fd(), &mut data, flags)?;
    data.truncate(length);
    Ok(data)
}

/// A connection on which eight bytes have arrived.
fn eight_bytes() -> Result<(TcpStream, TcpStream)> {
    let (mut sender, receiver) = net::tcp_pair()?;
    sender.write_all(b"abcdefgh")?;
    net::delivered(&receiver, 8)?;
    Ok((sender, receiver))
}

/// A recv with `MSG_PEEK` returns the data and leaves it for the next.
#[case(man = ["recv(2), MSG_PEEK"], posix = ["recv()"], strength = Documented)]
fn leaves_the_data(t: &mut Trial) -> Result {
    let (_sender, receiver) = eight_bytes()?;
    for attempt in 1..=2 {
        let peeked = take(&receiver, MsgFlags::MSG_PEEK);
        check!(t, peeked == Ok(b"abcdefgh".to_vec()), "look number {attempt}");
    }
    check!(t, net::unread(&receiver)? == 8, "all eight bytes are still there");
    check!(t, take(&receiver, MsgFlags::empty()) == Ok(b"abcdefgh".to_vec()), "and can be read");
    Ok(())
}

/// A recv with `MSG_TRUNC` throws TCP data away: it returns the number of bytes, and does not touch
/// the buffer.
#[case(man = ["tcp(7)", "recv(2), MSG_TRUNC"], since = "2.4", strength = Documented)]
fn truncation_discards(t: &mut Trial) -> Result {
    let (_sender, receiver) = eight_bytes()?;
    let mut data = [b'-'; 5];
    let discarded = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_TRUNC);
    check!(t, discarded == Ok(5), "five bytes are taken");
    check!(t, data == [b'-'; 5], "the buffer is as it was");
    check!(t, take(&receiver, MsgFlags::empty()) == Ok(b"fgh".to_vec()), "three are left");
    Ok(())
}

/// With `SO_PEEK_OFF` on a TCP socket each look begins where the last one ended.
#[case(man = ["socket(7), SO_PEEK_OFF"], kernel = ["tcp_peek_offset"], since = "6.10", strength = Documented)]
fn offset_advances(t: &mut Trial) -> Result {
    let (_sender, receiver) = eight_bytes()?;
    let set = net::set_option(&receiver, libc::SOL_SOCKET, libc::SO_PEEK_OFF, 2);
    harness::knobs::known(set, "SO_PEEK_OFF of a TCP socket")?;
    let mut data = [0; 3];
    for expected in [b"cde", b"fgh"] {
        let length = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_PEEK);
        check!(t, (length, &data) == (Ok(3), expected), "a look at three bytes");
    }
    let peeked = recv(receiver.as_raw_fd(), &mut data, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
    check!(t, peeked == Err(Errno::EAGAIN), "there is no more to look at");
    check!(t, net::unread(&receiver)? == 8, "and nothing was taken");
    Ok(())
}

/// With `TCP_INQ` every recv tells how many bytes are left.
#[case(commit = ["b75eba76d3d7"], kernel = ["tcp_inq_hint"], since = "4.18", strength = Implementation)]
fn inq_tells_what_is_left(t: &mut Trial) -> Result {
    let (_sender, receiver) = eight_bytes()?;
    let set = net::set_option(&receiver, libc::IPPROTO_TCP, libc::TCP_INQ, 1);
    harness::knobs::known(set, "TCP_INQ")?;
    for (room, left) in [(3, 5), (5, 0)] {
        let message = receive(&receiver, room, 64, MsgFlags::empty())?;
        let told = message.control_int(libc::IPPROTO_TCP, libc::TCP_CM_INQ);
        check!(t, told == Some(left), "{room} bytes are taken");
    }
    Ok(())
}
