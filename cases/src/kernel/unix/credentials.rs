//! Who is on the other side.
//!
//! The kernel notes a process with every connection (`SO_PEERCRED`: who connected, who listened),
//! and on request with every message (`SCM_CREDENTIALS`, after `SO_PASSCRED`). The note is about
//! the time when it was taken, whoever has the descriptor now. A process id may be used again,
//! which a pidfd cannot (`SO_PEERPIDFD`, `SO_PASSPIDFD`).

use harness::knobs::known;
use harness::prelude::*;
use harness::sys::message::{Message, receive};
use harness::sys::process;
use nix::libc::{SCM_CREDENTIALS, SO_PASSPIDFD, SOL_SOCKET};
use nix::sys::socket::{MsgFlags, SockType, connect, getsockopt, send, setsockopt, sockopt};
use nix::sys::wait::{WaitStatus, waitpid};

use super::pair;

/// The process that a message came with, by `SCM_CREDENTIALS`.
fn process_of(message: &Message) -> Option<i32> {
    message.control_int(SOL_SOCKET, SCM_CREDENTIALS)
}

/// The number of this process.
fn own() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// Sends one byte.
fn send_a(socket: &OwnedFd) -> Result {
    send(socket.as_raw_fd(), b"a", MsgFlags::empty())?;
    Ok(())
}

/// Runs `work` in a child that ends with it.
fn in_a_child(work: impl FnOnce() -> Result) -> Result<i32> {
    let child = process::fork(|| i32::from(work().is_err()))?;
    match waitpid(child, None)? {
        WaitStatus::Exited(_, 0) => Ok(child.as_raw()),
        other => Err(Stop::error(format!("the child failed: {other:?}"))),
    }
}

/// `SO_PEERCRED` names the process that made the connection, also when another uses it now.
#[case(man = ["unix(7), SO_PEERCRED"], strength = Documented)]
fn peercred_is_who_connected(t: &mut Trial) -> Result {
    let (socket, peer) = pair(SockType::Stream)?;
    let child = in_a_child(|| send_a(&peer))?;
    let credentials = getsockopt(&socket, sockopt::PeerCredentials)?;
    check!(t, child != own(), "a child has sent on the connection");
    check!(t, credentials.pid() == own(), "which its parent made");
    let ids = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    check!(t, (credentials.uid(), credentials.gid()) == ids, "user and group");
    Ok(())
}

/// With `SO_PASSCRED` every message tells which process sent it, though the sender did nothing for
/// it.
#[case(man = ["unix(7), SO_PASSCRED", "unix(7), SCM_CREDENTIALS"], strength = Documented)]
fn passcred_is_who_sent(t: &mut Trial) -> Result {
    let (socket, peer) = pair(SockType::Stream)?;
    setsockopt(&socket, sockopt::PassCred, &true)?;
    let child = in_a_child(|| send_a(&peer))?;
    send_a(&peer)?;
    for (sender, who) in [(child, "a child"), (own(), "its parent")] {
        let message = receive(&socket, 8, 128, MsgFlags::empty())?;
        check!(t, message.data == b"a", "a recv ends where another process sent: one byte");
        check!(t, process_of(&message) == Some(sender), "{who} sent it");
    }
    Ok(())
}

/// The sides of a connection take over `SO_PASSCRED` from the listener, as it was when the client
/// connected: setting it before accept is too late.
#[case(
    man = ["unix(7), SO_PASSCRED"],
    kernel = ["unix_stream_connect"],
    strength = Implementation,
    changed = [("", "6.16", deviates, "until 6.16 it was taken over in accept, not in connect")],
)]
fn passcred_is_inherited_at_connect(t: &mut Trial) -> Result {
    for (before_connect, after_connect) in [(true, true), (false, true)] {
        let (listener, address) = net::unix_listener(8)?;
        setsockopt(&listener, sockopt::PassCred, &before_connect)?;
        let client = net::unix_socket()?;
        connect(client.as_raw_fd(), &address)?;
        setsockopt(&listener, sockopt::PassCred, &after_connect)?;
        let accepted = std::os::unix::net::UnixListener::from(listener).accept()?.0;
        check!(
            t,
            getsockopt(&accepted, sockopt::PassCred)? == before_connect,
            "SO_PASSCRED of the listener at connect: {before_connect}, at accept: {after_connect}"
        );
    }
    Ok(())
}

/// The process that a pidfd is about, which `/proc` tells of the descriptor.
fn process_behind(pidfd: &OwnedFd) -> Result<i32> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(path)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    pid.ok_or_else(|| Stop::error(format!("this is no pidfd: {text}")))
}

/// `SO_PEERPIDFD` gives a pidfd of the process that made the connection.
#[case(commit = ["7b26952a91cf"], kernel = ["sk_getsockopt"], since = "6.5", strength = Implementation)]
fn peerpidfd_is_who_connected(t: &mut Trial) -> Result {
    let (socket, _peer) = pair(SockType::Stream)?;
    let pidfd = known(getsockopt(&socket, sockopt::PeerPidfd), "SO_PEERPIDFD")?;
    check!(t, process_behind(&pidfd)? == own(), "this process made the pair");
    check!(t, poll_now(&pidfd, POLLIN)?.is_empty(), "and has not ended");
    Ok(())
}

/// With `SO_PASSPIDFD` every message comes with a pidfd of the process that sent it.
#[case(commit = ["5e2ff6704a27"], kernel = ["scm_pidfd_recv"], since = "6.5", strength = Implementation)]
fn passpidfd_is_who_sent(t: &mut Trial) -> Result {
    let (socket, peer) = pair(SockType::Stream)?;
    let set = net::set_option(&socket, SOL_SOCKET, SO_PASSPIDFD, 1);
    known(set, "SO_PASSPIDFD")?;
    send_a(&peer)?;
    let message = receive(&socket, 8, 128, MsgFlags::empty())?;
    check!(t, message.descriptors.len() == 1, "the descriptors that come with the message");
    check!(t, process_behind(&message.descriptors[0])? == own(), "this process sent it");
    Ok(())
}
