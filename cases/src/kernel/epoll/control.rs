//! `epoll_ctl` and what it refuses. A registration is found by two things, the number and the open
//! file behind it, and can be of nothing that has no way to say that it became ready.

use harness::prelude::*;
use harness::sys::epoll_raw;
use harness::sys::process::borrow;
use nix::libc::{EPOLL_CTL_ADD, EPOLL_CTL_MOD};
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::counter;

/// Adding the same descriptor a second time fails with EEXIST, whatever the events.
#[case(man = ["epoll_ctl(2), ERRORS: EEXIST"], strength = Documented)]
fn adds_once(t: &mut Trial) -> Result {
    let counter = counter()?;
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    check!(t, epoll.add(&counter, EPOLLIN) == Err(Errno::EEXIST), "the same events");
    check!(t, epoll.add(&counter, EPOLLOUT) == Err(Errno::EEXIST), "other events");
    Ok(())
}

/// A duplicate is another registration, with events of its own: the key is the number together
/// with the open file.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_find"], strength = Documented)]
fn duplicate_is_added_beside(t: &mut Trial) -> Result {
    let original = OwnedFd::from(counter()?);
    let duplicate = original.try_clone()?;
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    check!(t, epoll.add(&duplicate, EPOLLOUT) == Ok(()), "the duplicate has another number");
    nix::unistd::write(&original, &1_u64.to_ne_bytes())?;
    let mut reports = epoll.wait(8, 0)?;
    reports.sort_by_key(|report| report.fd);
    let mut expected = [
        Report { fd: original.as_raw_fd(), events: EPOLLIN },
        Report { fd: duplicate.as_raw_fd(), events: EPOLLOUT },
    ];
    expected.sort_by_key(|report| report.fd);
    check!(t, reports == expected, "each is reported with the events that it was added for");
    Ok(())
}

/// Modifying or deleting what is not registered fails with ENOENT.
#[case(man = ["epoll_ctl(2), ERRORS: ENOENT"], strength = Documented)]
fn finds_what_is_registered_only(t: &mut Trial) -> Result {
    let (counter, epoll) = (counter()?, Epoll::new()?);
    check!(t, epoll.modify(&counter, EPOLLIN) == Err(Errno::ENOENT), "EPOLL_CTL_MOD");
    check!(t, epoll.delete(&counter) == Err(Errno::ENOENT), "EPOLL_CTL_DEL");
    epoll.add(&counter, EPOLLIN)?;
    epoll.delete(&counter)?;
    check!(t, epoll.delete(&counter) == Err(Errno::ENOENT), "EPOLL_CTL_DEL a second time");
    Ok(())
}

/// Regular files, directories, /dev/null and /dev/zero cannot be added: EPERM, for they are always
/// ready and tell nobody.
#[case(man = ["epoll_ctl(2), ERRORS: EPERM"], kernel = ["file_can_poll"], strength = Documented)]
fn refuses_files_that_are_always_ready(t: &mut Trial) -> Result {
    let epoll = Epoll::new()?;
    let open = |path: &str| std::fs::File::open(path).map(OwnedFd::from);
    let folder = OwnedFd::from(std::fs::File::open(t.folder()?)?);
    let files = [
        ("a regular file", memfd_create("plain", MFdFlags::MFD_CLOEXEC)?),
        ("a directory", folder),
        ("/dev/null", open("/dev/null")?),
        ("/dev/zero", open("/dev/zero")?),
    ];
    for (kind, fd) in files {
        check!(t, epoll.add(&fd, EPOLLIN) == Err(Errno::EPERM), "{kind}");
    }
    Ok(())
}

/// A file of /proc that tells of changes can be added, such as /proc/self/mounts.
#[case(man = ["proc_pid_mounts(5)"], kernel = ["mounts_poll"], since = "2.6.15", strength = Documented)]
fn takes_files_that_tell_of_changes(t: &mut Trial) -> Result {
    let mounts = std::fs::File::open("/proc/self/mounts")?;
    let epoll = Epoll::new()?;
    check!(t, epoll.add(&mounts, EPOLLIN) == Ok(()), "it tells of mounts, and it is taken");
    let reported = epoll.ready_now()?;
    check!(t, reported.len() == 1, "it can be read, and is reported: {reported:?}");
    Ok(())
}

