//! A FIFO is a pipe with a name. Its two ends come into being when somebody opens them, so the first
//! question is what open does while the other side is not there: it waits, or with `O_NONBLOCK` lets
//! readers in at once and turns writers away.

use harness::prelude::*;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{mkfifo, read, write};

const READER: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK);
const WRITER: OFlag = OFlag::O_WRONLY.union(OFlag::O_NONBLOCK);

/// A new FIFO, and what opens it: in the way that is asked for.
fn fifo(t: &Trial) -> Result<impl Fn(OFlag) -> nix::Result<OwnedFd> + Clone + Send + use<>> {
    let path = t.folder()?.join("fifo");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    Ok(move |how| open(&path, how | OFlag::O_CLOEXEC, Mode::empty()))
}

/// A nonblocking open of a FIFO succeeds at once for a reader, and fails with ENXIO for a writer whom
/// nobody would read.
#[case(man = ["fifo(7)", "open(2), O_NONBLOCK", "open(2), ERRORS: ENXIO"], posix = ["open()"], strength = Documented)]
fn nonblocking_writers_need_a_reader(t: &mut Trial) -> Result {
    let open = fifo(t)?;
    check!(t, open(WRITER).err() == Some(Errno::ENXIO), "a writer comes first");
    let reader = open(READER);
    check!(t, reader.is_ok(), "a reader comes");
    check!(t, open(WRITER).is_ok(), "and then a writer");
    drop(reader);
    check!(t, open(WRITER).err() == Some(Errno::ENXIO), "the reader has gone again");
    Ok(())
}

/// A blocking open of a FIFO sleeps until the other side is opened, for readers and for writers.
#[case(man = ["fifo(7)"], posix = ["open()"], strength = Documented)]
fn blocking_open_waits_for_the_other_side(t: &mut Trial) -> Result {
    let open = fifo(t)?;
    for (side, first, second) in
        [("reader", OFlag::O_RDONLY, OFlag::O_WRONLY), ("writer", OFlag::O_WRONLY, OFlag::O_RDONLY)]
    {
        let opener = open.clone();
        let job = t.spawn(side, move || Ok(opener(first)))?;
        check!(t, job.sleeps_in(t, Call::OPEN)?, "the {side} sleeps in open");
        let other = open(second);
        check!(t, other.is_ok(), "the other side is opened without waiting");
        let opened = job.join_soon(t)?.is_some_and(|opened| opened.is_ok());
        check!(t, opened, "and the {side}'s open returns");
    }
    Ok(())
}

/// Opening a FIFO for reading and writing never blocks: it is its own other side.
#[case(man = ["fifo(7), NOTES"], kernel = ["fifo_open"], strength = Documented)]
fn reading_and_writing_waits_for_nobody(t: &mut Trial) -> Result {
    let open = fifo(t)?;
    let opener = open.clone();
    let job = t.spawn("both", move || Ok(opener(OFlag::O_RDWR)))?;
    let both = job.join_soon(t)?;
    check!(t, both.as_ref().is_some_and(nix::Result::is_ok), "a blocking open returns at once");
    check!(t, open(WRITER).is_ok(), "it counts as a reader");
    drop(both);
    check!(t, open(WRITER).err() == Some(Errno::ENXIO), "for as long as it is open");
    Ok(())
}

/// A reader whose first writer has not come yet reads the end of the stream, but poll does not tell
/// of a hang-up before a writer has been there and gone.
#[case(man = ["fifo(7)", "poll(2), POLLHUP"], kernel = ["pipe_poll"], strength = Implementation)]
fn no_hangup_before_the_first_writer(t: &mut Trial) -> Result {
    let open = fifo(t)?;
    let reader = open(READER)?;
    check!(
        t,
        read(&reader, &mut [0]) == Ok(0),
        "nobody has come to write: there is nothing to read"
    );
    check!(t, poll_now(&reader, POLLIN)? == PollFlags::empty(), "and nothing to report");
    let writer = open(WRITER)?;
    check!(t, read(&reader, &mut [0]) == Err(Errno::EAGAIN), "there is a writer");
    drop(writer);
    check!(t, poll_now(&reader, POLLIN)? == POLLHUP, "he has gone: that is a hang-up");
    Ok(())
}

/// The end of a FIFO is not for ever: when a new writer comes, the reader reads on.
#[case(man = ["fifo(7)", "pipe(7), I/O on pipes and FIFOs"], kernel = ["fifo_open"], strength = Implementation)]
fn a_new_writer_takes_the_end_back(t: &mut Trial) -> Result {
    let open = fifo(t)?;
    let reader = open(READER)?;
    for round in ["first", "second"] {
        let writer = open(WRITER)?;
        check!(t, poll_now(&reader, POLLIN)? == PollFlags::empty(), "the {round} writer is there");
        write(&writer, round.as_bytes())?;
        drop(writer);
        check!(t, read(&reader, &mut [0; 64]) == Ok(round.len()), "the {round} writer is heard");
        check!(t, read(&reader, &mut [0; 64]) == Ok(0), "and has gone");
    }
    Ok(())
}

/// What is in a FIFO is lost when the last descriptor of it is closed: nothing is kept in the file.
#[case(man = ["fifo(7)"], kernel = ["put_pipe_info"], strength = Documented)]
fn content_goes_with_the_last_descriptor(t: &mut Trial) -> Result {
    let open = fifo(t)?;
    let both = open(OFlag::O_RDWR)?;
    write(&both, b"kept")?;
    let reader = open(READER)?;
    drop(both);
    check!(t, read(&reader, &mut [0; 2]) == Ok(2), "the writer has gone, and a reader is left");
    drop(reader);
    check!(t, fstat(open(READER)?)?.st_size == 0, "the file has no size");
    check!(t, read(open(READER)?, &mut [0; 2]) == Ok(0), "with the last reader the rest has gone");
    Ok(())
}
