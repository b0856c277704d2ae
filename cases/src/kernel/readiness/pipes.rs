//! Pipes and FIFOs. The reader's end is readable while there is data, the writer's end writable while
//! there is a free page; and each end sees the other go: POLLHUP at the reader's, POLLERR at the
//! writer's.

use harness::prelude::*;
use nix::fcntl::OFlag;

use super::{IDLE, State, state, told_alike};

/// Fills a pipe.
fn filled(writer: &impl AsFd) -> Result {
    net::set_nonblocking(writer, true)?;
    net::fill(std::fs::File::from(writer.as_fd().try_clone_to_owned()?))?;
    Ok(())
}

/// Of a pipe's reading end select, poll, epoll and `io_uring` tell the same: data, the end of the last
/// writer, and both.
#[case(man = ["poll(2)", "select(2)", "epoll_ctl(2)", "io_uring_enter(2), IORING_OP_POLL_ADD"], kernel = ["pipe_poll"], strength = Implementation)]
fn reading_end(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    let (reader, writer) = std::io::pipe()?;
    states.push(state("idle", IDLE, reader, writer));
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"a")?;
    states.push(state("with data", POLLIN, reader, writer));
    let (reader, writer) = std::io::pipe()?;
    filled(&writer)?;
    states.push(state("full", POLLIN, reader, writer));
    let (reader, _) = std::io::pipe()?;
    states.push(state("without a writer", POLLHUP, reader, ()));
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"a")?;
    drop(writer);
    states.push(state("with data and without a writer", POLLIN | POLLHUP, reader, ()));
    told_alike(t, states)
}

/// Of a pipe's writing end select, poll, epoll and `io_uring` tell the same: room, and the end of the
/// last reader.
#[case(man = ["poll(2)", "select(2)", "epoll_ctl(2)", "io_uring_enter(2), IORING_OP_POLL_ADD"], kernel = ["pipe_poll"], strength = Implementation)]
fn writing_end(t: &mut Trial) -> Result {
    let mut states = Vec::new();
    let (reader, writer) = std::io::pipe()?;
    states.push(state("empty", POLLOUT, writer, reader));
    let (reader, writer) = std::io::pipe()?;
    filled(&writer)?;
    states.push(state("full", IDLE, writer, reader));
    let (_, writer) = std::io::pipe()?;
    states.push(state("without a reader", POLLOUT | POLLERR, writer, ()));
    let (reader, writer) = std::io::pipe()?;
    filled(&writer)?;
    drop(reader);
    states.push(state("full and without a reader", POLLERR, writer, ()));
    told_alike(t, states)
}

/// Of a FIFO select, poll, epoll and `io_uring` tell the same, also before it ever had a writer, which
/// is no hang-up.
#[case(man = ["fifo(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["pipe_poll", "fifo_open"], strength = Implementation)]
fn fifo(t: &mut Trial) -> Result {
    let folder = t.folder()?;
    let mut number = 0;
    let mut fresh = || -> Result<_> {
        number += 1;
        let path = folder.join(number.to_string());
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU)?;
        Ok(move |flags: OFlag| {
            let flags = flags | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
            nix::fcntl::open(&path, flags, nix::sys::stat::Mode::empty())
        })
    };
    let mut states: Vec<State> = Vec::new();
    let open = fresh()?;
    states.push(state("that never had a writer", IDLE, open(OFlag::O_RDONLY)?, ()));
    let open = fresh()?;
    let reader = open(OFlag::O_RDONLY)?;
    states.push(state("with a writer", IDLE, reader, open(OFlag::O_WRONLY)?));
    let open = fresh()?;
    let reader = open(OFlag::O_RDONLY)?;
    drop(open(OFlag::O_WRONLY)?);
    states.push(state("whose writer has gone", POLLHUP, reader, ()));
    let open = fresh()?;
    states.push(state("for both directions", POLLOUT, open(OFlag::O_RDWR)?, ()));
    let open = fresh()?;
    let both = open(OFlag::O_RDWR)?;
    nix::unistd::write(&both, b"a")?;
    states.push(state("for both directions, with data", POLLIN | POLLOUT, both, ()));
    let open = fresh()?;
    let both = open(OFlag::O_RDWR)?;
    filled(&both)?;
    states.push(state("for both directions, full", POLLIN, both, ()));
    told_alike(t, states)
}
