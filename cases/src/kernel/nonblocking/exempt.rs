//! What `O_NONBLOCK` does not cover. It concerns waits for somebody else: for data, for room, for a
//! connection. A file on a disk is never waited for in this sense, however slow the disk is; and
//! `close` has no way to say that it should be tried again.

use harness::prelude::*;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{read, write};

/// Closing a nonblocking TCP socket with `SO_LINGER` and unsent data sleeps until the peer has
/// taken the data.
#[case(man = ["socket(7), SO_LINGER"], kernel = ["inet_release", "sk_stream_wait_close"], strength = Documented)]
fn close_with_linger_sleeps(t: &mut Trial) -> Result {
    let (client, mut server) = net::tcp_pair()?;
    net::set_option(&server, nix::libc::SOL_SOCKET, nix::libc::SO_RCVBUF, 32 << 10)?;
    net::set_option(&client, nix::libc::SOL_SOCKET, nix::libc::SO_SNDBUF, 32 << 10)?;
    client.set_nonblocking(true)?;
    let mut sent = 0;
    let full = t.eventually(|| {
        let more = net::fill(&client)?;
        sent += more;
        Ok(more == 0 && net::unread(&server)? + net::unacked(&client)? == sent)
    })?;
    if !full {
        return Err(Stop::error("the buffers of the connection did not fill up"));
    }
    setsockopt(&client, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 3600 })?;
    let job = t.spawn("close", move || {
        drop(client);
        Ok(())
    })?;
    check!(t, job.sleeps_in(t, Call::CLOSE)?, "close sleeps while the peer does not read");
    let mut received = 0;
    while let Ok(length @ 1..) = server.read(&mut [0; 16 << 10]) {
        received += length;
    }
    check!(t, received == sent, "the peer gets all of it, and the end");
    check!(t, job.join_soon(t)?.is_some(), "then close returns");
    Ok(())
}

/// A regular file takes no notice of `O_NONBLOCK`: at its end read returns 0 and not EAGAIN, and a
/// write takes all it is given.
#[case(man = ["open(2), O_NONBLOCK"], posix = ["read", "write"], strength = Documented)]
fn regular_file_takes_no_notice(t: &mut Trial) -> Result {
    let size = 1 << 20;
    let file = memfd_create("plain", MFdFlags::MFD_CLOEXEC)?;
    net::set_nonblocking(&file, true)?;
    check!(t, read(&file, &mut [0; 8]) == Ok(0), "the file is empty: that is its end, and no wait");
    check!(t, write(&file, &vec![b'x'; size]) == Ok(size), "a megabyte is written in one call");
    check!(t, read(&file, &mut [0; 8]) == Ok(0), "the position is the end again");
    Ok(())
}
