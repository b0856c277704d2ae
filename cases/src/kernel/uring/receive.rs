//! Data as completions. A read or receive names its buffer when it is submitted, and ties it up for
//! as long as it is pending. With a group of buffers the kernel chooses one when there is data, so
//! that a thousand idle connections need no thousand buffers; and such a request can go on, a
//! completion for each piece, until the buffers are used up or the stream ends.

use harness::prelude::*;
use harness::sys::uring::{Completion, NOTHING, Request, Ring, Then, operation};
use nix::libc::MSG_DONTWAIT;

use super::known;

/// A receive with `MSG_DONTWAIT` fails with EAGAIN where another one would stay pending.
#[case(man = ["recv(2), MSG_DONTWAIT", "io_uring_enter(2), IORING_OP_RECV"], since = "5.6", strength = Implementation, needs = [Need::IoUring])]
fn msg_dontwait_is_eagain(t: &mut Trial) -> Result {
    let (reader, mut writer) = net::tcp_pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::recv(&reader, 8, 0).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "without the flag it waits");
    ring.submit([Request::recv(&reader, 8, MSG_DONTWAIT).tag(2)])?;
    check!(t, ring.wait()? == [(2, Err(Errno::EAGAIN))], "with it there is nothing to wait for");
    writer.write_all(b"abc")?;
    check!(t, ring.wait()? == [(1, Ok(3))], "data completes the one that waited");
    Ok(())
}

/// A receive from a socket that is `O_NONBLOCK` stays pending; there is no EAGAIN.
#[case(kernel = ["io_recv", "io_arm_poll_handler"], since = "5.7", strength = Implementation, needs = [Need::IoUring])]
fn o_nonblock_sockets_wait_too(t: &mut Trial) -> Result {
    let (reader, mut writer) = net::tcp_pair()?;
    reader.set_nonblocking(true)?;
    let refused = (&reader).read(&mut [0]).map_err(|error| error.kind());
    check!(t, refused == Err(ErrorKind::WouldBlock), "recv refuses");
    let mut ring = Ring::new()?;
    ring.submit([Request::recv(&reader, 8, 0).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "a request waits");
    writer.write_all(b"abc")?;
    check!(t, ring.wait()? == [(1, Ok(3))], "data completes it");
    Ok(())
}

/// Shutting down the receiving side completes a pending receive with 0.
#[case(man = ["io_uring_cancelation(7)", "shutdown(2)"], since = "5.7", strength = Implementation, needs = [Need::IoUring])]
fn shutdown_completes_it(t: &mut Trial) -> Result {
    let (reader, _writer) = net::tcp_pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::recv(&reader, 8, 0).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "there is no data");
    reader.shutdown(std::net::Shutdown::Read)?;
    check!(t, ring.wait()? == [(1, Ok(0))], "there is an end of the stream");
    Ok(())
}

/// A receive tells whether the socket has more data than it took (`IORING_CQE_F_SOCK_NONEMPTY`).
#[case(man = ["io_uring_enter(2), IORING_CQE_F_SOCK_NONEMPTY"], since = "5.19", strength = Documented, needs = [Need::IoUring])]
fn tells_whether_more_is_there(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    // No bit tells of this one; it came with the operation that is asked for.
    if !ring.knows(operation::SOCKET) {
        return Err(Stop::Unsupported("the ring is older than Linux 5.19".to_owned()));
    }
    let (reader, mut writer) = net::tcp_pair()?;
    writer.write_all(b"abcdefgh")?;
    net::delivered(&reader, 8)?;
    for (left, more) in [(4, true), (0, false)] {
        ring.submit([Request::recv(&reader, 4, 0).tag(1)])?;
        let completions = ring.wait()?;
        check!(t, completions == [(1, Ok(4))], "four bytes are received");
        check!(t, completions[0].left_some() == more, "whether something is left, of {left} bytes");
    }
    Ok(())
}

