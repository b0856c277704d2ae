//! The two ends of a pipe. A pipe lives as long as somebody has one of them: readers learn that the
//! last writer is gone by the end of the stream, writers that the last reader is gone by a signal that
//! kills them, or an error if they ignore it.

use harness::prelude::*;
use harness::sys::{process, signal};
use nix::sys::signal::Signal;
use nix::sys::uio::{pread, pwrite};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Whence, lseek, read, write};

use super::nonblocking;

/// A read from an empty pipe fails with EAGAIN as long as there is a writer, and returns 0 when there
/// is none.
#[case(man = ["pipe(7), I/O on pipes and FIFOs"], posix = ["read()"], strength = Documented)]
fn empty_is_not_the_end(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    let copy = writer.try_clone()?;
    check!(t, read(&reader, &mut [0]) == Err(Errno::EAGAIN), "there is a writer");
    drop(writer);
    check!(t, read(&reader, &mut [0]) == Err(Errno::EAGAIN), "a copy of his descriptor is left");
    write(&copy, b"x")?;
    drop(copy);
    check!(t, read(&reader, &mut [0; 8]) == Ok(1), "what was written comes before the end");
    check!(t, read(&reader, &mut [0; 8]) == Ok(0), "then the end");
    check!(t, read(&reader, &mut [0; 8]) == Ok(0), "which can be read again and again");
    Ok(())
}

/// The end of the last writer wakes every thread that sleeps in read.
#[case(man = ["pipe(7), I/O on pipes and FIFOs"], kernel = ["pipe_release"], strength = Documented)]
fn the_end_wakes_every_reader(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let mut jobs = Vec::new();
    for name in ["first", "second", "third"] {
        let reader = reader.try_clone()?;
        let job = t.spawn(name, move || Ok(read(&reader, &mut [0])))?;
        check!(t, job.sleeps_in(t, Call::READ)?, "the {name} reader sleeps");
        jobs.push((name, job));
    }
    drop(writer);
    for (name, job) in jobs {
        check!(t, job.join_soon(t)? == Some(Ok(0)), "the {name} reader reads the end");
    }
    Ok(())
}

/// A write to a pipe without a reader raises `SIGPIPE`, which kills by default, and fails with EPIPE
/// in a process that ignores it.
#[case(man = ["pipe(7), I/O on pipes and FIFOs", "write(2), ERRORS: EPIPE"], posix = ["write()"], strength = Documented)]
fn writing_to_nobody_kills(t: &mut Trial) -> Result {
    let write_to_nobody = || -> Result<_> {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        Ok(write(&writer, b"x"))
    };
    let child = process::fork(|| {
        let usual = signal::default_action(Signal::SIGPIPE);
        i32::from(usual.is_err() || write_to_nobody().is_ok())
    })?;
    let end = waitpid(child, None)?;
    check!(t, end == WaitStatus::Signaled(child, Signal::SIGPIPE, false), "it is killed");
    // The library of the suite's language ignores the signal.
    check!(t, write_to_nobody()? == Err(Errno::EPIPE), "with the signal ignored there is an error");
    Ok(())
}

/// A thread that sleeps in a write to a full pipe is woken when the last reader goes, and fails with
/// EPIPE.
#[case(man = ["pipe(7), I/O on pipes and FIFOs"], kernel = ["pipe_release"], strength = Documented)]
fn a_sleeping_writer_learns_of_it(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    net::fill(std::fs::File::from(writer.try_clone()?))?;
    net::set_nonblocking(&writer, false)?;
    let job = t.spawn("writer", move || Ok(write(&writer, b"x")))?;
    check!(t, job.sleeps_in(t, Call::WRITE)?, "the pipe is full, and the writer sleeps");
    drop(reader);
    check!(t, job.join_soon(t)? == Some(Err(Errno::EPIPE)), "the last reader is gone");
    Ok(())
}

/// A pipe has no position: lseek and reads or writes at an offset fail with ESPIPE.
#[case(man = ["pipe(7)", "lseek(2), ERRORS: ESPIPE", "pread(2)"], posix = ["lseek()"], strength = Documented)]
fn has_no_position(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    write(&writer, b"abc")?;
    check!(t, lseek(&reader, 0, Whence::SeekCur) == Err(Errno::ESPIPE), "lseek");
    check!(t, pread(&reader, &mut [0], 0) == Err(Errno::ESPIPE), "a read at offset 0");
    check!(t, pwrite(&writer, b"x", 0) == Err(Errno::ESPIPE), "a write at offset 0");
    check!(t, net::unread(&reader)? == 3, "the pipe holds what it held");
    Ok(())
}

/// Each end of a pipe goes one way: reading from the writer's, or writing to the reader's, fails with
/// EBADF.
#[case(man = ["pipe(2)", "read(2), ERRORS: EBADF", "write(2), ERRORS: EBADF"], strength = Documented)]
fn goes_one_way(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    write(&writer, b"abc")?;
    check!(t, read(&writer, &mut [0]) == Err(Errno::EBADF), "a read from the writer's end");
    check!(t, write(&reader, b"x") == Err(Errno::EBADF), "a write to the reader's end");
    Ok(())
}

/// Each end of a pipe has flags of its own: `O_NONBLOCK` for one is none for the other.
#[case(man = ["pipe(2)", "fcntl(2), F_SETFL"], strength = Implementation)]
fn has_flags_for_each_end(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    net::set_nonblocking(&writer, true)?;
    net::fill(&writer)?;
    check!(t, write(&writer, b"x") == Err(Errno::EAGAIN), "the writer does not block");
    let copy = reader.try_clone()?;
    while net::unread(&reader)? > 0 {
        read(&reader, &mut [0; 1 << 12])?;
    }
    let job = t.spawn("reader", move || Ok(read(&copy, &mut [0])))?;
    check!(t, job.sleeps_in(t, Call::READ)?, "the reader does");
    write(&writer, b"x")?;
    check!(t, job.join_soon(t)? == Some(Ok(1)), "and gets what is written");
    Ok(())
}
