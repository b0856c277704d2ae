//! What a completion says: that the work is done.
//!
//! poll and epoll tell that a call *would* do something now; the call, and the copy that it makes,
//! are still the program's own. `io_uring` takes the call itself. Whoever finds its completion finds
//! the data in the buffer, and this is the difference between asynchronous and synchronous I/O.
//! A request that cannot be served yet waits in the kernel, not in a thread of the program.

use harness::prelude::*;
use harness::sys::uring::{NOTHING, Ring};

use super::{bits, told};

/// When a read's completion is there, the data is in the program's buffer.
#[case(
    man = ["io_uring(7)", "io_uring_enter(2), IORING_OP_READ"],
    notes = ["S12", "S14"],
    since = "5.6",
    strength = Documented,
    needs = [Need::IoUring]
)]
fn the_data_is_in_the_buffer(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let mut ring = Ring::new()?;
    ring.read(&reader, 1)?;
    check!(t, ring.buffer(5) == [0; 5], "the buffer is untouched while the request is pending");

    writer.write_all(b"hello")?;
    check!(t, ring.wait()? == [(1, Ok(5))], "the read completes");
    check!(t, ring.buffer(5) == b"hello", "the data is in the buffer, and nobody called read");
    check!(t, net::unread(&reader)? == 0, "it is no longer in the pipe");
    Ok(())
}

/// The completion of a poll request tells of readiness only: the data stays in the kernel.
#[case(
    man = ["io_uring_enter(2), IORING_OP_POLL_ADD"],
    notes = ["S12", "S14"],
    since = "5.6",
    strength = Documented,
    needs = [Need::IoUring]
)]
fn a_poll_request_tells_of_readiness_only(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let mut ring = Ring::new()?;
    ring.poll(&reader, bits(POLLIN), 1)?;
    check!(t, ring.completions() == NOTHING, "nothing is ready");

    writer.write_all(b"hello")?;
    check!(
        t,
        ring.wait()? == [(1, Ok(told(POLLIN)))],
        "the arrival completes the poll, with POLLIN"
    );
    check!(t, net::unread(&reader)? == 5, "all of the data waits in the pipe");
    Ok(())
}

/// A read of an empty socket that would block is taken without blocking the caller, and completes
/// when data comes.
#[case(
    man = ["io_uring_setup(2), IORING_FEAT_FAST_POLL"],
    since = "5.7",
    strength = Implementation,
    needs = [Need::IoUring]
)]
fn a_read_that_would_block_stays_pending(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;

    ring.read(&reader, 1)?;
    check!(
        t,
        ring.completions() == NOTHING,
        "io_uring_enter has returned, and there is no completion"
    );
    writer.write_all(b"abc")?;
    check!(t, ring.wait()? == [(1, Ok(3))], "data completes the read");
    Ok(())
}

/// A read of an empty pipe stays pending although the pipe is `O_NONBLOCK`; there is no `EAGAIN`.
#[case(
    commit = ["5d329e1286b0 (io_uring: allow retry for O_NONBLOCK if async is supported)"],
    since = "5.6",
    strength = Implementation,
    needs = [Need::IoUring],
    changed = [("5.6", "5.15", deviates, "the request failed with EAGAIN until commit 5d329e1286b0")],
)]
fn o_nonblock_is_no_reason_to_fail(t: &mut Trial) -> Result {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let (mut reader, mut writer) = std::io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let refused = reader.read(&mut [0]).map_err(|error| error.kind());
    check!(t, refused == Err(ErrorKind::WouldBlock), "a read call refuses");

    let mut ring = Ring::new()?;
    ring.read(&reader, 1)?;
    check!(t, ring.completions() == NOTHING, "a read request waits");
    writer.write_all(b"abc")?;
    check!(t, ring.wait()? == [(1, Ok(3))], "data completes it");
    Ok(())
}
