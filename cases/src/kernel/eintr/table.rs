//! The table of signal(7): calls that sleep, and what lets each go on. These get data or events; the
//! plainest of them are in the module above, and waits for others in their own.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use harness::prelude::*;
use harness::sys::message::receive_many;
use harness::sys::{signal, signalfd};
use nix::fcntl::{SpliceFFlags, splice, tee};
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::eventfd::EventFd;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{MsgFlags, recvmsg, send, sendmsg};
use nix::sys::stat::Mode;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::sys::uio::{readv, writev};
use nix::unistd::{getpid, read, write};

use super::{Wait, wait};

/// A time that no trial sees.
pub(super) const LONG: Duration = Duration::from_hours(1);

/// Two connected sockets, the first of which has no room to send.
pub(super) fn without_room() -> Result<(OwnedFd, OwnedFd)> {
    let (writer, reader) = UnixStream::pair()?;
    net::set_option(&writer, nix::libc::SOL_SOCKET, nix::libc::SO_SNDBUF, 4096)?;
    writer.set_nonblocking(true)?;
    net::fill(&writer)?;
    writer.set_nonblocking(false)?;
    Ok((writer.into(), reader.into()))
}

/// Takes all that is there.
pub(super) fn drain(reader: &OwnedFd) -> nix::Result<()> {
    while poll_now(reader, POLLIN)? == POLLIN {
        read(reader, &mut [0; 1 << 12])?;
    }
    Ok(())
}

/// The calls that do what read, write, recv and send do, with other arguments.
pub(super) fn vectors() -> Result<Vec<Wait>> {
    let (pipe_reader, pipe_writer) = std::io::pipe()?;
    let (full_reader, full_writer) = std::io::pipe()?;
    net::set_nonblocking(&full_writer, true)?;
    let content = net::fill(&full_writer)?;
    net::set_nonblocking(&full_writer, false)?;
    let ((one, one_peer), (many, many_peer)) = (UnixStream::pair()?, UnixStream::pair()?);
    let ((sender, sender_peer), (vector, vector_peer)) = (without_room()?, without_room()?);
    let none = MsgFlags::empty();
    Ok(vec![
        wait(
            "readv",
            Call::READ,
            move || readv(&pipe_reader, &mut [IoSliceMut::new(&mut [0])]).map(drop),
            move || write(&pipe_writer, b"!").map(drop),
        ),
        wait(
            "writev",
            Call::WRITE,
            move || writev(&full_writer, &[IoSlice::new(b"!")]).map(drop),
            move || read(&full_reader, &mut vec![0; content]).map(drop),
        ),
        wait(
            "recvmsg",
            Call::RECV,
            move || {
                let (mut byte, number) = ([0], one.as_raw_fd());
                recvmsg::<()>(number, &mut [IoSliceMut::new(&mut byte)], None, none).map(drop)
            },
            move || write(&one_peer, b"!").map(drop),
        ),
        wait(
            "recvmmsg",
            Call::RECVMMSG,
            move || receive_many(&many, 1, 1, none, None).map(drop),
            move || write(&many_peer, b"!").map(drop),
        ),
        wait(
            "send",
            Call::SEND,
            move || send(sender.as_raw_fd(), b"!", none).map(drop),
            move || drain(&sender_peer),
        ),
        wait(
            "sendmsg",
            Call::SEND,
            move || {
                let bytes = [IoSlice::new(b"!")];
                sendmsg::<()>(vector.as_raw_fd(), &bytes, &[], none, None).map(drop)
            },
            move || drain(&vector_peer),
        ),
    ])
}

/// Calls of POSIX message queues. Their names are gone at once.
pub(super) fn queues(t: &Trial) -> Result<Vec<Wait>> {
    fn receive(queue: &MqdT) -> nix::Result<()> {
        mq_receive(queue, &mut [0; 8], &mut 0).map(drop)
    }
    let lacking = |error| Stop::unsupported_if(error, &[Errno::ENOSYS], "a POSIX message queue");
    // The folder's name is nobody else's.
    let folder = t.folder()?;
    let unique = folder.file_name().unwrap_or_default().display();
    let queue = |name: &str| -> Result<_> {
        let name = format!("/{unique}-{name}");
        let flags = MQ_OFlag::O_RDWR | MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_CLOEXEC;
        let size = MqAttr::new(0, 1, 8, 0);
        let queue = mq_open(name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&size))
            .map_err(lacking)?;
        mq_unlink(name.as_str()).map_err(lacking)?;
        Ok(Arc::new(queue))
    };
    let (empty, full) = (queue("empty")?, queue("full")?);
    mq_send(&full, b"x", 0).map_err(lacking)?;
    let (receiver, sender) = (empty.clone(), full.clone());
    Ok(vec![
        wait(
            "mq_receive",
            Call::MQ_RECEIVE,
            move || receive(&receiver),
            move || mq_send(&empty, b"x", 0),
        ),
        wait("mq_send", Call::MQ_SEND, move || mq_send(&sender, b"x", 0), move || receive(&full)),
    ])
}

/// Reads from descriptors that hold no stream.
pub(super) fn events(t: &Trial) -> Result<Vec<Wait>> {
    let eventfd = Arc::new(EventFd::new()?);
    let timer = Arc::new(TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?);
    let other = Signal::SIGUSR2;
    signal::block(other as i32, true)?;
    let signals = signalfd::open(&[other as i32])?;
    net::set_nonblocking(&signals, false)?;
    let folder = t.folder()?;
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(&folder, AddWatchFlags::IN_CREATE)?;
    let (counter, clock) = (eventfd.clone(), timer.clone());
    let soon = Expiration::OneShot(TimeSpec::new(0, 1));
    Ok(vec![
        wait(
            "read from an eventfd",
            Call::READ,
            move || counter.read().map(drop),
            move || eventfd.write(1).map(drop),
        ),
        wait(
            "read from a timerfd",
            Call::READ,
            move || read(&*clock, &mut [0; 8]).map(drop),
            move || timer.set(soon, TimerSetTimeFlags::empty()),
        ),
        wait(
            "read from a signalfd",
            Call::READ,
            move || signalfd::read(&signals).map(drop),
            move || kill(getpid(), other),
        ),
        wait(
            "read from an inotify instance",
            Call::READ,
            move || inotify.read_events().map(drop),
            move || {
                let created = std::fs::File::create(folder.join("created"));
                created.map(drop).map_err(|_| Errno::EIO)
            },
        ),
    ])
}

/// Calls that move data out of a pipe without reading it.
pub(super) fn splices() -> Result<Vec<Wait>> {
    let ((reader, writer), (teed, tee_writer)) = (std::io::pipe()?, std::io::pipe()?);
    let ((kept, to), (tee_kept, tee_to)) = (std::io::pipe()?, std::io::pipe()?);
    let none = SpliceFFlags::empty();
    Ok(vec![
        wait(
            "splice",
            Call::SPLICE,
            move || splice(&reader, None, &to, None, 8, none).map(drop),
            move || {
                let _keep = &kept;
                write(&writer, b"!").map(drop)
            },
        ),
        wait(
            "tee",
            Call::TEE,
            move || tee(&teed, &tee_to, 8, none).map(drop),
            move || {
                let _keep = &tee_kept;
                write(&tee_writer, b"!").map(drop)
            },
        ),
    ])
}
