//! A bound on the wait for the other side (`SO_SNDTIMEO`). When it is over the call returns; what
//! the kernel has begun goes on.

use harness::prelude::*;
use harness::watch::slept;
use nix::sys::socket::{connect, setsockopt, sockopt};
use nix::sys::time::TimeVal;

/// Limits the waits of `socket` for the other side.
fn limited(socket: OwnedFd) -> Result<OwnedFd> {
    setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(0, 40_000))?;
    Ok(socket)
}

/// A TCP connect that gets no answer within `SO_SNDTIMEO` fails with EINPROGRESS, and goes on: the
/// socket is still about to connect.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO"], kernel = ["__inet_stream_connect"], needs = [Need::PrivateNet], strength = Documented)]
fn tcp_is_in_progress(t: &mut Trial) -> Result {
    let full = net::listener_with_backlog(0)?;
    net::stay_on_this_cpu()?;
    let _early = net::connect(full.local_addr()?)?;
    let client = limited(net::tcp_socket()?)?;
    let (address, own) = (full.local_addr()?, client.try_clone()?);
    let job = t.spawn("connect", move || slept(|| net::connect_to(own, address)))?;
    let ended = job.join_soon(t)?;
    check!(
        t,
        ended == Some((Err(Errno::EINPROGRESS), true)),
        "connect to a listener without room, and that it slept"
    );
    check!(t, net::tcp_info(&client)?.tcpi_state == 2, "the socket is in state SYN_SENT (2)");
    net::set_nonblocking(&client, true)?;
    let again = net::connect_to(&client, full.local_addr()?);
    check!(t, again == Err(Errno::EALREADY), "and another connect finds it so");
    Ok(())
}

/// An `AF_UNIX` connect that finds no room within `SO_SNDTIMEO` fails with EAGAIN.
#[case(man = ["connect(2), ERRORS: EAGAIN"], kernel = ["unix_stream_connect", "unix_wait_for_peer"], strength = Implementation)]
fn unix_is_to_try_again(t: &mut Trial) -> Result {
    let (_listener, address) = net::unix_listener(0)?;
    let early = net::unix_socket()?;
    connect(early.as_raw_fd(), &address)?;
    let client = limited(net::unix_socket()?)?;
    let job = t.spawn("connect", move || slept(|| connect(client.as_raw_fd(), &address)))?;
    check!(
        t,
        job.join_soon(t)? == Some((Err(Errno::EAGAIN), true)),
        "connect to a listener without room, and that it slept"
    );
    Ok(())
}
