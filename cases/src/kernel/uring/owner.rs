//! Who may use a ring, and when its completions come about.
//!
//! A ring is memory and a descriptor: whoever has both can submit to it and find its completions,
//! another thread or a forked process too. That is paid for with locks, so a program may promise
//! that one thread alone submits, and then that nothing is to be completed behind its back.

use harness::prelude::*;
use harness::sys::process;
use harness::sys::uring::{NOTHING, Request, Ring};
use nix::sys::wait::{WaitStatus, waitpid};

use super::{bits, told};

/// A ring that was made by one thread takes requests of another.
#[case(man = ["io_uring_setup(2), IORING_SETUP_SINGLE_ISSUER"], since = "5.1", strength = Implementation, needs = [Need::IoUring])]
fn any_thread_may_submit(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    ring.push(&[Request::nop().tag(1)])?;
    let job = t.spawn("another thread", move || {
        let taken = ring.enter();
        Ok((taken, ring))
    })?;
    let (taken, mut ring) = job.join()?;
    check!(t, taken == Ok(1), "requests that the kernel took from the other thread");
    check!(t, ring.completions() == [(1, Ok(0))], "it is complete");
    Ok(())
}

/// A ring with `IORING_SETUP_SINGLE_ISSUER` takes requests of the thread that made it only: another
/// one gets EEXIST.
#[case(man = ["io_uring_setup(2), IORING_SETUP_SINGLE_ISSUER"], since = "6.0", strength = Documented, needs = [Need::IoUring])]
fn a_single_issuer_is_the_only_one(t: &mut Trial) -> Result {
    let mut ring = Ring::with(8, |builder| {
        builder.setup_single_issuer();
    })?;
    ring.submit([Request::nop().tag(1)])?;
    check!(t, ring.completions() == [(1, Ok(0))], "its maker submits");
    ring.push(&[Request::nop().tag(2)])?;
    let job = t.spawn("another thread", move || {
        let taken = ring.enter();
        Ok((taken, ring))
    })?;
    let (taken, mut ring) = job.join()?;
    check!(t, taken == Err(Errno::EEXIST), "another thread submits");
    check!(t, ring.completions() == NOTHING, "nothing is complete");
    check!(t, ring.wait()? == [(2, Ok(0))], "the request waits for the maker");
    Ok(())
}

/// A forked process can submit to the ring of its parent, which finds the completion.
#[case(man = ["io_uring(7)", "mmap(2), MAP_SHARED"], since = "5.1", strength = Implementation, needs = [Need::IoUring])]
fn a_forked_process_shares_the_ring(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    let child = process::fork(|| i32::from(ring.submit([Request::nop().tag(7)]).is_err()))?;
    let end = waitpid(child, None)?;
    check!(t, end == WaitStatus::Exited(child, 0), "the child submits");
    check!(t, ring.completions() == [(7, Ok(0))], "the parent finds what came of it");
    Ok(())
}

/// A ring that was made disabled takes no requests (EBADFD) until it is enabled.
#[case(man = ["io_uring_setup(2), IORING_SETUP_R_DISABLED"], since = "5.10", strength = Documented, needs = [Need::IoUring])]
fn a_disabled_ring_waits_to_be_enabled(t: &mut Trial) -> Result {
    let mut ring = Ring::with(8, |builder| {
        builder.setup_r_disabled();
    })?;
    ring.push(&[Request::nop().tag(1)])?;
    check!(t, ring.enter() == Err(Errno::EBADFD), "it takes nothing");
    ring.enable()?;
    check!(t, ring.wait()? == [(1, Ok(0))], "then it takes what was in its queue");
    Ok(())
}

/// A process without privileges may have a thread of the kernel take its requests
/// (`IORING_SETUP_SQPOLL`).
#[case(
    man = ["io_uring_setup(2), IORING_SETUP_SQPOLL"],
    since = "5.6",
    strength = Documented,
    needs = [Need::IoUring],
    changed = [("5.6", "5.13", deviates, "it took CAP_SYS_ADMIN, from 5.11 on CAP_SYS_NICE")],
)]
fn a_polling_thread_needs_no_privilege(t: &mut Trial) -> Result {
    Ring::new()?;
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    if disabled.is_ok_and(|text| text.trim() == "1") {
        return Err(Stop::Skipped {
            reason: "without privileges no ring is to be had at all".to_owned(),
            mend: "sysctl -w kernel.io_uring_disabled=0".to_owned(),
        });
    }
    let child = process::fork(|| {
        // Who cannot become somebody else is in a namespace without privileges already.
        let nobody = nix::unistd::Uid::from_raw(65534);
        let _ = nix::unistd::setresuid(nobody, nobody, nobody);
        let made = Ring::with(8, |builder| {
            builder.setup_sqpoll(1000);
        });
        i32::from(made.is_err())
    })?;
    let end = waitpid(child, None)?;
    check!(t, end == WaitStatus::Exited(child, 0), "how the process ends that asks for one");
    Ok(())
}

/// A ring with `IORING_SETUP_DEFER_TASKRUN` completes a request when its thread asks for completions,
/// and not before.
#[case(man = ["io_uring_setup(2), IORING_SETUP_DEFER_TASKRUN"], since = "6.1", strength = Documented, needs = [Need::IoUring])]
fn deferred_work_waits_for_its_thread(t: &mut Trial) -> Result {
    let (reader, mut writer) = UnixStream::pair()?;
    let mut deferring = Ring::with(8, |builder| {
        builder.setup_single_issuer().setup_defer_taskrun();
    })?;
    let mut eager = Ring::new()?;
    deferring.poll(&reader, bits(POLLIN), 1)?;
    eager.poll(&reader, bits(POLLIN), 2)?;

    writer.write_all(b"a")?;
    let completed = t.eventually(|| Ok(eager.completions() == [(2, Ok(told(POLLIN)))]))?;
    check!(t, completed, "an ordinary ring has the completion, and nobody asked it");
    check!(t, deferring.completions() == NOTHING, "the deferring one has none");
    check!(t, deferring.wait()? == [(1, Ok(told(POLLIN)))], "until it is asked");
    Ok(())
}

/// A request that is refused ends the submission of those behind it, unless the ring was made with
/// `IORING_SETUP_SUBMIT_ALL`.
#[case(man = ["io_uring_setup(2), IORING_SETUP_SUBMIT_ALL"], since = "5.18", strength = Documented, needs = [Need::IoUring])]
fn a_refused_request_stops_the_rest_unless_submit_all(t: &mut Trial) -> Result {
    let batch = [Request::unknown().tag(1), Request::nop().tag(2)];
    let mut ring = Ring::new()?;
    ring.push(&batch)?;
    check!(
        t,
        ring.enter() == Ok(1),
        "requests that an ordinary ring takes of two, the first one bad"
    );
    check!(t, ring.completions() == [(1, Err(Errno::EINVAL))], "the bad one fails");
    check!(t, ring.wait()? == [(2, Ok(0))], "the other is taken by the next call");

    let mut ring = Ring::with(8, |builder| {
        builder.setup_submit_all();
    })?;
    ring.push(&batch)?;
    check!(t, ring.enter() == Ok(2), "requests that a ring with the flag takes");
    let both = [(1, Err(Errno::EINVAL)), (2, Ok(0))];
    check!(t, ring.completions() == both, "both are complete");
    Ok(())
}
