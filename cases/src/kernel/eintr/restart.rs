//! A handler that returns leaves the question of what becomes of the call that it interrupted.
//! With `SA_RESTART` the kernel starts calls that transfer something anew, and the program does
//! not notice. Waits for readiness or for time fail with EINTR all the same, and so do transfers
//! from a socket with a time-out: their time would begin anew with every signal.

use harness::prelude::*;
use harness::sys::signal::{handled, take_notes_of};
use nix::sys::time::TimeVal;

use super::{SIGNAL, is_interrupted, multiplexers, sleeps_on, transfers, wait};

/// A signal handler without `SA_RESTART` ends every sleeping call with EINTR: read, write, recv,
/// accept, connect, poll, select, `epoll_wait` and nanosleep.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], strength = Documented)]
fn without_the_flag_all_end_in_eintr(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, false)?;
    is_interrupted(t, transfers()?)?;
    is_interrupted(t, multiplexers()?)
}

/// With `SA_RESTART`, an interrupted read, write, recv, accept or connect sleeps on after the
/// handler has run, and succeeds as if there had been no signal.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers", "sigaction(2), SA_RESTART"], strength = Documented)]
fn restarts_transfers(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    sleeps_on(t, transfers()?)
}

/// poll, select, `epoll_wait` and nanosleep fail with EINTR even if the handler was set with
/// `SA_RESTART`.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], strength = Documented)]
fn never_restarts_multiplexers(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    is_interrupted(t, multiplexers()?)
}

/// With `SA_RESTART`, no system call is ever seen to fail with EINTR.
#[case(
    man = ["sigaction(2), SA_RESTART"],
    strength = Folklore,
    changed = [("", "", deviates, "SA_RESTART restarts transfers; waits such as poll, select, epoll_wait and nanosleep are never restarted")]
)]
fn flag_restarts_everything(t: &mut Trial) -> Result {
    take_notes_of(SIGNAL as i32, true)?;
    let (reader, mut writer) = std::io::pipe()?;
    let polled = reader.try_clone()?;
    let job = t.spawn("poll", move || Ok(poll_wait(&polled, POLLIN)))?;
    check!(t, job.sleeps_in(t, Call::POLL)?, "the thread sleeps in poll");
    job.signal(SIGNAL)?;
    t.eventually(|| Ok(handled() == 1))?;
    writer.write_all(b"!")?;
    check!(
        t,
        job.join_soon(t)? == Some(Ok(POLLIN)),
        "poll returns with the data and not with the signal"
    );
    Ok(())
}

/// recv and accept on a socket with a receive time-out fail with EINTR even if the handler was
/// set with `SA_RESTART`.
#[case(man = ["signal(7), Interruption of system calls and library functions by signal handlers"], strength = Documented)]
fn never_restarts_sockets_with_a_timeout(t: &mut Trial) -> Result {
    use nix::sys::socket::{MsgFlags, accept, recv, setsockopt, sockopt::ReceiveTimeout};
    take_notes_of(SIGNAL as i32, true)?;
    let (client, server) = net::tcp_pair()?;
    let listener = net::listener()?;
    setsockopt(&server, ReceiveTimeout, &TimeVal::new(3600, 0))?;
    setsockopt(&listener, ReceiveTimeout, &TimeVal::new(3600, 0))?;
    let receive = move || recv(server.as_raw_fd(), &mut [0], MsgFlags::empty()).map(drop);
    let waits = vec![
        wait("recv", Call::RECV, receive, move || {
            let _keep = &client;
            Ok(())
        }),
        wait("accept", Call::ACCEPT, move || accept(listener.as_raw_fd()).map(drop), || Ok(())),
    ];
    is_interrupted(t, waits)
}

/// A blocking TCP connect that a signal interrupts fails with EINTR and leaves the
/// connection under way: a second connect fails with EALREADY.
#[case(man = ["connect(2), ERRORS: EINTR"], posix = ["connect"], kernel = ["__inet_stream_connect"], needs = [Need::PrivateNet], strength = Documented)]
fn connect_goes_on_in_the_background(t: &mut Trial) -> Result {
    use nix::sys::socket::{SockaddrIn, connect};
    take_notes_of(SIGNAL as i32, false)?;
    let listener = net::listener_with_backlog(0)?;
    let address = SockaddrIn::new(127, 0, 0, 1, listener.local_addr()?.port());
    let _fills_the_queue = TcpStream::connect(listener.local_addr()?)?;
    poll_wait(&listener, POLLIN)?;
    let socket = net::tcp_socket()?;
    let number = socket.as_raw_fd();
    let job = t.spawn("connect", move || Ok(connect(number, &address)))?;
    check!(t, job.sleeps_in(t, Call::CONNECT)?, "the queue is full, and connect sleeps");
    job.signal(SIGNAL)?;
    check!(t, job.join_soon(t)? == Some(Err(Errno::EINTR)), "the signal ends the call with EINTR");
    net::set_nonblocking(&socket, true)?;
    check!(
        t,
        connect(number, &address) == Err(Errno::EALREADY),
        "the connection is still being made"
    );
    Ok(())
}
