//! When accept fails. Most of its errors say that there is nothing to accept from; the one that a
//! server lives with is EAGAIN: nobody is there, or nobody came in time.

use harness::prelude::*;
use harness::sys::{inet, process};
use harness::watch::slept;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, accept, setsockopt, socket, sockopt};
use nix::sys::time::TimeVal;

/// What the errno of accept is on something that is no listener: EINVAL on a socket that does not
/// listen, EOPNOTSUPP on a socket without connections, ENOTSOCK and EBADF on what is no socket.
#[case(man = ["accept(2), ERRORS"], posix = ["accept()"], strength = Documented)]
fn without_a_listener(t: &mut Trial) -> Result {
    let (client, _server) = net::tcp_pair()?;
    let (pipe, _writer) = std::io::pipe()?;
    let datagrams = |family| socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
    for (name, number, errno) in [
        ("a TCP socket that is not bound", net::tcp_socket()?.as_raw_fd(), Errno::EINVAL),
        ("a connected TCP socket", client.as_raw_fd(), Errno::EINVAL),
        ("an AF_UNIX socket that is not bound", net::unix_socket()?.as_raw_fd(), Errno::EINVAL),
        ("a UDP socket", datagrams(AddressFamily::Inet)?.as_raw_fd(), Errno::EOPNOTSUPP),
        ("AF_UNIX datagrams", datagrams(AddressFamily::Unix)?.as_raw_fd(), Errno::EOPNOTSUPP),
        ("a pipe", pipe.as_raw_fd(), Errno::ENOTSOCK),
        ("no descriptor", -1, Errno::EBADF),
    ] {
        check!(t, accept(number) == Err(errno), "accept on {name}");
    }
    Ok(())
}

/// On a nonblocking listener without a client accept fails with EAGAIN, over TCP and over
/// `AF_UNIX`.
#[case(man = ["accept(2), ERRORS: EAGAIN"], posix = ["accept()"], strength = Documented)]
fn nobody_is_there(t: &mut Trial) -> Result {
    let (local, _address) = net::unix_listener(8)?;
    for (name, listener) in [("TCP", OwnedFd::from(net::listener()?)), ("AF_UNIX", local)] {
        net::set_nonblocking(&listener, true)?;
        check!(t, accept(listener.as_raw_fd()) == Err(Errno::EAGAIN), "{name}: nobody connected");
    }
    Ok(())
}

/// `SO_RCVTIMEO` bounds the wait in accept: it sleeps, and then fails with EAGAIN.
#[case(man = ["socket(7), SO_RCVTIMEO and SO_SNDTIMEO"], kernel = ["sock_rcvtimeo", "inet_csk_accept"], strength = Documented)]
fn nobody_came_in_time(t: &mut Trial) -> Result {
    let (local, _address) = net::unix_listener(8)?;
    for (name, listener) in [("TCP", OwnedFd::from(net::listener()?)), ("AF_UNIX", local)] {
        setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::new(0, 40_000))?;
        let job = t.spawn(name, move || slept(|| accept(listener.as_raw_fd())))?;
        let ended = job.join_soon(t)?;
        check!(t, ended == Some((Err(Errno::EAGAIN), true)), "{name}: accept, and that it slept");
    }
    Ok(())
}

/// accept4 takes the flags `SOCK_NONBLOCK` and `SOCK_CLOEXEC` and fails with EINVAL for any other
/// bit.
#[case(man = ["accept(2), ERRORS: EINVAL"], since = "2.6.28", strength = Documented)]
fn unknown_flag(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    let known = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    for bit in (0..31).map(|shift| 1 << shift).filter(|bit| bit & known == 0) {
        let refused = inet::accept4(&listener, known | bit, 0).map(drop);
        check!(t, refused == Err(Errno::EINVAL), "a flag of {bit:#x}");
    }
    check!(t, inet::accept4(&listener, known, 0).is_ok(), "the connection is still there");
    Ok(())
}

/// Of several nonblocking callers one gets the connection, and the others get EAGAIN.
#[case(man = ["accept(2), NOTES"], kernel = ["inet_csk_accept"], strength = Implementation)]
fn somebody_was_quicker(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    let ready = poll_now(&listener, POLLIN)?;
    check!(t, ready == POLLIN, "every caller is told of the connection");
    let (one, other) = (listener.try_clone()?, listener.try_clone()?);
    let first = one.accept().map(drop).map_err(|error| error.kind());
    let second = other.accept().map(drop).map_err(|error| error.kind());
    check!(t, (first, second) == (Ok(()), Err(ErrorKind::WouldBlock)), "the first and the second");
    Ok(())
}

/// accept on a listener that another process has shut down fails with EINVAL.
#[case(man = ["accept(2), ERRORS: EINVAL"], kernel = ["inet_csk_accept"], strength = Implementation)]
fn listens_no_more(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let child = process::fork(|| {
        let end = nix::sys::socket::Shutdown::Read;
        i32::from(nix::sys::socket::shutdown(listener.as_raw_fd(), end).is_err())
    })?;
    let ended = nix::sys::wait::waitpid(child, None)?;
    check!(t, ended == nix::sys::wait::WaitStatus::Exited(child, 0), "a child shuts it down");
    check!(t, accept(listener.as_raw_fd()) == Err(Errno::EINVAL), "and its parent cannot accept");
    Ok(())
}
