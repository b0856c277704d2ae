//! Where the four tell different stories: select knows three classes in place of events; epoll takes
//! only what can be waited for; what is told unasked differs; and so does what is said of a descriptor
//! that is not open.

use std::fs::File;
use std::time::Duration;

use harness::prelude::*;
use harness::sys::process;
use harness::sys::uring::{Request, Ring};

use super::{ASKED, Classes, IDLE, by_select, by_uring, ring};

/// A file and a directory are always ready to select, poll and `io_uring`; epoll refuses them with
/// EPERM.
#[case(man = ["epoll_ctl(2), ERRORS: EPERM", "poll(2)", "select(2)"], kernel = ["vfs_poll", "file_can_poll"], strength = Documented)]
fn epoll_refuses_what_cannot_wait(t: &mut Trial) -> Result {
    let file = nix::sys::memfd::memfd_create("file", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    let always = POLLIN | POLLOUT | PollFlags::POLLRDNORM | PollFlags::POLLWRNORM;
    let mut ring = ring()?;
    for (name, fd) in [("file", file), ("directory", File::open("/")?.into())] {
        check!(t, poll_now(&fd, ASKED)? == always, "poll, of a {name}");
        check!(t, by_select(&fd)? == Classes::of(always), "select, of a {name}");
        if let Some(ring) = &mut ring {
            check!(t, by_uring(ring, &fd, ASKED)? == always, "a poll request, of a {name}");
        }
        let added = Epoll::new()?.add(&fd, EPOLLIN);
        check!(t, added == Err(Errno::EPERM), "EPOLL_CTL_ADD of a {name}");
    }
    Ok(())
}

/// select calls a hang-up readable and an error both readable and writable, and cannot tell either
/// from data or room.
#[case(man = ["select(2), Correspondence between select() and poll() notifications"], strength = Documented)]
fn select_knows_three_classes(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    drop(writer);
    check!(t, poll_now(&reader, ASKED)? == POLLHUP, "poll, of a pipe without a writer");
    let readable = Classes { readable: true, writable: false, exceptional: false };
    check!(t, by_select(&reader.into())? == readable, "select, of the same");

    let (reader, writer) = std::io::pipe()?;
    net::set_nonblocking(&writer, true)?;
    net::fill(&writer)?;
    drop(reader);
    check!(t, poll_now(&writer, ASKED)? == POLLERR, "poll, of a full pipe without a reader");
    let both = Classes { readable: true, writable: true, exceptional: false };
    check!(t, by_select(&writer.into())? == both, "select, of the same");
    Ok(())
}

/// A hang-up is told unasked by poll, epoll and `io_uring`; of select one has to ask whether it can be
/// read.
#[case(man = ["poll(2), POLLHUP", "epoll_ctl(2), EPOLLHUP", "select(2)"], kernel = ["do_pollfd", "ep_insert", "io_poll_add"], strength = Documented)]
fn a_hangup_is_told_unasked(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    drop(writer);
    check!(t, poll_now(&reader, IDLE)? == POLLHUP, "poll, asked for nothing");
    let epoll = Epoll::watching(&reader, EpollFlags::empty())?;
    check!(t, epoll.ready_now()? == [EPOLLHUP], "epoll, asked for nothing");
    if let Some(ring) = &mut ring()? {
        check!(t, by_uring(ring, &reader, IDLE)? == POLLHUP, "a poll request, for nothing");
    }
    let number = reader.as_raw_fd();
    let asked = Sets { write: vec![number], except: vec![number], ..Sets::default() };
    let selected = select(number + 1, &asked, Some(Duration::ZERO));
    check!(t, selected.returned == Ok(0), "select, asked for writing and exceptional conditions");
    Ok(())
}

/// What is asked of a socket whose peer sends no more.
const QUESTIONS: [PollFlags; 2] = [POLLOUT, POLLOUT.union(POLLRDHUP)];

/// That the peer sends no more (POLLRDHUP) is told by poll and by epoll to those who ask for it.
#[case(man = ["poll(2), POLLRDHUP", "epoll_ctl(2), EPOLLRDHUP"], since = "2.6.17", strength = Documented)]
fn a_half_close_is_told_if_asked_for(t: &mut Trial) -> Result {
    let (socket, peer) = UnixStream::pair()?;
    peer.shutdown(std::net::Shutdown::Write)?;
    for asked in QUESTIONS {
        check!(t, poll_now(&socket, asked)? == asked, "poll, asked for {asked:?}");
        let events = EpollFlags::from_bits_retain(i32::from(asked.bits()));
        let reported = Epoll::watching(&socket, events)?.ready_now()?;
        check!(t, reported == [events], "epoll, asked for {asked:?}");
    }
    Ok(())
}

/// A poll request tells that the peer sends no more only if it asks for it.
#[case(
    man = ["io_uring_enter(2), IORING_OP_POLL_ADD"],
    kernel = ["io_poll_add: IO_POLL_UNMASK"],
    since = "5.1",
    strength = Implementation,
    needs = [Need::IoUring],
    changed = [("", "", deviates, "POLLRDHUP is told unasked, as POLLERR and POLLHUP are, from 5.10 to 7.3; 6.12.118 of the stable tree does not do it any more")]
)]
fn a_poll_request_tells_of_a_half_close_if_asked_for(t: &mut Trial) -> Result {
    let (socket, peer) = UnixStream::pair()?;
    peer.shutdown(std::net::Shutdown::Write)?;
    let mut ring = Ring::new()?;
    for asked in QUESTIONS {
        let completed = by_uring(&mut ring, &socket, asked)?;
        check!(t, completed == asked, "a poll request, for {asked:?}");
    }
    Ok(())
}

/// Of a descriptor that is not open poll tells POLLNVAL and goes on; select and epoll fail with EBADF.
#[case(man = ["poll(2), POLLNVAL", "select(2), ERRORS: EBADF", "epoll_ctl(2), ERRORS: EBADF"], strength = Documented)]
fn a_closed_descriptor_is_told_by_poll_alone(t: &mut Trial) -> Result {
    let epoll = Epoll::new()?;
    let number = std::io::pipe()?.0.as_raw_fd();
    let closed = process::borrow(number);
    check!(t, poll_now(closed, ASKED)? == POLLNVAL, "poll");
    let asked = Sets { read: vec![number], ..Sets::default() };
    let selected = select(number + 1, &asked, Some(Duration::ZERO));
    check!(t, selected.returned == Err(Errno::EBADF), "select");
    check!(t, epoll.add(closed, EPOLLIN) == Err(Errno::EBADF), "epoll");
    Ok(())
}

/// A poll request for a descriptor that is not open completes with EBADF.
#[case(man = ["io_uring_enter(2), IORING_OP_POLL_ADD"], since = "5.1", needs = [Need::IoUring], strength = Documented)]
fn a_closed_descriptor_fails_a_poll_request(t: &mut Trial) -> Result {
    let mut ring = Ring::new()?;
    let closed = process::borrow(std::io::pipe()?.0.as_raw_fd());
    ring.submit([Request::poll(closed, u32::MAX).tag(1)])?;
    check!(t, ring.wait()? == [(1, Err(Errno::EBADF))], "its completion");
    Ok(())
}
