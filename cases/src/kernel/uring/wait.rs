//! How a program waits for completions: asleep in `io_uring_enter`, which takes a number of them, and
//! in newer kernels a time. What its requests wait for meanwhile costs no thread.

use std::time::{Duration, Instant};

use harness::prelude::*;
use harness::sys::signal;
use harness::sys::uring::{NOTHING, Request, Ring, feature, setup};
use nix::sys::signal::Signal;

/// A signal with a handler ends the sleep in `io_uring_enter` with EINTR, even with `SA_RESTART`.
#[case(man = ["signal(7)", "io_uring_enter(2), ERRORS: EINTR"], since = "5.1", strength = Implementation, needs = [Need::IoUring])]
fn a_signal_ends_it(t: &mut Trial) -> Result {
    for restart in [false, true] {
        signal::take_notes_of(Signal::SIGUSR1 as i32, restart)?;
        let (handled, mut ring) = (signal::handled(), Ring::new()?);
        let job = t.spawn("waiter", move || Ok(ring.wait_once()))?;
        check!(t, job.sleeps_in(t, Call::URING_ENTER)?, "it sleeps, for nothing was asked for");
        job.signal(Signal::SIGUSR1)?;
        let end = job.join_soon(t)?;
        check!(t, end == Some(Err(Errno::EINTR)), "how it ends, with SA_RESTART: {restart}");
        check!(t, signal::handled() == handled + 1, "the handler has run");
    }
    Ok(())
}

/// A wait with a time-out ends with ETIME, never before its time, and with a completion if one
/// comes.
#[case(man = ["io_uring_enter(2), IORING_ENTER_EXT_ARG"], since = "5.11", strength = Documented, needs = [Need::IoUring])]
fn may_have_a_timeout(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    let limit = Duration::from_millis(5);
    let start = Instant::now();
    let waited = ring.wait_at_most(limit)?;
    let took = start.elapsed();
    check!(t, waited == Err(Errno::ETIME), "nothing completes");
    check!(t, took >= limit, "a wait of {limit:?} took {took:?}");
    ring.submit([Request::nop().tag(1)])?;
    check!(t, ring.wait_at_most(Duration::from_hours(1))?.is_ok(), "something is complete");
    check!(t, ring.completions() == [(1, Ok(0))], "it is in the queue");
    Ok(())
}

/// A sleeping thread is woken when as many completions are there as it waits for, and not before.
#[case(man = ["io_uring_enter(2)"], since = "5.1", strength = Documented, needs = [Need::IoUring])]
fn it_is_for_a_number(t: &mut Trial) -> Result {
    let pairs = [UnixStream::pair()?, UnixStream::pair()?];
    let mut ring = Ring::new()?;
    ring.submit([Request::read(&pairs[0].0, 1).tag(1), Request::read(&pairs[1].0, 1).tag(2)])?;
    let job = t.spawn("waiter", move || Ok(ring.wait_by_tag(2)?))?;
    check!(t, job.sleeps_in(t, Call::URING_ENTER)?, "it waits for two reads");
    let before = job.wakeups()?;
    (&pairs[1].1).write_all(b"a")?;
    check!(t, job.sleeps_in(t, Call::URING_ENTER)?, "one has its data: it sleeps on");
    check!(t, job.wakeups()? == before, "it was not woken meanwhile");
    (&pairs[0].1).write_all(b"a")?;
    let completions = job.join_soon(t)?;
    check!(
        t,
        completions.as_deref().is_some_and(|completions| completions == [(1, Ok(1)), (2, Ok(1))]),
        "both have, and it is woken"
    );
    Ok(())
}

/// The threads of this process. Those of the kernel that work for its rings are among them.
fn threads() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Reads of empty, blocking pipes wait without a thread of the program, and without one of the
/// kernel.
#[case(man = ["io_uring_setup(2), IORING_FEAT_FAST_POLL"], kernel = ["io_arm_poll_handler"], since = "5.7", strength = Implementation, needs = [Need::IoUring])]
fn pending_reads_have_no_thread(t: &mut Trial) -> Result {
    let pipes = (0..8).map(|_| std::io::pipe()).collect::<std::io::Result<Vec<_>>>()?;
    let mut ring = Ring::new()?;
    let before = threads()?;
    for (reader, _) in &pipes {
        ring.submit([Request::read(reader, 1).tag(1)])?;
    }
    check!(t, ring.completions() == NOTHING, "eight reads are pending");
    check!(t, threads()? == before, "threads of the process, as many as before");
    Ok(())
}

/// A request that the program does not want to be tried (`IOSQE_ASYNC`) is given to a worker, which
/// is a thread of the process that the kernel starts.
#[case(man = ["io_uring_enter(2), IOSQE_ASYNC", "io_uring_setup(2), IORING_FEAT_NATIVE_WORKERS"], since = "5.12", strength = Implementation, needs = [Need::IoUring])]
fn a_worker_is_a_thread_of_the_process(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let mut ring = Ring::new()?;
    if setup(1, 0, 0)?.features & feature::NATIVE_WORKERS == 0 {
        return Err(Stop::Unsupported("workers are threads of the kernel's own here".to_owned()));
    }
    let before = threads()?;
    ring.submit([Request::read(&reader, 1).tag(1).by_a_worker()])?;
    check!(t, t.eventually(|| Ok(threads()? == before + 1))?, "there is one thread more");
    writer.write_all(b"a")?;
    check!(t, ring.wait()? == [(1, Ok(1))], "the read completes when there is data");
    Ok(())
}
