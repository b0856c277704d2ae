//! `epoll_wait` and what it refuses; and an epoll instance as a descriptor that others wait for.

use harness::prelude::*;
use harness::sys::epoll_raw::{most_events, wait_without_buffer};
use harness::sys::process::borrow;

use super::counter;

/// `epoll_wait` refuses to look for no events or fewer, and for more than fit into `INT_MAX` bytes,
/// with EINVAL.
#[case(man = ["epoll_wait(2), ERRORS: EINVAL"], kernel = ["EP_MAX_EVENTS"], strength = Documented)]
fn bounds_the_number_of_events(t: &mut Trial) -> Result {
    let epoll = Epoll::new()?;
    for most in [0, -1, i32::MIN, most_events() + 1, i32::MAX] {
        let waited = wait_without_buffer(&epoll, most);
        check!(t, waited == Err(Errno::EINVAL), "{most} events");
    }
    for most in [1, most_events()] {
        check!(t, wait_without_buffer(&epoll, most) == Ok(0), "{most} events");
    }
    Ok(())
}

/// When its buffer cannot be written to, `epoll_wait` fails with EFAULT and loses nothing: the next
/// wait has the event, level-triggered or edge-triggered.
#[case(man = ["epoll_wait(2), ERRORS: EFAULT"], kernel = ["ep_send_events"], strength = Implementation)]
fn bad_buffer_loses_nothing(t: &mut Trial) -> Result {
    for mode in [EPOLLIN, EPOLLIN | EPOLLET] {
        let counter = counter()?;
        let epoll = Epoll::watching(&counter, mode)?;
        counter.write(1)?;
        let failed = wait_without_buffer(&epoll, 1);
        check!(t, failed == Err(Errno::EFAULT), "a null pointer is the buffer, with {mode:?}");
        check!(t, epoll.ready_now()? == [EPOLLIN], "a real one gets the event, with {mode:?}");
    }
    Ok(())
}

/// `epoll_wait` fails with EBADF for a number that is not open, and with EINVAL for one that is no
/// epoll instance.
#[case(man = ["epoll_wait(2), ERRORS"], strength = Documented)]
fn wants_an_instance(t: &mut Trial) -> Result {
    let closed = borrow(Epoll::new()?.as_fd().as_raw_fd());
    check!(t, wait_without_buffer(closed, 1) == Err(Errno::EBADF), "a closed number");
    check!(t, wait_without_buffer(counter()?, 1) == Err(Errno::EINVAL), "a counter");
    Ok(())
}

/// What happens several times between two waits is one event, and its flags are what is true at
/// the wait.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_item_poll"], strength = Documented)]
fn combines_occurrences(t: &mut Trial) -> Result {
    for mode in [EpollFlags::empty(), EPOLLET] {
        let (mut writer, reader) = UnixStream::pair()?;
        let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLOUT | EPOLLRDHUP | mode)?;
        writer.write_all(b"one")?;
        writer.write_all(b"two")?;
        writer.shutdown(std::net::Shutdown::Write)?;
        check!(
            t,
            epoll.ready_now()? == [EPOLLIN | EPOLLOUT | EPOLLRDHUP],
            "two writes and a shutdown are one event, with {mode:?}"
        );
    }
    Ok(())
}

/// poll reports an epoll instance as POLLIN while `epoll_wait` would return events, and never as
/// POLLOUT.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_eventpoll_poll"], strength = Documented)]
fn instance_is_readable_while_it_has_events(t: &mut Trial) -> Result {
    let counter = counter()?;
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    let both = POLLIN | POLLOUT;
    check!(t, poll_now(&epoll, both)?.is_empty(), "nothing is ready");
    counter.write(1)?;
    check!(t, poll_now(&epoll, both)? == POLLIN, "a descriptor in it is ready");
    check!(t, poll_now(&epoll, both)? == POLLIN, "poll takes nothing out");
    counter.read()?;
    check!(t, poll_now(&epoll, both)?.is_empty(), "the descriptor is no longer ready");
    Ok(())
}

/// An epoll instance is read with `epoll_wait` alone: read and write fail with EINVAL.
#[case(kernel = ["eventpoll_fops"], strength = Implementation)]
fn instance_has_no_bytes(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    let read = nix::unistd::read(&epoll, &mut [0; 16]);
    check!(t, read == Err(Errno::EINVAL), "read, although an event is there");
    check!(t, nix::unistd::write(&epoll, b"!") == Err(Errno::EINVAL), "write");
    Ok(())
}
