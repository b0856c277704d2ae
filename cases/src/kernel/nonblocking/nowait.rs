//! `RWF_NOWAIT` asks one read or write not to wait, whatever the flag of the descriptor: `preadv2`
//! has it for every file, where `MSG_DONTWAIT` is for sockets. Each kind of file must say that it
//! can do that, and they learnt it one after the other; the others refuse with EOPNOTSUPP.

use harness::prelude::*;
use harness::sys::process::borrow;
use harness::sys::rwf::{RWF_NOWAIT, read_with, write_with};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::{Pid, mkfifo, write};

/// What a read that must not wait comes to; `None` if it sleeps.
fn read_at_once(t: &mut Trial, fd: impl AsFd) -> Result<Option<nix::Result<usize>>> {
    let number = fd.as_fd().as_raw_fd();
    let job = t.spawn("read", move || Ok(read_with(borrow(number), &mut [0; 128], RWF_NOWAIT)))?;
    if job.sleeps_in(t, Call::READ)? { Ok(None) } else { Ok(Some(job.join()?)) }
}

/// The same; ends the trial as `unsupported` where there are no such reads of this kind of file.
fn read_now(t: &mut Trial, kind: &str, fd: impl AsFd) -> Result<Option<nix::Result<usize>>> {
    match read_at_once(t, fd)? {
        Some(Err(error @ (Errno::EOPNOTSUPP | Errno::ENOSYS))) => {
            Err(Stop::unsupported_if(error, &[error], &format!("RWF_NOWAIT on a {kind}")))
        }
        answer => Ok(answer),
    }
}

/// What it comes to when there is nothing to read.
const AGAIN: Option<nix::Result<usize>> = Some(Err(Errno::EAGAIN));

/// A read with `RWF_NOWAIT` from a blocking eventfd that is zero fails with EAGAIN, and takes its
/// value when there is one.
#[case(man = ["preadv2(2), RWF_NOWAIT"], kernel = ["eventfd_read"], since = "5.8", strength = Implementation)]
fn eventfd_is_not_waited_for(t: &mut Trial) -> Result {
    let counter = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
    check!(t, read_now(t, "eventfd", &counter)? == AGAIN, "it is zero, and the read fails");
    counter.write(1)?;
    check!(t, read_now(t, "eventfd", &counter)? == Some(Ok(8)), "it is one, and is read");
    Ok(())
}

/// `RWF_NOWAIT` is for one call: the next read without it sleeps.
#[case(man = ["preadv2(2), RWF_NOWAIT"], since = "5.8", strength = Documented)]
fn next_read_sleeps(t: &mut Trial) -> Result {
    let counter = std::sync::Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?);
    check!(t, read_now(t, "eventfd", &*counter)? == AGAIN, "a read with the flag fails");
    let job = t.spawn("read", {
        let counter = counter.clone();
        move || Ok(counter.read()?)
    })?;
    check!(t, job.sleeps_in(t, Call::READ)?, "one without it does");
    counter.write(7)?;
    check!(t, job.join_soon(t)? == Some(7), "until there is something to read");
    Ok(())
}

/// With `RWF_NOWAIT`, a read from a blocking pipe that is empty and a write to one that is full
/// fail with EAGAIN.
#[case(man = ["preadv2(2), RWF_NOWAIT"], kernel = ["create_pipe_files"], since = "6.4", strength = Implementation)]
fn pipe_is_not_waited_for(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    check!(t, read_now(t, "pipe", &reader)? == AGAIN, "it is empty");
    let number = writer.as_raw_fd();
    let job = t.spawn("write", move || {
        let mut written = 0;
        loop {
            match write_with(borrow(number), &[b'x'; 4096], RWF_NOWAIT) {
                Ok(length) => written += length,
                Err(error) => return Ok((written, error)),
            }
        }
    })?;
    check!(t, !job.sleeps_in(t, Call::WRITE)?, "it is written to until it is full");
    let (written, error) = job.join()?;
    check!(t, (error, written > 0) == (Errno::EAGAIN, true), "after {written} bytes it is");
    check!(t, read_now(t, "pipe", &reader)? == Some(Ok(128)), "there is data, and it is read");
    Ok(())
}

