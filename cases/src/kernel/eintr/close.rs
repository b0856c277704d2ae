//! A close that sleeps can be interrupted, and what then? POSIX leaves open whether the descriptor is
//! still there. Linux gives the number back before anything in close can sleep, so that a program
//! that tries again closes what another thread has opened since.

use harness::prelude::*;
use harness::sys::process::borrow;
use harness::sys::signal::take_notes_of;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, linger};
use nix::sys::socket::{setsockopt, sockopt::Linger};

use super::SIGNAL;

/// A close that a signal interrupts while it waits for data to be delivered (`SO_LINGER`) has closed
/// the descriptor.
#[case(man = ["close(2), Dealing with error returns from close()", "socket(7), SO_LINGER"], kernel = ["close_fd", "inet_release"], needs = [Need::Syscalls], strength = Documented)]
fn an_interrupted_close_has_closed(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, false)?;
    let (client, server) = net::tcp_pair()?;
    // The peer does not read, and has room for a part of what fits here.
    net::set_option(&server, SOL_SOCKET, SO_RCVBUF, 4096)?;
    net::set_option(&client, SOL_SOCKET, SO_SNDBUF, 1 << 18)?;
    client.set_nonblocking(true)?;
    net::fill(&client)?;
    client.set_nonblocking(false)?;
    setsockopt(&client, Linger, &linger { l_onoff: 1, l_linger: 3600 })?;
    let number = client.as_raw_fd();
    let job = t.spawn("close", move || {
        drop(client);
        Ok(())
    })?;
    check!(t, job.sleeps_in(t, Call::CLOSE)?, "what the peer has not taken is waited for");
    let open = fcntl(borrow(number), FcntlArg::F_GETFD);
    check!(t, open == Err(Errno::EBADF), "the number is free while close still sleeps");
    job.signal(SIGNAL)?;
    check!(t, job.join_soon(t)?.is_some(), "the signal ends the sleep");
    let open = fcntl(borrow(number), FcntlArg::F_GETFD);
    check!(t, open == Err(Errno::EBADF), "and the number is free");
    drop(server);
    Ok(())
}
