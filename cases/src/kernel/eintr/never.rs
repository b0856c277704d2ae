//! What no flag restarts: whatever waits for a time that is running already, or for the signal itself.
//! A program that uses one of these has to be ready for EINTR, however its handlers were set.

use harness::prelude::*;
use harness::sys::message::receive_many;
use harness::sys::signal::{block, handled, pause, suspend, take_notes_of, wait_for};
use nix::poll::{PollFd, ppoll};
use nix::sys::select::{FdSet, pselect};
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, connect, recvmsg, send, setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::super::aio::context;
use super::others::objects;
use super::table::{LONG, without_room};
use super::{SIGNAL, is_interrupted, wait};

/// pause, sigsuspend and sigtimedwait fail with EINTR when a handler has run, whether it was set with
/// `SA_RESTART` or not.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], needs = [Need::Syscalls], strength = Documented)]
fn waits_for_signals(t: &mut Trial) -> Result {
    block(Signal::SIGUSR2 as i32, true)?;
    for restart in [true, false] {
        take_notes_of(SIGNAL as i32, restart)?;
        let other = || wait_for(Signal::SIGUSR2 as i32, LONG);
        is_interrupted(
            t,
            vec![
                wait("pause", Call::PAUSE, pause, || Ok(())),
                wait("sigsuspend", Call::SIGSUSPEND, suspend, || Ok(())),
                wait("sigtimedwait", Call::SIGNAL_WAIT, other, || Ok(())),
            ],
        )?;
    }
    Ok(())
}

/// ppoll and pselect, without a signal mask, fail with EINTR even if the handler was set with
/// `SA_RESTART`.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], since = "2.6.16", needs = [Need::Syscalls], strength = Documented)]
fn ppoll_and_pselect(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let (polled, _writer) = std::io::pipe()?;
    let selected = polled.try_clone()?;
    let poll = move || {
        let mut fds = [PollFd::new(polled.as_fd(), POLLIN)];
        ppoll(&mut fds, None, None).map(drop)
    };
    let select = move || {
        let mut set = FdSet::new();
        set.insert(selected.as_fd());
        pselect(None, Some(&mut set), None, None, None, None).map(drop)
    };
    is_interrupted(
        t,
        vec![
            wait("ppoll", Call::POLL, poll, || Ok(())),
            wait("pselect", Call::SELECT, select, || Ok(())),
        ],
    )
}

/// `io_getevents` fails with EINTR even if the handler was set with `SA_RESTART`.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], since = "2.6.0", needs = [Need::Syscalls], strength = Documented)]
fn io_getevents(t: &mut Trial) -> Result {
    let context = context()?;
    take_notes_of(SIGNAL as i32, true)?;
    let events = move || context.events(1, 1, None).map(drop);
    is_interrupted(t, vec![wait("io_getevents", Call::IO_GETEVENTS, events, || Ok(()))])
}

/// The System V calls semop, semtimedop, msgrcv and msgsnd fail with EINTR when a handler has run,
/// whether it was set with `SA_RESTART` or not.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], needs = [Need::Syscalls], strength = Documented)]
fn system_v_objects(t: &mut Trial) -> Result {
    for restart in [true, false] {
        take_notes_of(SIGNAL as i32, restart)?;
        is_interrupted(t, objects()?)?;
    }
    Ok(())
}

/// send and connect on a socket with a send time-out fail with EINTR even if the handler was set with
/// `SA_RESTART`.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], needs = [Need::Syscalls], strength = Documented)]
fn sending_with_a_timeout(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let hour = TimeVal::new(3600, 0);
    let (writer, _reader) = without_room()?;
    setsockopt(&writer, sockopt::SendTimeout, &hour)?;
    let (_listener, address) = net::unix_listener(0)?;
    let (early, late) = (net::unix_socket()?, net::unix_socket()?);
    connect(early.as_raw_fd(), &address)?;
    setsockopt(&late, sockopt::SendTimeout, &hour)?;
    let sending = move || send(writer.as_raw_fd(), b"!", MsgFlags::empty()).map(drop);
    let connecting = move || connect(late.as_raw_fd(), &address);
    is_interrupted(
        t,
        vec![
            wait("send", Call::SEND, sending, || Ok(())),
            wait("connect", Call::CONNECT, connecting, || Ok(())),
        ],
    )
}

/// recvmsg and recvmmsg on a socket with a receive time-out fail with EINTR even if the handler was
/// set with `SA_RESTART`.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], needs = [Need::Syscalls], strength = Documented)]
fn receiving_with_a_timeout(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let ((one, _one_peer), (many, _many_peer)) = (UnixStream::pair()?, UnixStream::pair()?);
    for socket in [&one, &many] {
        socket.set_read_timeout(Some(LONG))?;
    }
    let message = move || {
        let mut byte = [0];
        let mut parts = [std::io::IoSliceMut::new(&mut byte)];
        recvmsg::<()>(one.as_raw_fd(), &mut parts, None, MsgFlags::empty()).map(drop)
    };
    let messages = move || receive_many(&many, 1, 1, MsgFlags::empty(), None).map(drop);
    is_interrupted(
        t,
        vec![
            wait("recvmsg", Call::RECV, message, || Ok(())),
            wait("recvmmsg", Call::RECVMMSG, messages, || Ok(())),
        ],
    )
}

/// recvmmsg with a time-out of its own fails with EINTR even if the handler was set with `SA_RESTART`.
#[case(
    man = ["signal(7), Interruption of system calls and library functions by signal handlers"],
    kernel = ["do_recvmmsg", "sock_intr_errno"],
    since = "2.6.33",
    needs = [Need::Syscalls],
    strength = Documented,
    changed = [("", "", deviates, "the page is wrong: it is restarted, for only the time-out of the socket counts")]
)]
fn recvmmsg_with_a_timeout(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let (socket, peer) = UnixStream::pair()?;
    let copy = socket.try_clone()?;
    let none = MsgFlags::empty();
    let job = t.spawn("recvmmsg", move || Ok(receive_many(&copy, 1, 1, none, Some(LONG))))?;
    check!(t, job.sleeps_in(t, Call::RECVMMSG)?, "the thread sleeps");
    job.signal(SIGNAL)?;
    check!(t, t.eventually(|| Ok(handled() == 1))?, "the handler runs");
    let restarted = job.sleeps_in(t, Call::RECVMMSG)?;
    (&peer).write_all(b"!")?;
    let outcome = job.join_soon(t)?;
    check!(t, !restarted, "the signal ends the sleep");
    check!(t, outcome == Some(Err(Errno::EINTR)), "with EINTR");
    Ok(())
}
