//! `io_submit`: the kernel's own asynchronous I/O, made for files that are read past the page cache.
//! Everything else is done at once, inside of the call that was to hand it over. Only a wait for
//! readiness (`IOCB_CMD_POLL`) is asynchronous for every kind of descriptor that poll knows.

use harness::prelude::*;
use harness::sys::native_aio::{Completion, Request};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::write;

use super::{context, file};

/// The poll events of a descriptor with data, as a completion tells them.
const READABLE: i64 = (POLLIN.bits() | PollFlags::POLLRDNORM.bits()) as i64;

/// A read from an empty pipe is not asynchronous: `io_submit` itself sleeps until there is data.
#[case(man = ["io_submit(2)", "io_uring(7)"], kernel = ["aio_read"], since = "2.6.0", strength = Implementation)]
fn submitting_a_read_of_a_pipe_sleeps(t: &mut Trial) -> Result {
    let context = context()?;
    let (reader, writer) = std::io::pipe()?;
    let request = Request::read(&reader, 1);
    let job = t.spawn("submit", move || Ok(context.submit(&[request])))?;
    check!(t, job.sleeps_in(t, Call::IO_SUBMIT)?, "the pipe is empty, and io_submit sleeps");
    write(&writer, b"hello")?;
    check!(t, job.join_soon(t)? == Some(Ok(1)), "data lets it return");
    let done = [Completion { tag: 1, result: 5 }];
    check!(t, context.events(0, 8, None)? == done, "and the request is complete already");
    check!(t, request.buffer(5) == b"hello", "with the data in its buffer");
    Ok(())
}

/// Reads of a file through the page cache are complete when `io_submit` returns, in their order.
#[case(man = ["io_submit(2)"], kernel = ["aio_read", "aio_rw_done"], since = "2.6.0", strength = Implementation)]
fn reads_of_a_file_are_done_at_once(t: &mut Trial) -> Result {
    let context = context()?;
    let file = file(t, b"hello")?;
    let tags = [1, 2, 3, 4, 5, 6, 7, 8];
    let requests = tags.map(|tag| Request::read(&file, tag));
    check!(t, context.submit(&requests) == Ok(8), "the requests are taken");
    check!(t, requests[7].buffer(5) == b"hello", "the data is in the last one's buffer");
    let done = tags.map(|tag| Completion { tag, result: 5 });
    check!(t, context.events(0, 8, None)? == done, "and all are complete");
    Ok(())
}

/// `IOCB_CMD_POLL` completes when its descriptor becomes ready, once, and tells the events.
#[case(commit = ["bfe4037e722e"], kernel = ["aio_poll"], since = "4.19", strength = Implementation)]
fn polls_once(t: &mut Trial) -> Result {
    let context = context()?;
    let (reader, writer) = std::io::pipe()?;
    context
        .submit(&[Request::poll(&reader, POLLIN, 7)])
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EINVAL], "IOCB_CMD_POLL"))?;
    check!(t, context.events(0, 8, None)? == [], "the pipe is empty");
    write(&writer, b"x")?;
    let done = [Completion { tag: 7, result: READABLE }];
    check!(t, context.events(1, 8, None)? == done, "data completes the request");
    write(&writer, b"x")?;
    check!(t, context.events(0, 8, None)? == [], "more data does not do so again");
    Ok(())
}

/// `IOCB_CMD_POLL` of a descriptor that is ready completes at once, with the events asked for alone.
#[case(commit = ["bfe4037e722e"], kernel = ["aio_poll"], since = "4.19", strength = Implementation)]
fn polls_what_is_ready(t: &mut Trial) -> Result {
    let context = context()?;
    let (reader, writer) = std::io::pipe()?;
    write(&writer, b"x")?;
    context
        .submit(&[Request::poll(&reader, POLLIN, 7)])
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EINVAL], "IOCB_CMD_POLL"))?;
    let done = [Completion { tag: 7, result: i64::from(POLLIN.bits()) }];
    check!(t, context.events(0, 8, None)? == done, "the request is complete when it was submitted");
    Ok(())
}

/// Requests complete in the order in which they become ready, and not in that of their submission.
#[case(man = ["io_submit(2)"], kernel = ["aio_complete"], since = "4.19", strength = Implementation)]
fn order_is_that_of_readiness(t: &mut Trial) -> Result {
    let context = context()?;
    let ((early, first), (late, second)) = (std::io::pipe()?, std::io::pipe()?);
    let requests = [Request::poll(&early, POLLIN, 1), Request::poll(&late, POLLIN, 2)];
    let taken = context
        .submit(&requests)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EINVAL], "IOCB_CMD_POLL"))?;
    check!(t, taken == 2, "both are taken");
    for (writer, tag) in [(&second, 2), (&first, 1)] {
        write(writer, b"x")?;
        let done = [Completion { tag, result: READABLE }];
        check!(t, context.events(1, 8, None)? == done, "request {tag} is complete");
    }
    Ok(())
}

/// With `IOCB_FLAG_RESFD`, each completion adds one to an eventfd.
#[case(man = ["io_submit(2)"], kernel = ["aio_complete"], since = "2.6.22", strength = Documented)]
fn an_eventfd_counts_completions(t: &mut Trial) -> Result {
    let context = context()?;
    let file = file(t, b"hello")?;
    let eventfd = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    let requests = [1, 2, 3].map(|tag| Request::read(&file, tag).told_by(&eventfd));
    check!(t, context.submit(&requests) == Ok(3), "three reads of a file are taken");
    let mut counted = 0;
    let complete = t.eventually(|| {
        counted += eventfd.read().unwrap_or(0);
        Ok(counted >= 3)
    })?;
    check!(t, complete, "their completions are counted");
    let mut tags: Vec<_> = context.events(0, 8, None)?.iter().map(|done| done.tag).collect();
    tags.sort_unstable();
    check!(t, (counted, tags) == (3, vec![1, 2, 3]), "three, and all are there to be taken");
    Ok(())
}

/// `io_cancel` of an `IOCB_CMD_POLL` request fails with EINPROGRESS, which means that it succeeded:
/// the request completes without its events.
#[case(kernel = ["io_cancel", "aio_poll_cancel"], since = "4.19", strength = Implementation)]
fn cancelled_means_in_progress(t: &mut Trial) -> Result {
    let context = context()?;
    let (reader, _writer) = std::io::pipe()?;
    let request = Request::poll(&reader, POLLIN, 7);
    context
        .submit(&[request])
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EINVAL], "IOCB_CMD_POLL"))?;
    check!(t, context.cancel(&request) == Err(Errno::EINPROGRESS), "it is being cancelled");
    let done = context.events(1, 8, None)?;
    check!(t, done.len() == 1, "it is complete");
    check!(t, done[0].tag == 7, "and told of like any other");
    check!(t, done[0].result & READABLE == 0, "but nothing was ready");
    check!(t, context.cancel(&request) == Err(Errno::EINVAL), "it cannot be cancelled again");
    Ok(())
}
