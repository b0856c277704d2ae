//! What the three sets mean. Inside the kernel select asks what poll asks, and translates: to be
//! readable is POLLIN, POLLHUP or POLLERR, to be writable POLLOUT or POLLERR, and an exceptional
//! condition POLLPRI alone. So an error is no exceptional condition, and urgent data is.

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, SockaddrIn, connect, send};
use nix::unistd::write;

use super::{NOW, reading};

/// In which of the three sets a descriptor is ready: for reading, for writing, exceptionally.
fn ready(fd: impl AsFd) -> Result<(bool, bool, bool)> {
    let number = fd.as_fd().as_raw_fd();
    let all = Sets { read: vec![number], write: vec![number], except: vec![number] };
    let selected = select(number + 1, &all, NOW);
    selected.returned?;
    let sets = selected.sets;
    Ok((!sets.read.is_empty(), !sets.write.is_empty(), !sets.except.is_empty()))
}

/// A pipe without a writer is readable; one without a reader is readable and writable at its other
/// end, although nothing can be read there; neither is an exceptional condition.
#[case(man = ["select(2), Correspondence between select() and poll() notifications"], strength = Documented)]
fn hangup_and_error_are_readiness(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    drop(writer);
    check!(t, ready(&reader)? == (true, false, false), "POLLHUP is for reading");
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    check!(t, ready(&writer)? == (true, true, false), "POLLERR is for reading and writing");
    Ok(())
}

/// A byte of urgent data on a TCP socket is an exceptional condition, and by itself does not make
/// the socket readable.
#[case(man = ["select(2), DESCRIPTION", "tcp(7)", "poll(2), POLLPRI"], strength = Documented)]
fn urgent_data_is_exceptional(t: &mut Trial) -> Result {
    let (client, server) = net::tcp_pair()?;
    send(client.as_raw_fd(), b"!", MsgFlags::MSG_OOB)?;
    let arrived = t.eventually(|| Ok(poll_now(&server, POLLPRI)? == POLLPRI))?;
    check!(t, arrived, "poll tells of urgent data");
    check!(t, ready(&server)? == (false, true, true), "select has it in the third set");
    Ok(())
}

/// A refused nonblocking connect makes the socket readable and writable, and is no exceptional
/// condition.
#[case(man = ["select(2), Correspondence between select() and poll() notifications"], kernel = ["tcp_poll"], strength = Implementation)]
fn refused_connect_is_readable_and_writable(t: &mut Trial) -> Result {
    let (deaf, client) = (net::tcp_socket()?, net::tcp_socket()?);
    net::bind_to(&deaf, 0)?;
    net::set_nonblocking(&client, true)?;
    let address = SockaddrIn::new(127, 0, 0, 1, net::port_of(&deaf)?);
    let started = connect(client.as_raw_fd(), &address);
    check!(t, started == Err(Errno::EINPROGRESS), "the connect is under way");
    let refused = t.eventually(|| Ok(poll_now(&client, POLLOUT)?.contains(POLLERR)))?;
    check!(t, refused, "it is refused");
    check!(t, ready(&client)? == (true, true, false), "in the first two sets");
    Ok(())
}

/// A descriptor that another thread closes has no effect on a select that waits for it.
#[case(
    man = ["select(2), Multithreaded applications"],
    kernel = ["do_select"],
    strength = Documented,
    changed = [("", "", deviates, "the sleep goes on, but at its end select looks at every number anew, and counts one that is closed by then as ready, since 5.17 and in the stable kernels before it: \"select: Fix indefinitely sleeping task in poll_schedule_timeout()\"")]
)]
fn closed_meanwhile_has_no_effect(t: &mut Trial) -> Result {
    let ((closed, _idle), (open, writer)) = (std::io::pipe()?, std::io::pipe()?);
    let (first, second) = (closed.as_raw_fd(), open.as_raw_fd());
    let job = t.spawn("select", move || {
        Ok(select(first.max(second) + 1, &reading(&[first, second]), None))
    })?;
    check!(t, job.sleeps_in(t, Call::SELECT)?, "select sleeps, for both pipes are empty");
    drop(closed);
    check!(t, job.sleeps_in(t, Call::SELECT)?, "one of them is closed, and it sleeps on");
    write(&writer, b"!")?;
    let selected = job.join_soon(t)?.map(|selected| (selected.returned, selected.sets));
    check!(t, selected == Some((Ok(1), reading(&[second]))), "only the other one is reported");
    Ok(())
}
