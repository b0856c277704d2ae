//! When a pipe wakes those who watch it. A pipe that becomes readable has to; whether one more write
//! to a pipe that is readable already tells anybody has changed back and forth. Linux 5.5 dropped
//! those wakeups as needless, programs that waited for edges hung, and 5.14 brought them back.

use harness::prelude::*;
use nix::unistd::{read, write};

use super::{nonblocking, of_pages, page};

/// Takes every edge of `fd`, and nothing else.
fn take_edges(worker: Worker, fd: &OwnedFd, events: EpollFlags) -> Result {
    let epoll = Epoll::watching(fd, events | EPOLLET)?;
    loop {
        epoll.wait_one()?;
        worker.took();
    }
}

/// Each write to a pipe wakes a thread that waits for edges exactly once, whether what was there
/// before is still unread or not.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered"],
    commit = ["3a34b13a88ca", "3b844826b6c6"],
    strength = Implementation,
    changed = [("5.5", "5.14", deviates, "a write to a pipe that was not empty woke nobody until commit 3a34b13a88ca")],
)]
fn each_write_wakes_an_edge_waiter_once(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    let crew = t.threads(1, Call::EPOLL_WAIT, {
        let reader = reader.try_clone()?;
        move |worker| take_edges(worker, &reader, EPOLLIN)
    })?;
    for write_number in 1..=4 {
        let before = crew.counts()?;
        write(&writer, b"x")?;
        check!(t, crew.wait_for(t, write_number)?, "write {write_number} is reported");
        crew.settle(t)?;
        let woken = harness::watch::cost(crew.counts()?.since(&before).wakeups);
        check!(t, woken == 1, "wakeups that write {write_number} costs");
    }
    check!(t, net::unread(&reader)? == 4, "nobody has read anything");
    Ok(())
}

/// A write to a pipe that was not empty is an event even for an epoll instance that watches it
/// level-triggered and is watched itself, edge-triggered, by another.
#[case(
    kernel = ["pipe_write", "ep_poll_callback"],
    commit = ["3b844826b6c6"],
    strength = Implementation,
    changed = [("5.5", "5.14", deviates, "a write to a pipe that was not empty woke nobody until commits 3a34b13a88ca and 3b844826b6c6"), ("7.3", "", deviates, "since Linux 7.3 only a registration with EPOLLET asks a pipe for wakeups that are no change of state")],
)]
fn each_write_reaches_a_level_triggered_watcher(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    let inner = Epoll::watching(&reader, EPOLLIN)?;
    let outer = Epoll::watching(&inner, EPOLLIN | EPOLLET)?;
    write(&writer, b"x")?;
    check!(t, outer.ready_now()? == [EPOLLIN], "the first write makes the inner one ready");
    check!(t, outer.ready_now()? == [], "which is reported once");
    write(&writer, b"y")?;
    check!(t, outer.ready_now()? == [EPOLLIN], "the second write wakes it again");
    Ok(())
}

/// poll reports a full pipe as writable only when a whole page of it has been read, however many
/// bytes are free before.
#[case(kernel = ["pipe_poll", "pipe_read"], strength = Implementation)]
fn writable_means_a_free_page(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(4)?;
    let page = page()?;
    write(&writer, &vec![0; 4 * page])?;
    check!(t, poll_now(&writer, POLLOUT)? == PollFlags::empty(), "the pipe is full");
    read(&reader, &mut vec![0; page - 1])?;
    check!(t, poll_now(&writer, POLLOUT)? == PollFlags::empty(), "a page but for one byte is free");
    check!(t, write(&writer, b"x") == Err(Errno::EAGAIN), "in which not even a byte has room");
    read(&reader, &mut [0])?;
    check!(t, poll_now(&writer, POLLOUT)? == POLLOUT, "the page is free");
    let whole = write(&writer, &[0; nix::libc::PIPE_BUF]);
    check!(t, whole == Ok(nix::libc::PIPE_BUF), "PIPE_BUF bytes have room in it");
    Ok(())
}

/// Reading from a pipe that is not full does not wake a thread that waits until it can write: there
/// is nothing to tell.
#[case(
    kernel = ["pipe_read"],
    strength = Implementation,
    changed = [("", "5.5", deviates, "each read that emptied a page woke the writers, whether the pipe was full or not")],
)]
fn reading_wakes_no_writer_of_a_pipe_with_room(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(4)?;
    let page = page()?;
    let crew = t.threads(1, Call::EPOLL_WAIT, {
        let writer = writer.try_clone()?;
        move |worker| take_edges(worker, &writer, EPOLLOUT)
    })?;
    write(&writer, &vec![0; 4 * page])?;
    crew.settle(t)?;
    let mut woken = Vec::new();
    for _ in 0..3 {
        let before = crew.counts()?;
        read(&reader, &mut vec![0; page])?;
        // What a read wakes is awake when it returns.
        crew.settle(t)?;
        woken.push(harness::watch::cost(crew.counts()?.since(&before).wakeups));
    }
    check!(t, woken == [1, 0, 0], "wakeups that reading each of three pages costs");
    Ok(())
}

/// When a write is more than one sleeping reader takes, the reader wakes the next one, so that none
/// sleeps in front of data.
#[case(kernel = ["pipe_read"], commit = ["0ddad21d3e99"], strength = Implementation)]
fn a_reader_wakes_the_next(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let (silent, _nobody) = std::io::pipe()?;
    let crew = t.threads(4, Call::READ, move |worker| {
        read(&reader, &mut [0])?;
        worker.took();
        // What is left is for somebody else.
        Ok(read(&silent, &mut [0]).map(drop)?)
    })?;
    write(&writer, b"abc")?;
    check!(t, crew.wait_for(t, 3)?, "three readers take a byte each");
    crew.settle(t)?;
    check!(t, crew.taken() == 3, "and the fourth sleeps on");
    write(&writer, b"d")?;
    check!(t, crew.wait_for(t, 4)?, "until there is one for it");
    Ok(())
}
