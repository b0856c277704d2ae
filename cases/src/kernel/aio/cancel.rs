//! Waiting for a request of POSIX's asynchronous I/O, and taking it back. A thread of the library that
//! sleeps in read cannot be called back; a request that no thread has begun yet can.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::aio::AioRead;
use nix::libc::{AIO_ALLDONE, AIO_CANCELED, AIO_NOTCANCELED};

/// With glibc a request that a thread has begun is not cancelled: `aio_cancel` returns
/// `AIO_NOTCANCELED`, and the request completes as if nobody had asked.
#[case(man = ["aio_cancel(3)"], posix = ["aio_cancel()"], needs = [Need::Syscalls], strength = Implementation)]
fn a_running_request_goes_on(t: &mut Trial) -> Result {
    if cfg!(not(target_env = "gnu")) {
        return Err(Stop::Unobservable("this C library may cancel its own threads".to_owned()));
    }
    let (reader, mut writer) = std::io::pipe()?;
    let request = AioRead::start(&reader)?;
    super::request::sleeping_reader(t)?;
    check!(t, request.cancel() == Ok(AIO_NOTCANCELED), "a thread sleeps in the read");
    check!(t, request.error() == Err(Errno::EINPROGRESS), "the request is in progress");
    writer.write_all(b"hello")?;
    let complete = t.eventually(|| Ok(request.error() != Err(Errno::EINPROGRESS)))?;
    check!(t, complete, "data completes it");
    check!(t, request.cancel() == Ok(AIO_ALLDONE), "now there is nothing to cancel");
    check!(t, request.result() == Ok(5), "it has read five bytes");
    Ok(())
}

/// A request that waits behind another on the same descriptor is cancelled, and ends in ECANCELED.
#[case(man = ["aio_cancel(3)"], posix = ["aio_cancel()"], needs = [Need::Syscalls], strength = Documented)]
fn a_waiting_request_is_cancelled(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let running = AioRead::start(&reader)?;
    super::request::sleeping_reader(t)?;
    let waiting = AioRead::start(&reader)?;
    check!(t, waiting.cancel() == Ok(AIO_CANCELED), "no thread has begun it");
    check!(t, waiting.error() == Err(Errno::ECANCELED), "which is how it ends");
    writer.write_all(b"hello")?;
    let complete = t.eventually(|| Ok(running.error() == Ok(())))?;
    check!(t, complete, "the one before it completes");
    check!(t, running.buffer(5) == b"hello", "and gets the data");
    Ok(())
}

/// `aio_suspend` for a request that does not complete fails with EAGAIN when its time is over, and
/// not before.
#[case(man = ["aio_suspend(3)"], posix = ["aio_suspend()"], strength = Documented)]
fn waiting_has_an_end(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let request = AioRead::start(&reader)?;
    let (start, limit) = (Instant::now(), Duration::from_millis(20));
    check!(t, request.wait(limit) == Err(Errno::EAGAIN), "nothing has come");
    check!(t, start.elapsed() >= limit, "and it was waited for");
    check!(t, request.error() == Err(Errno::EINPROGRESS), "the request goes on");
    Ok(())
}

/// `aio_suspend` sleeps until the request is complete.
#[case(man = ["aio_suspend(3)"], posix = ["aio_suspend()"], strength = Documented)]
fn waiting_ends_with_the_request(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let request = AioRead::start(&reader)?;
    let job = t.spawn("waiter", move || Ok((request.wait(Duration::from_hours(1)), request)))?;
    check!(t, job.sleeps_in(t, Call::FUTEX)?, "there is no data, and the thread sleeps");
    writer.write_all(b"hello")?;
    let ended = job.join_soon(t)?;
    check!(t, ended.is_some(), "the request is complete, and the thread wakes up");
    if let Some((waited, request)) = ended {
        check!(t, waited == Ok(()), "which is a success");
        check!(t, request.result() == Ok(5), "and five bytes were read");
    }
    Ok(())
}
