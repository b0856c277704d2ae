//! Several writers, one pipe. Up to `PIPE_BUF` bytes (4096) go in by one piece, with nobody's data
//! between them: a writer for whom there is no room waits for all of it, or is refused. Longer writes
//! are cut wherever the room ends.

use harness::prelude::*;
use harness::sys::brink::write_past_the_end;
use nix::libc::PIPE_BUF;
use nix::unistd::{read, write};

use super::{of_pages, page};

/// A pipe of one page with room for so many bytes more.
fn with_room(room: usize) -> Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = of_pages(1)?;
    write(&writer, &vec![b'a'; page()? - room])?;
    Ok((reader, writer))
}

/// A nonblocking write of up to `PIPE_BUF` bytes that finds too little room in a pipe fails with
/// EAGAIN, and nothing of it is written.
#[case(man = ["pipe(7), PIPE_BUF"], posix = ["write()"], strength = Documented)]
fn small_writes_are_whole(t: &mut Trial) -> Result {
    let (reader, writer) = with_room(100)?;
    for length in [101, PIPE_BUF] {
        let outcome = write(&writer, &vec![b'b'; length]);
        check!(t, outcome == Err(Errno::EAGAIN), "{length} bytes, and room for a hundred");
        check!(t, net::unread(&reader)? == page()? - 100, "the pipe holds what it held");
    }
    check!(t, write(&writer, &[b'b'; 100]) == Ok(100), "a hundred bytes fit");
    Ok(())
}

/// A blocking write of `PIPE_BUF` bytes to a pipe with room for a part of them sleeps without having
/// written any.
#[case(man = ["pipe(7), PIPE_BUF"], posix = ["write()"], strength = Documented)]
fn small_writes_wait_for_all_their_room(t: &mut Trial) -> Result {
    let (reader, writer) = with_room(100)?;
    net::set_nonblocking(&writer, false)?;
    let job = t.spawn("writer", move || Ok(write(&writer, &[b'b'; PIPE_BUF])))?;
    check!(t, job.sleeps_in(t, Call::WRITE)?, "the writer sleeps");
    check!(t, net::unread(&reader)? == page()? - 100, "nothing of his is in the pipe");
    let mut content = vec![0; page()?];
    check!(t, read(&reader, &mut content) == Ok(page()? - 100), "what was there is read");
    check!(t, job.join_soon(t)? == Some(Ok(PIPE_BUF)), "and he writes all of it at once");
    Ok(())
}

/// A nonblocking write of more than a pipe has room for, and more than `PIPE_BUF`, writes what fits
/// and returns how much that was.
#[case(man = ["pipe(7), PIPE_BUF"], posix = ["write()"], strength = Documented)]
fn long_writes_are_cut(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(2)?;
    let page = page()?;
    write(&writer, &vec![b'a'; page])?;
    check!(t, write(&writer, &vec![b'b'; 3 * page]) == Ok(page), "three pages, and room for one");
    let more = write(&writer, &vec![b'b'; 3 * page]);
    check!(t, more == Err(Errno::EAGAIN), "with no room at all, none is written");
    check!(t, net::unread(&reader)? == 2 * page, "the pipe holds the two");
    Ok(())
}

/// A write of several pages from memory that ends in their middle returns the whole pages before
/// the end.
#[case(kernel = ["pipe_write", "copy_page_from_iter"], strength = Implementation)]
fn a_fault_after_a_page_is_a_short_write(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(4)?;
    let page = page()?;
    let written = write_past_the_end(&writer, page, 100);
    check!(t, written == Ok(page), "one page of two is there");
    check!(t, net::unread(&reader)? == page, "and is in the pipe");
    Ok(())
}

/// A short write from memory that ends in its middle fails with EFAULT, and nothing of it is written.
#[case(man = ["write(2), ERRORS: EFAULT"], kernel = ["pipe_write"], strength = Implementation)]
fn a_fault_within_a_page_writes_nothing(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(4)?;
    let written = write_past_the_end(&writer, 10, 10);
    check!(t, written == Err(Errno::EFAULT), "ten bytes of twenty are there");
    check!(t, net::unread(&reader)? == 0, "the pipe holds none of them");
    check!(t, read(&reader, &mut [0; 20]) == Err(Errno::EAGAIN), "and none can be read");
    Ok(())
}

/// A pipe that is empty after a write has failed with EFAULT is not reported as readable.
#[case(
    man = ["select(2), BUGS"],
    kernel = ["pipe_write", "pipe_poll"],
    strength = Implementation,
    changed = [("5.5", "6.15", deviates, "an empty buffer was left behind, until `pipe: change pipe_write() to never add a zero-sized buffer`")]
)]
fn a_fault_does_not_make_readable(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(4)?;
    let written = write_past_the_end(&writer, 10, 10);
    check!(t, written == Err(Errno::EFAULT), "ten bytes of twenty are there");
    let empty = PollFlags::empty();
    check!(t, poll_now(&reader, POLLIN)? == empty, "what poll tells of a pipe with nothing in it");
    write(&writer, b"x")?;
    check!(t, poll_now(&reader, POLLIN)? == POLLIN, "and with a byte in it");
    Ok(())
}
