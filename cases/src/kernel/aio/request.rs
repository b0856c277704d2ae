//! A request of `aio_read`, from its start to its end.
//!
//! POSIX defines an interface in which a program asks for a read, goes on, and finds the data in
//! its buffer when the request is complete: asynchronous I/O by definition. On Linux the C library
//! makes it out of synchronous calls, with threads that sleep in `read` in the program's place.

use harness::prelude::*;
use harness::sys::aio::AioRead;
use harness::watch::{State, Task};

/// An `aio_read` of an empty pipe returns at once and stays in progress until there is data; when
/// it is complete the data is in the buffer.
#[case(
    man = ["aio(7)", "aio_error(3)", "aio_return(3)"],
    posix = ["aio_read()"],
    notes = ["S12"],
    strength = Documented
)]
fn complete_means_that_the_data_is_in_the_buffer(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;

    let request = AioRead::start(&reader)?;
    check!(t, request.error() == Err(Errno::EINPROGRESS), "the request is in progress");
    writer.write_all(b"hello")?;
    let complete = t.eventually(|| Ok(request.error() != Err(Errno::EINPROGRESS)))?;
    check!(t, complete, "data completes it");
    check!(t, request.error() == Ok(()), "with success");
    check!(t, request.buffer(5) == b"hello", "the data is in the buffer already");
    check!(t, net::unread(&reader)? == 0, "and no longer in the pipe");
    check!(t, request.result() == Ok(5), "aio_return tells how much was read");
    Ok(())
}

/// The threads of this process.
fn threads() -> Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir("/proc/self/task")?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?)
}

/// Whether a thread sleeps in read.
fn reads(thread: Task) -> bool {
    thread.state().is_ok_and(|state| state == State::SLEEPING)
        && thread.syscall().is_ok_and(|call| call.is_some_and(|number| Call::READ.is(number)))
}

/// Returns when some thread of this process sleeps in read: one of the library's, that serves a
/// request.
pub(super) fn sleeping_reader(t: &Trial) -> Result {
    if t.eventually(|| Ok(threads()?.into_iter().map(Task::at).any(reads)))? {
        Ok(())
    } else {
        Err(Stop::error("no thread of the library came to sleep in read"))
    }
}

/// The request is served by a thread of the process that sleeps in `read`.
#[case(man = ["aio(7), NOTES"], notes = ["S12"], needs = [Need::Syscalls], strength = Implementation)]
fn a_thread_of_the_library_does_the_reading(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let before = threads()?;

    let _request = AioRead::start(&reader)?;
    let mut new = threads()?;
    new.retain(|thread| !before.contains(thread));
    check!(t, !new.is_empty(), "the request made a thread");
    let asleep = t.eventually(|| Ok(new.iter().map(Task::at).any(reads)))?;
    check!(t, asleep, "a new thread comes to sleep in read");
    Ok(())
}

/// A request that waits on one descriptor does not hold up a request on another.
#[case(man = ["aio(7)"], posix = ["aio_read()"], strength = Implementation)]
fn descriptors_do_not_wait_for_each_other(t: &mut Trial) -> Result {
    let (empty, _writer) = std::io::pipe()?;
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"hello")?;

    let waiting = AioRead::start(&empty)?;
    let request = AioRead::start(&reader)?;
    let complete = t.eventually(|| Ok(request.error() == Ok(())))?;
    check!(t, complete, "the request that finds data completes");
    check!(
        t,
        waiting.error() == Err(Errno::EINPROGRESS),
        "the one that was made before it waits on"
    );
    Ok(())
}
