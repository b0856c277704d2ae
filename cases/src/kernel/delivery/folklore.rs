//! What is said of data that was sent. Each of these is true of something that a program does, and
//! not of what its kernel does.

use harness::prelude::*;
use harness::tcp::reset;

/// When send has returned, the peer's program has received the data.
#[case(
    man = ["send(2)"],
    notes = ["S43", "S46"],
    strength = Folklore,
    changed = [("", "", deviates, "send gives the data to a kernel: until the peer's program calls recv, it waits there")],
)]
fn sent_is_received(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    sender.write_all(b"hello")?;
    net::delivered(&receiver, 5)?;
    check!(t, net::unread(&receiver)? == 0, "bytes that wait for a recv after send has returned");
    Ok(())
}

/// When TCP has acknowledged the data, the peer's program has received it.
#[case(
    man = ["tcp(7), Ioctls"],
    rfc = ["RFC 9293, 3.8"],
    notes = ["S45", "S47"],
    strength = Folklore,
    changed = [("", "", deviates, "it is the peer's kernel that acknowledges: only an answer of the program says that it has the data")],
)]
fn acknowledged_is_received(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    sender.write_all(b"hello")?;
    net::acknowledged(&sender)?;
    check!(t, net::unread(&receiver)? == 0, "bytes that wait for a recv when all are acknowledged");
    Ok(())
}

/// A reset destroys what the receiver has not read yet.
#[case(
    rfc = ["RFC 9293, 3.10.7.4"],
    kernel = ["tcp_reset"],
    notes = ["S44"],
    strength = Folklore,
    changed = [("", "", deviates, "what has arrived stays; it is the unsent data of the side that sends the reset that is lost")],
)]
fn a_reset_destroys_the_unread(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    sender.write_all(b"data")?;
    net::delivered(&receiver, 4)?;
    reset(sender)?;
    if !t.eventually(|| Ok(poll_now(&receiver, POLLIN)?.contains(POLLERR | POLLHUP)))? {
        return Err(Stop::error("the reset did not arrive"));
    }
    let received = (&receiver).read(&mut [0; 8]).map_err(|error| error.kind());
    check!(t, received == Err(ErrorKind::ConnectionReset), "four bytes came before it; recv");
    Ok(())
}
