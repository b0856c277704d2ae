//! Readiness as a request. A poll request completes when a descriptor is ready, with the events as
//! its result; the data stays where it is. It looks first and waits then, and completes once, unless
//! it is asked to go on.

use harness::prelude::*;
use harness::sys::uring::{Request, Ring, Then};

use super::{bits, known, told};

/// A poll request for a descriptor that is ready completes at once, and only once.
#[case(man = ["io_uring_enter(2), IORING_OP_POLL_ADD"], since = "5.1", strength = Documented, needs = [Need::IoUring])]
fn completes_once(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    writer.write_all(b"a")?;
    ring.poll(&reader, bits(POLLIN), 1)?;
    check!(
        t,
        ring.completions() == [(1, Ok(told(POLLIN)))],
        "there was data when it was submitted"
    );
    writer.write_all(b"b")?;
    ring.submit([Request::nop().tag(2)])?;
    check!(t, ring.completions() == [(2, Ok(0))], "more data is not its business");
    Ok(())
}

/// A multishot poll completes for each arrival, drained or not, until it is cancelled.
#[case(man = ["io_uring_enter(2), IORING_POLL_ADD_MULTI"], since = "5.13", strength = Documented, needs = [Need::IoUring])]
fn multishot_completes_for_each_arrival(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::poll_multishot(&reader, bits(POLLIN)).tag(1)])?;
    known(ring.completions(), "IORING_POLL_ADD_MULTI")?;
    for arrival in 1..=3 {
        writer.write_all(b"a")?;
        check!(t, ring.wait()? == [(1, Ok(told(POLLIN)), Then::More)], "arrival {arrival}");
    }
    ring.submit([Request::nop().tag(2)])?;
    check!(t, ring.completions() == [(2, Ok(0))], "unread data is no arrival");
    ring.cancel(1, 3)?;
    let cancelled = (1, Err(Errno::ECANCELED), Then::Last);
    check!(t, ring.wait_by_tag(2)? == [cancelled, (3, Ok(0), Then::Last)], "its end");
    Ok(())
}

/// The kernel's header defines a flag for level-triggered polls (`IORING_POLL_ADD_LEVEL`), and the kernel
/// refuses it with EINVAL, alone and beside the one for multishot polls.
#[case(commit = ["b9ba8a4463cd (io_uring: add support for level triggered poll)"], kernel = ["io_poll_add_prep"], since = "5.13", strength = Implementation, needs = [Need::IoUring])]
fn there_is_no_level(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut ring = Ring::new()?;
    writer.write_all(b"a")?;
    let once = Request::poll(&reader, bits(POLLIN));
    let multishot = Request::poll_multishot(&reader, bits(POLLIN));
    ring.submit([once.level().tag(1)])?;
    check!(t, ring.wait()? == [(1, Err(Errno::EINVAL))], "a level");
    ring.submit([multishot.clone().level().tag(2)])?;
    check!(t, ring.wait()? == [(2, Err(Errno::EINVAL))], "a level that goes on");
    ring.submit([multishot.tag(3)])?;
    check!(t, ring.wait()? == [(3, Ok(told(POLLIN)), Then::More)], "without the flag");
    Ok(())
}

/// A poll of what cannot be waited for, such as a directory, completes at once with what was asked.
#[case(kernel = ["vfs_poll", "io_poll_add"], since = "5.1", strength = Implementation, needs = [Need::IoUring])]
fn a_directory_is_always_ready(t: &mut Trial) -> Result {
    let directory = std::fs::File::open("/")?;
    let mut ring = Ring::new()?;
    for (tag, events) in [(1, POLLIN), (2, POLLOUT), (3, POLLIN | POLLOUT)] {
        ring.poll(&directory, bits(events), tag)?;
        check!(t, ring.completions() == [(tag, Ok(told(events)))], "asked for {events:?}");
    }
    Ok(())
}
