//! Connections as completions: a request to accept waits in the kernel and completes with the new
//! descriptor. A multishot one goes on and completes for each connection.

use harness::prelude::*;
use harness::sys::process::borrow;
use harness::sys::uring::{Completion, NOTHING, Request, Ring, Then, feature, setup};

use super::known;

/// A multishot accept completes with a new descriptor for each connection, until it is cancelled.
#[case(man = ["io_uring_enter(2), IORING_ACCEPT_MULTISHOT"], since = "5.19", strength = Documented, needs = [Need::IoUring])]
fn multishot_takes_each_connection(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::accept_multishot(&listener).tag(1)])?;
    check!(
        t,
        known(ring.completions(), "IORING_ACCEPT_MULTISHOT")? == NOTHING,
        "nobody has connected"
    );
    for connection in 1..=3 {
        let client = TcpStream::connect(listener.local_addr()?)?;
        let accepted = ring.wait()?;
        check!(
            t,
            accepted.iter().map(Completion::then).collect::<Vec<_>>() == [Then::More],
            "connection {connection} is one completion, and not the last"
        );
        let number = accepted[0].result?;
        let peer = nix::sys::socket::getpeername::<nix::sys::socket::SockaddrIn>(number)?;
        check!(t, peer.port() == net::port_of(&client)?, "its result is the connection");
    }
    ring.cancel(1, 2)?;
    let end = (1, Err(Errno::ECANCELED), Then::Last);
    check!(t, ring.wait_by_tag(2)? == [end, (2, Ok(0), Then::Last)], "its end");
    Ok(())
}

/// Where two rings wait with a multishot accept each, a connection completes one of them.
#[case(man = ["io_uring_enter(2), IORING_ACCEPT_MULTISHOT"], since = "5.19", strength = Implementation, needs = [Need::IoUring])]
fn multishot_in_two_rings_takes_it_once(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut rings = [Ring::new()?, Ring::new()?];
    for ring in &mut rings {
        ring.submit([Request::accept_multishot(&listener).tag(1)])?;
        known(ring.completions(), "IORING_ACCEPT_MULTISHOT")?;
    }
    let mut accepted = [0_usize, 0];
    let mut clients = Vec::new();
    for connections in 1..=8 {
        clients.push(TcpStream::connect(listener.local_addr()?)?);
        let taken = t.eventually(|| {
            for (ring, accepted) in rings.iter_mut().zip(&mut accepted) {
                let new = ring.completions();
                *accepted += new.iter().filter(|completion| completion.result.is_ok()).count();
            }
            Ok(accepted.iter().sum::<usize>() >= connections)
        })?;
        check!(t, taken, "connection {connections} completes an accept");
    }
    for (ring, accepted) in rings.iter_mut().zip(&mut accepted) {
        ring.submit([Request::nop().tag(2)])?;
        let new = ring.completions();
        *accepted += new.iter().filter(|it| it.tag == 1 && it.result.is_ok()).count();
    }
    check!(t, accepted.iter().sum::<usize>() == 8, "accepts for 8 connections");
    t.measure("share of the first ring", f64::from(u32::try_from(accepted[0])?) / 8.0)
}

/// An accept with `IORING_ACCEPT_DONTWAIT` fails with EAGAIN if nobody has connected.
#[case(man = ["io_uring_enter(2), IORING_ACCEPT_DONTWAIT"], since = "6.10", strength = Documented, needs = [Need::IoUring])]
fn may_refuse_to_wait(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut ring = Ring::new()?;
    ring.submit([Request::accept_now(&listener).tag(1)])?;
    let completions = known(ring.wait()?, "IORING_ACCEPT_DONTWAIT")?;
    check!(t, completions == [(1, Err(Errno::EAGAIN))], "there is no connection");
    let _client = TcpStream::connect(listener.local_addr()?)?;
    ring.submit([Request::accept_now(&listener).tag(2)])?;
    let completions = ring.wait()?;
    check!(t, completions[0].result.is_ok(), "there is one");
    Ok(())
}

/// An accept tells whether more connections wait (`IORING_CQE_F_SOCK_NONEMPTY`).
#[case(man = ["io_uring_enter(2), IORING_CQE_F_SOCK_NONEMPTY"], since = "6.10", strength = Documented, needs = [Need::IoUring])]
fn tells_whether_more_wait(t: &mut Trial) -> Result {
    // No bit tells of this one; it came with the feature that is asked for.
    if setup(1, 0, 0)?.features & feature::RECVSEND_BUNDLE == 0 {
        return Err(Stop::Unsupported("the ring is older than Linux 6.10".to_owned()));
    }
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let _clients = [net::connect(listener.local_addr()?)?, net::connect(listener.local_addr()?)?];
    let mut ring = Ring::new()?;
    for more in [true, false] {
        ring.submit([Request::accept(&listener).tag(1)])?;
        let completions = ring.wait()?;
        check!(t, completions[0].result.is_ok(), "a connection is accepted");
        check!(t, completions[0].left_some() == more, "whether it was not the last");
    }
    Ok(())
}

/// Shutting a listener down completes a pending accept with EINVAL.
#[case(man = ["io_uring_cancelation(7)"], kernel = ["inet_csk_wait_for_connect", "inet_shutdown"], since = "5.5", strength = Implementation, needs = [Need::IoUring])]
fn ends_when_the_listener_is_shut_down(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut ring = Ring::new()?;
    ring.accept(&listener, 1)?;
    check!(t, ring.completions() == NOTHING, "nobody has connected");
    nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Read)?;
    check!(t, ring.wait()? == [(1, Err(Errno::EINVAL))], "nobody will");
    Ok(())
}

/// A descriptor that an accept completed with is closed like any other.
#[case(man = ["io_uring_enter(2), IORING_OP_ACCEPT"], since = "5.5", strength = Documented, needs = [Need::IoUring])]
fn its_descriptor_is_an_ordinary_one(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut ring = Ring::new()?;
    ring.accept(&listener, 1)?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let accepted = ring.wait()?[0].result?;
    client.write_all(b"abc")?;
    let mut data = [0; 3];
    let read = nix::unistd::read(borrow(accepted), &mut data);
    check!(t, (read, &data) == (Ok(3), b"abc"), "it is read with read");
    check!(t, nix::unistd::close(accepted) == Ok(()), "and closed with close");
    check!(t, client.read(&mut data)? == 0, "which the client hears");
    Ok(())
}