/// A read that takes its buffer from a group fails with ENOBUFS if the group has none left, and tells
/// which one it took if it has.
#[case(man = ["io_uring_enter(2), IOSQE_BUFFER_SELECT", "io_uring_enter(2), IORING_OP_PROVIDE_BUFFERS"], since = "5.7", strength = Documented, needs = [Need::IoUring])]
fn buffers_are_chosen_when_there_is_data(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    let provide = Request::provide_buffers(5, 1, 8);
    ring.submit([provide.clone().tag(1)])?;
    check!(t, ring.wait()?[0].result.is_ok(), "a buffer is provided");
    let read = || Request::recv(&reader, 8, 0).from_group(5);
    writer.write_all(b"abc")?;
    ring.submit([read().tag(2)])?;
    let first = ring.wait()?;
    check!(t, first == [(2, Ok(3))], "data comes");
    check!(t, first[0].buffer() == Some(0), "it is in the buffer");
    check!(t, provide.data(3) == b"abc", "as can be seen");
    writer.write_all(b"def")?;
    ring.submit([read().tag(3)])?;
    check!(t, ring.wait()? == [(3, Err(Errno::ENOBUFS))], "more data finds no buffer");
    check!(t, net::unread(&reader)? == 3, "and stays in the socket");
    Ok(())
}

/// The group of buffers of [`pieces`].
const GROUP: u16 = 1;

/// Sends two pieces, and checks what a multishot request makes of each, and of a third that finds no
/// buffer any more.
fn pieces(t: &mut Trial, what: &str, request: Request, writer: OwnedFd) -> Result {
    let mut ring = Ring::new()?;
    let buffers = ring.provide(GROUP, 2, 16)?;
    ring.submit([request.tag(1)])?;
    check!(t, known(ring.completions(), what)? == NOTHING, "there is no data");
    let mut completions = Vec::new();
    for piece in 1..=2 {
        nix::unistd::write(&writer, b"abc")?;
        completions.extend(ring.wait()?);
        check!(t, completions.len() >= piece, "piece {piece} is a completion");
    }
    // Some kernels look for a third buffer at once, others when there is data for it.
    nix::unistd::write(&writer, b"def")?;
    while completions.len() < 3 {
        completions.extend(ring.wait()?);
    }
    let (piece, end) = ((1, Ok(3), Then::More), (1, Err(Errno::ENOBUFS), Then::Last));
    check!(t, completions == [piece, piece, end], "the third one finds no buffer");
    let chosen: Vec<_> = completions.iter().filter_map(Completion::buffer).collect();
    check!(t, chosen == [0, 1], "the buffers of the two others, in the order of the group");
    for buffer in chosen {
        check!(t, buffers.data(buffer, 3) == b"abc", "the data is in buffer {buffer}");
    }
    Ok(())
}

/// A multishot receive completes for each piece, in a buffer of a group, and ends with ENOBUFS when
/// the group is used up.
#[case(man = ["io_uring_enter(2), IORING_RECV_MULTISHOT"], since = "6.0", strength = Documented, needs = [Need::IoUring])]
fn multishot_receive_ends_without_buffers(t: &mut Trial) -> Result {
    let (reader, writer) = UnixStream::pair()?;
    let request = Request::recv_multishot(&reader, GROUP);
    pieces(t, "IORING_RECV_MULTISHOT", request, writer.into())
}

/// A multishot read completes for each piece, in a buffer of a group, and ends with ENOBUFS when the
/// group is used up.
#[case(man = ["io_uring_enter(2), IORING_OP_READ_MULTISHOT"], since = "6.7", strength = Documented, needs = [Need::IoUring])]
fn multishot_read_ends_without_buffers(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let request = Request::read_multishot(&reader, GROUP);
    pieces(t, "IORING_OP_READ_MULTISHOT", request, writer.into())
}

/// A multishot receive ends with the stream: with 0, without a buffer, and for good.
#[case(man = ["io_uring_enter(2), IORING_RECV_MULTISHOT"], since = "6.0", strength = Documented, needs = [Need::IoUring])]
fn multishot_receive_ends_with_the_stream(t: &mut Trial) -> Result {
    let (reader, mut writer) = net::tcp_pair()?;
    let mut ring = Ring::new()?;
    let _buffers = ring.provide(1, 4, 16)?;
    ring.submit([Request::recv_multishot(&reader, 1).tag(1)])?;
    known(ring.completions(), "IORING_RECV_MULTISHOT")?;
    writer.write_all(b"abc")?;
    check!(t, ring.wait()? == [(1, Ok(3), Then::More)], "data");
    writer.shutdown(std::net::Shutdown::Write)?;
    let end = ring.wait()?;
    check!(t, end == [(1, Ok(0), Then::Last)], "the end of the stream");
    check!(
        t,
        end.iter().map(Completion::buffer).collect::<Vec<_>>() == [None],
        "it needs no buffer"
    );
    Ok(())
}