/// A read with `RWF_NOWAIT` from a blocking TCP, UDP or `AF_UNIX` socket without data fails with
/// EAGAIN.
#[case(man = ["preadv2(2), RWF_NOWAIT"], kernel = ["sock_alloc_file"], since = "6.4", strength = Implementation)]
fn socket_is_not_waited_for(t: &mut Trial) -> Result {
    let [_, tcp, unix] = net::streams()?;
    let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sender.connect(receiver.local_addr()?)?;
    for (kind, writer, reader) in [tcp, unix, ("UDP", sender.into(), receiver.into())] {
        check!(t, read_now(t, "socket", &reader)? == AGAIN, "{kind}: there is no data");
        write(&writer, b"data")?;
        poll_wait(&reader, POLLIN)?;
        check!(
            t,
            read_now(t, "socket", &reader)? == Some(Ok(4)),
            "{kind}: there is, and it is read"
        );
    }
    Ok(())
}

/// A read with `RWF_NOWAIT` from a blocking timerfd that has not expired, or from a signalfd
/// without a signal, fails with EAGAIN.
#[case(man = ["preadv2(2), RWF_NOWAIT"], kernel = ["timerfd_read_iter", "signalfd_read_iter"], since = "6.10", strength = Implementation)]
fn timer_and_signals_are_not_waited_for(t: &mut Trial) -> Result {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    check!(t, read_now(t, "timerfd", &timer)? == AGAIN, "timerfd: it is not armed");
    let mask = SigSet::from(Signal::SIGUSR1);
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC)?;
    check!(t, read_now(t, "signalfd", &signals)? == AGAIN, "signalfd: no signal is pending");
    kill(Pid::this(), Signal::SIGUSR1)?;
    let read = read_now(t, "signalfd", &signals)?;
    check!(t, read == Some(Ok(128)), "signalfd: one is, and it is read");
    Ok(())
}

/// A named FIFO refuses `RWF_NOWAIT` with EOPNOTSUPP, although pipes take it.
#[case(man = ["preadv2(2), ERRORS: EOPNOTSUPP"], kernel = ["fifo_open"], strength = Implementation)]
fn fifo_refuses(t: &mut Trial) -> Result {
    let counter = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
    check!(t, read_now(t, "eventfd", &counter)? == AGAIN, "the flag is known here");
    let path = t.folder()?.join("fifo");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let fifo = std::fs::File::options().read(true).write(true).open(&path)?;
    let read = read_at_once(t, &fifo)?;
    check!(t, read == Some(Err(Errno::EOPNOTSUPP)), "a read from the FIFO");
    let write = write_with(&fifo, b"!", RWF_NOWAIT);
    check!(t, write == Err(Errno::EOPNOTSUPP), "a write to it");
    Ok(())
}

/// preadv2 and pwritev2 refuse a flag that they do not know with EOPNOTSUPP, and move nothing.
#[case(man = ["preadv2(2), ERRORS: EOPNOTSUPP"], since = "4.6", strength = Documented)]
fn unknown_flag_is_refused(t: &mut Trial) -> Result {
    const UNKNOWN: i32 = 1 << 30;
    let (reader, writer) = std::io::pipe()?;
    if let Err(Errno::ENOSYS) = write_with(&writer, b"!", 0) {
        return Err(Stop::Unsupported("pwritev2 is not implemented".to_owned()));
    }
    let written = write_with(&writer, b"?", UNKNOWN);
    check!(t, written == Err(Errno::EOPNOTSUPP), "a write with such a flag");
    let read = read_with(&reader, &mut [0], UNKNOWN);
    check!(t, read == Err(Errno::EOPNOTSUPP), "a read with such a flag");
    check!(t, net::unread(&reader)? == 1, "the byte of the plain write is there, and no other");
    Ok(())
}
