//! System calls as requests. Most of what a server does has an operation of its own, and whatever
//! may wait, waits in the kernel and completes.

use std::sync::atomic::{AtomicI32, Ordering};

use harness::prelude::*;
use harness::sys::process;
use harness::sys::uring::{Completion, NOTHING, Request, Ring};

/// The result of the one request that is submitted.
fn result(ring: &mut Ring, request: Request) -> Result<nix::Result<i32>> {
    ring.submit([request])?;
    Ok(ring.wait()?[0].result)
}

/// A server can be set up and reached by requests alone: socket, bind, listen, accept and connect.
#[case(man = ["io_uring_enter(2), IORING_OP_SOCKET", "io_uring_enter(2), IORING_OP_BIND"], since = "6.11", strength = Documented, needs = [Need::IoUring])]
fn a_connection_without_system_calls(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    let listener = process::borrow(result(&mut ring, Request::socket())??);
    check!(t, result(&mut ring, Request::bind(listener))? == Ok(0), "the socket is bound");
    check!(t, result(&mut ring, Request::listen(listener))? == Ok(0), "it listens");
    let client = process::borrow(result(&mut ring, Request::socket())??);
    let port = net::port_of(listener)?;
    check!(t, port != 0, "a port was chosen");
    ring.submit([Request::accept(listener).tag(1), Request::connect(client, port).tag(2)])?;
    let both = ring.wait_by_tag(2)?;
    check!(t, both[0].result.is_ok(), "a connection is accepted");
    check!(t, both[1] == (2, Ok(0)), "and made");
    Ok(())
}

/// A request makes a pipe, whose ends are ordinary descriptors.
#[case(man = ["io_uring_enter(2), IORING_OP_PIPE"], since = "6.16", strength = Documented, needs = [Need::IoUring])]
fn a_pipe(t: &mut Trial) -> Result {
    static ENDS: [AtomicI32; 2] = [AtomicI32::new(-1), AtomicI32::new(-1)];
    let mut ring = Ring::new()?;
    check!(t, result(&mut ring, Request::pipe(&ENDS))? == Ok(0), "it is made");
    let [reader, writer] =
        [0, 1].map(|end| process::borrow(ENDS[end].load(Ordering::SeqCst).max(0)));
    check!(t, nix::unistd::write(writer, b"abc") == Ok(3), "one end is written to");
    check!(t, nix::unistd::read(reader, &mut [0; 8]) == Ok(3), "the other is read from");
    Ok(())
}

/// A request adds a descriptor to an epoll instance.
#[case(man = ["io_uring_enter(2), IORING_OP_EPOLL_CTL"], since = "5.6", strength = Documented, needs = [Need::IoUring])]
fn epoll_ctl(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let (epoll, mut ring) = (Epoll::new()?, Ring::new()?);
    let add = || Request::epoll_add(&epoll, &reader, EPOLLIN);
    check!(t, result(&mut ring, add())? == Ok(0), "it is added");
    check!(t, result(&mut ring, add())? == Err(Errno::EEXIST), "and cannot be added again");
    writer.write_all(b"a")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "epoll_wait reports it");
    Ok(())
}

/// A request waits in an epoll instance and completes with the number of reports.
#[case(man = ["io_uring_enter(2), IORING_OP_EPOLL_WAIT"], since = "6.15", strength = Documented, needs = [Need::IoUring])]
fn epoll_wait(t: &mut Trial) -> Result {
    let pipes = [std::io::pipe()?, std::io::pipe()?];
    let (epoll, mut ring) = (Epoll::new()?, Ring::new()?);
    for (reader, _) in &pipes {
        epoll.add(reader, EPOLLIN)?;
    }
    ring.submit([Request::epoll_wait(&epoll).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "nothing is ready");
    (&pipes[1].1).write_all(b"a")?;
    check!(t, ring.wait()? == [(1, Ok(1))], "one is");
    (&pipes[0].1).write_all(b"a")?;
    ring.submit([Request::epoll_wait(&epoll).tag(2)])?;
    check!(t, ring.wait()? == [(2, Ok(2))], "both are");
    Ok(())
}

/// A request waits for the end of a child.
#[case(man = ["io_uring_enter(2), IORING_OP_WAITID"], since = "6.7", strength = Documented, needs = [Need::IoUring])]
fn waitid(t: &mut Trial) -> Result {
    let (mut gate, open) = std::io::pipe()?;
    let child = process::fork(|| i32::from(gate.read(&mut [0]).is_err()))?;
    let mut ring = Ring::new()?;
    ring.submit([Request::wait_for_child(child).tag(1)])?;
    check!(t, ring.completions() == NOTHING, "the child lives");
    (&open).write_all(b"!")?;
    check!(t, ring.wait()? == [(1, Ok(0))], "it has ended");
    let again = nix::sys::wait::waitpid(child, None);
    check!(t, again == Err(Errno::ECHILD), "and was waited for");
    Ok(())
}

/// A ring can complete something in another ring, with a tag and a result of its choice.
#[case(man = ["io_uring_enter(2), IORING_OP_MSG_RING"], since = "5.18", strength = Documented, needs = [Need::IoUring])]
fn a_message_to_another_ring(t: &mut Trial) -> Result {
    let (mut here, mut there) = (Ring::new()?, Ring::new()?);
    here.submit([Request::message(&there, 42, 7).tag(1)])?;
    check!(t, here.wait()? == [(1, Ok(0))], "the sender's own completion");
    let arrived: Vec<Completion> = there.wait()?;
    check!(t, arrived == [(7, Ok(42))], "the one that it sent");
    Ok(())
}
