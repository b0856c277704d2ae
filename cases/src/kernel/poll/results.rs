//! poll takes an array. In each entry the program fills in a descriptor and the `events` that it
//! asks for; the kernel fills in `revents`. The two are apart, so the array can be used again as
//! it is. Three bits of `revents` come unasked: POLLERR, POLLHUP and POLLNVAL.

use harness::prelude::*;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// poll writes `revents` of every entry, ready or not, leaves the rest as it was, and returns the
/// number of entries that are ready.
#[case(man = ["poll(2)"], strength = Documented)]
fn writes_revents_only(t: &mut Trial) -> Result {
    let ((idle, _keep), (mut ready, mut writer)) = (std::io::pipe()?, std::io::pipe()?);
    let mut entries = [Entry::new(idle.as_raw_fd(), POLLIN), Entry::new(ready.as_raw_fd(), POLLIN)];
    let expected = |first, second| {
        [Entry { revents: first, ..entries[0] }, Entry { revents: second, ..entries[1] }]
    };
    let (nothing, one) = (PollFlags::empty(), expected(PollFlags::empty(), POLLIN));
    let none = expected(nothing, nothing);
    writer.write_all(b"!")?;
    check!(t, poll_entries(&mut entries, 0)? == 1, "one of two pipes is ready");
    check!(t, entries == one, "it is the second one");
    ready.read_exact(&mut [0])?;
    check!(t, poll_entries(&mut entries, 0)? == 0, "the same array again: none is ready any more");
    check!(t, entries == none, "and what was written before is overwritten");
    Ok(())
}

/// An entry of which more than one condition is true counts once.
#[case(man = ["poll(2), RETURN VALUE"], strength = Documented)]
fn counts_entries_not_conditions(t: &mut Trial) -> Result {
    let (socket, mut peer) = UnixStream::pair()?;
    peer.write_all(b"!")?;
    let mut entries = [Entry::new(socket.as_raw_fd(), POLLIN | POLLOUT)];
    check!(t, poll_entries(&mut entries, 0)? == 1, "one socket is ready");
    check!(t, entries[0].revents == POLLIN | POLLOUT, "for reading and for writing");
    Ok(())
}

/// An entry with a negative descriptor is skipped, and its `revents` is 0.
#[case(man = ["poll(2)"], strength = Documented)]
fn skips_negative_descriptors(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"!")?;
    let mut entries = [-1, !reader.as_raw_fd(), i32::MIN].map(|number| Entry::new(number, POLLIN));
    check!(
        t,
        poll_entries(&mut entries, 0)? == 0,
        "no entry counts, not even the complement of a ready pipe"
    );
    check!(
        t,
        entries.map(|entry| entry.revents) == [PollFlags::empty(); 3],
        "their revents are cleared"
    );
    Ok(())
}

/// A descriptor that is not open is reported as POLLNVAL, asked for or not, and counts as ready.
#[case(man = ["poll(2), POLLNVAL"], strength = Documented)]
fn reports_a_closed_descriptor(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let closed = reader.try_clone()?.as_raw_fd();
    let mut entries =
        [Entry::new(reader.as_raw_fd(), POLLIN), Entry::new(closed, PollFlags::empty())];
    check!(
        t,
        poll_entries(&mut entries, -1)? == 1,
        "poll fails not, nor waits, and counts the closed one"
    );
    check!(
        t,
        entries.map(|entry| entry.revents) == [PollFlags::empty(), POLLNVAL],
        "it alone has something to say"
    );
    Ok(())
}

/// A descriptor that was opened with `O_PATH` is as good as closed: poll reports POLLNVAL, and
/// `EPOLL_CTL_ADD` fails with EBADF.
#[case(man = ["open(2), O_PATH"], since = "2.6.39", strength = Documented)]
fn path_descriptor_counts_as_closed(t: &mut Trial) -> Result {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::File::options();
    let path = options.read(true).custom_flags(nix::libc::O_PATH).open(t.folder()?)?;
    check!(t, poll_now(&path, POLLIN)? == POLLNVAL, "poll");
    let added = Epoll::new()?.add(&path, EPOLLIN);
    check!(t, added == Err(Errno::EBADF), "EPOLL_CTL_ADD");
    Ok(())
}

/// POLLHUP and POLLERR are reported even if no events at all are asked for.
#[case(man = ["poll(2), POLLERR", "poll(2), POLLHUP"], strength = Documented)]
fn reports_hangup_and_error_unasked(t: &mut Trial) -> Result {
    let nothing = PollFlags::empty();
    let (reader, writer) = std::io::pipe()?;
    check!(
        t,
        poll_now(&reader, nothing)? == nothing,
        "both ends are open, and there is nothing to report"
    );
    drop(writer);
    check!(t, poll_now(&reader, nothing)? == POLLHUP, "the pipe has no writer any more");
    let (reader, writer) = std::io::pipe()?;
    check!(
        t,
        poll_now(&writer, nothing)? == nothing,
        "both ends are open, and there is nothing to report"
    );
    drop(reader);
    check!(t, poll_now(&writer, nothing)? == POLLERR, "the pipe has no reader any more");
    Ok(())
}

/// poll fails with EINVAL for an array of more entries than `RLIMIT_NOFILE`, even if it asks for
/// nothing.
#[case(man = ["poll(2), ERRORS: EINVAL"], strength = Documented)]
fn refuses_more_entries_than_rlimit(t: &mut Trial) -> Result {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 16, hard)?;
    let mut entries = [Entry::new(-1, POLLIN); 17];
    check!(
        t,
        poll_entries(&mut entries[..16], 0) == Ok(0),
        "sixteen entries are as many as there may be descriptors"
    );
    check!(t, poll_entries(&mut entries, 0) == Err(Errno::EINVAL), "seventeen are too many");
    Ok(())
}
