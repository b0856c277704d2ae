//! What is believed of asynchronous I/O.

use harness::prelude::*;
use harness::sys::native_aio::Request;

use super::context;

/// `io_submit` hands requests over and never blocks.
#[case(
    man = ["io_submit(2)"],
    kernel = ["aio_read"],
    since = "2.6.0",
    strength = Folklore,
    changed = [("", "", deviates, "a read that is not of a file opened with O_DIRECT is done inside of io_submit, which sleeps in it")]
)]
fn submit_never_blocks(t: &mut Trial) -> Result {
    let context = context()?;
    let (reader, mut writer) = std::io::pipe()?;
    let request = Request::read(&reader, 1);
    let job = t.spawn("submit", move || Ok(context.submit(&[request])))?;
    let blocks = job.sleeps_in(t, Call::IO_SUBMIT)?;
    writer.write_all(b"hello")?;
    check!(t, job.join()? == Ok(1), "the request is taken");
    check!(t, !blocks, "the read of an empty pipe is handed over");
    Ok(())
}

/// `aio_read` makes the kernel read in the background, without a thread.
#[case(
    man = ["aio(7), NOTES"],
    needs = [Need::Syscalls],
    strength = Folklore,
    changed = [("", "", deviates, "the C library starts a thread, which reads like any other")]
)]
fn posix_aio_needs_no_thread(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let threads = || -> Result<usize> { Ok(std::fs::read_dir("/proc/self/task")?.count()) };
    let before = threads()?;
    let request = harness::sys::aio::AioRead::start(&reader)?;
    let during = threads()?;
    writer.write_all(b"hello")?;
    harness::watch::until(|| Ok(request.error() == Ok(())))?;
    check!(t, during == before, "threads while the request waits");
    Ok(())
}
