//! Who has hung up? A TCP peer that closes sends a FIN, which says that it will send no more, and
//! not that it will not read: half of the connection is still there. poll reports that half as
//! POLLRDHUP (with POLLIN, for read returns 0), and POLLHUP only when both halves are gone. On
//! `AF_UNIX` and on pipes the kernel sees both ends, and reports POLLHUP at once.

use std::net::Shutdown;

use harness::prelude::*;

const ALL: PollFlags = POLLIN.union(POLLOUT).union(POLLRDHUP);

/// A TCP socket whose peer has closed is readable, writable and POLLRDHUP, and not POLLHUP.
#[case(man = ["poll(2), POLLRDHUP"], kernel = ["tcp_poll"], since = "2.6.17", strength = Implementation)]
fn tcp_peer_close_is_rdhup(t: &mut Trial) -> Result {
    let (peer, socket) = net::tcp_pair()?;
    check!(t, poll_now(&socket, ALL)? == POLLOUT, "at first the socket is writable only");
    drop(peer);
    let reported = t.eventually(|| Ok(poll_now(&socket, POLLRDHUP)? == POLLRDHUP))?;
    check!(t, reported, "the peer's FIN is reported to who asks for it");
    check!(
        t,
        poll_now(&socket, ALL)? == POLLIN | POLLOUT | POLLRDHUP,
        "one half is shut, which is no hang-up"
    );
    Ok(())
}

/// POLLRDHUP is reported only to who asks for it; POLLIN and a read of 0 tell the others that the
/// peer has shut down its writing half.
#[case(man = ["poll(2), POLLRDHUP"], since = "2.6.17", strength = Documented)]
fn rdhup_must_be_asked_for(t: &mut Trial) -> Result {
    let (peer, mut socket) = net::tcp_pair()?;
    peer.shutdown(Shutdown::Write)?;
    check!(t, poll_wait(&socket, POLLIN)? == POLLIN, "asked for POLLIN, it reports no more");
    check!(t, poll_now(&socket, ALL)? == POLLIN | POLLOUT | POLLRDHUP, "asked for it, it does");
    check!(t, socket.read(&mut [0; 8])? == 0, "read returns 0");
    Ok(())
}

/// A TCP socket is POLLHUP when both directions are shut: the peer's, and its own.
#[case(kernel = ["tcp_poll"], strength = Implementation)]
fn tcp_both_directions_are_hup(t: &mut Trial) -> Result {
    let (peer, socket) = net::tcp_pair()?;
    peer.shutdown(Shutdown::Write)?;
    let reported = t.eventually(|| Ok(poll_now(&socket, POLLRDHUP)? == POLLRDHUP))?;
    check!(t, reported, "the peer's end is reported");
    check!(t, !poll_now(&socket, ALL)?.contains(POLLHUP), "the peer alone has shut its direction");
    socket.shutdown(Shutdown::Write)?;
    check!(
        t,
        poll_now(&socket, ALL)? == POLLIN | POLLOUT | POLLRDHUP | POLLHUP,
        "now both directions are shut"
    );
    Ok(())
}

/// POLLHUP tells a TCP program that its peer has closed the connection.
#[case(
    man = ["poll(2), POLLHUP"],
    strength = Folklore,
    changed = [("", "", deviates, "TCP reports POLLHUP only when both directions are shut; that the peer has closed is POLLRDHUP, and read returning 0")]
)]
fn hup_tells_of_a_closed_tcp_peer(t: &mut Trial) -> Result {
    let (peer, mut socket) = net::tcp_pair()?;
    drop(peer);
    check!(t, socket.read(&mut [0; 8])? == 0, "the peer has closed, as read says");
    check!(t, poll_now(&socket, POLLIN)? == POLLIN | POLLHUP, "poll reports a hang-up");
    Ok(())
}

/// An `AF_UNIX` stream socket whose peer has closed is POLLHUP at once, besides POLLRDHUP.
#[case(man = ["poll(2), POLLHUP"], kernel = ["unix_poll"], strength = Implementation)]
fn unix_peer_close_is_hup(t: &mut Trial) -> Result {
    let (peer, socket) = UnixStream::pair()?;
    peer.shutdown(Shutdown::Write)?;
    check!(
        t,
        poll_now(&socket, ALL)? == POLLIN | POLLOUT | POLLRDHUP,
        "a half shut is no hang-up here either"
    );
    drop(peer);
    check!(
        t,
        poll_now(&socket, ALL)? == POLLIN | POLLOUT | POLLRDHUP | POLLHUP,
        "a close is, as there is no one left"
    );
    Ok(())
}

/// A pipe without writers is POLLIN and POLLHUP while data is left in it, and POLLHUP alone when
/// it is drained.
#[case(man = ["poll(2), POLLHUP", "poll(2), EXAMPLES"], strength = Documented)]
fn pipe_hangup_leaves_its_data(t: &mut Trial) -> Result {
    let (mut reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"last")?;
    drop(writer);
    check!(
        t,
        poll_now(&reader, POLLIN)? == POLLIN | POLLHUP,
        "the writer is gone, its data is not"
    );
    reader.read_exact(&mut [0; 4])?;
    check!(t, poll_now(&reader, POLLIN)? == POLLHUP, "nothing is left but the hang-up");
    Ok(())
}

/// A pipe without readers is POLLOUT and POLLERR at its other end while there is room in it, and
/// POLLERR alone if it was full.
#[case(man = ["poll(2), POLLERR"], kernel = ["pipe_poll"], strength = Implementation)]
fn pipe_without_readers_is_an_error(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    check!(t, poll_now(&writer, POLLOUT)? == POLLOUT | POLLERR, "it was empty");
    let (reader, writer) = std::io::pipe()?;
    net::set_nonblocking(&writer, true)?;
    net::fill(&writer)?;
    drop(reader);
    check!(t, poll_now(&writer, POLLOUT)? == POLLERR, "it was full");
    Ok(())
}