/// An instance cannot watch itself, nor can anything but an instance be asked to watch: both fail
/// with EINVAL, as does an operation that does not exist.
#[case(man = ["epoll_ctl(2), ERRORS: EINVAL"], strength = Documented)]
fn refuses_itself_and_nonsense(t: &mut Trial) -> Result {
    let (counter, other, epoll) = (counter()?, counter()?, Epoll::new()?);
    let number = counter.as_fd().as_raw_fd();
    check!(t, epoll.add(&epoll, EPOLLIN) == Err(Errno::EINVAL), "an instance in itself");
    let added = epoll_raw::control(&other, EPOLL_CTL_ADD, number, Some(EPOLLIN));
    check!(t, added == Err(Errno::EINVAL), "a counter instead of an instance");
    for operation in [0, 4, -1] {
        let done = epoll_raw::control(&epoll, operation, number, Some(EPOLLIN));
        check!(t, done == Err(Errno::EINVAL), "operation {operation}");
    }
    Ok(())
}

/// A number that is not open fails with EBADF, as the instance or as what is to be watched.
#[case(man = ["epoll_ctl(2), ERRORS: EBADF"], strength = Documented)]
fn refuses_closed_numbers(t: &mut Trial) -> Result {
    let (counter, epoll) = (counter()?, Epoll::new()?);
    let closed = borrow(Epoll::new()?.as_fd().as_raw_fd());
    check!(t, epoll.add(closed, EPOLLIN) == Err(Errno::EBADF), "to be watched");
    let number = counter.as_fd().as_raw_fd();
    let added = epoll_raw::control(closed, EPOLL_CTL_ADD, number, Some(EPOLLIN));
    check!(t, added == Err(Errno::EBADF), "as the instance");
    Ok(())
}

/// `EPOLL_CTL_ADD` and `EPOLL_CTL_MOD` without an event fail with EFAULT; `EPOLL_CTL_DEL` needs
/// none.
#[case(man = ["epoll_ctl(2), BUGS"], since = "2.6.9", strength = Documented)]
fn delete_needs_no_event(t: &mut Trial) -> Result {
    let counter = counter()?;
    let number = counter.as_fd().as_raw_fd();
    let epoll = Epoll::watching(&counter, EPOLLIN)?;
    for (name, operation) in [("EPOLL_CTL_ADD", EPOLL_CTL_ADD), ("EPOLL_CTL_MOD", EPOLL_CTL_MOD)] {
        let done = epoll_raw::control(&epoll, operation, number, None);
        check!(t, done == Err(Errno::EFAULT), "{name} with a null pointer");
    }
    let deleted = epoll_raw::control(&epoll, nix::libc::EPOLL_CTL_DEL, number, None);
    check!(t, deleted == Ok(()), "EPOLL_CTL_DEL with a null pointer");
    Ok(())
}

/// `epoll_wait` hands back the 64 bits of data of the latest `EPOLL_CTL_ADD` or `EPOLL_CTL_MOD`,
/// unread and unchanged.
#[case(man = ["epoll_wait(2)", "epoll_ctl(2)"], strength = Documented)]
fn data_comes_back(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let epoll = nix::sys::epoll::Epoll::new(nix::sys::epoll::EpollCreateFlags::EPOLL_CLOEXEC)?;
    let data = || -> nix::Result<u64> {
        let mut events = [EpollEvent::empty()];
        epoll.wait(&mut events, EpollTimeout::ZERO)?;
        Ok(events[0].data())
    };
    epoll.add(&counter, EpollEvent::new(EPOLLIN, u64::MAX))?;
    check!(t, data()? == u64::MAX, "that of EPOLL_CTL_ADD");
    epoll.modify(&counter, &mut EpollEvent::new(EPOLLIN, 0x0123_4567_89ab_cdef))?;
    check!(t, data()? == 0x0123_4567_89ab_cdef, "that of EPOLL_CTL_MOD");
    Ok(())
}
