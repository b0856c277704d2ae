//! What is copied between the program and the kernel, to the byte. Each call says how much it is
//! given; where memory ends before that, a kernel that copies so much fails with EFAULT, and one
//! that copies less does not notice. And what a call does not write back, another thread may change
//! while it sleeps.

use std::sync::atomic::Ordering::SeqCst;

use harness::prelude::*;
use harness::sys::brink::{Brink, map};
use harness::sys::prepared::{pack, poll_shared, unpack};
use harness::sys::shared;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};

/// select copies its sets in whole words: up to the one in which the last number below its first
/// argument stands, and no further.
#[case(man = ["select(2)"], kernel = ["get_fd_set"], notes = ["S49", "S52"], needs = [Need::Descriptors(256)], strength = Implementation)]
fn select_takes_words(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    // The table of descriptors bounds what is copied: it must reach further than the sets.
    let high = fcntl(&reader, FcntlArg::F_DUPFD_CLOEXEC(200))?;
    writer.write_all(b"!")?;
    let mut set = vec![0; 200 / 64 + 1];
    set[usize::try_from(high)? / 64] = 1 << (high % 64);
    let mut brink = Brink::new()?;
    let whole = brink.select(high + 1, &set);
    check!(t, whole == Ok(set.clone()), "a set of whole words, up to {high}");
    for (nfds, expected) in [(65, Ok(vec![0; 2])), (128, Ok(vec![0; 2])), (129, Err(Errno::EFAULT))]
    {
        check!(
            t,
            brink.select(nfds, &[0; 2]) == expected,
            "128 bits, for the first {nfds} numbers"
        );
    }
    Ok(())
}

/// poll copies eight bytes for each descriptor that it is given.
#[case(man = ["poll(2)"], kernel = ["do_sys_poll"], notes = ["S52"], needs = [Need::Descriptors(256)], strength = Implementation)]
fn poll_takes_eight_bytes(t: &mut Trial) -> Result {
    let ignored = libc::pollfd { fd: -1, events: 0, revents: 0 };
    let mut brink = Brink::new()?;
    check!(t, size_of::<libc::pollfd>() == 8, "the size of an entry");
    // It refuses more entries than there may be descriptors, before it copies any.
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let most = usize::try_from(limit - 1)?.min(brink.room::<libc::pollfd>());
    for entries in [1, 30, 31, most] {
        let array = vec![ignored; entries];
        let (all, one_more) = (brink.poll(&array, entries), brink.poll(&array, entries + 1));
        check!(t, all == Ok(0), "an array of {entries} entries at the end of memory");
        check!(t, one_more == Err(Errno::EFAULT), "the same, said to have one more");
    }
    Ok(())
}

/// poll writes two bytes back for each descriptor: what it was asked may be changed by another
/// thread while it sleeps, and stays as it was changed.
#[case(man = ["poll(2)"], kernel = ["do_sys_poll"], notes = ["S52"], strength = Implementation)]
fn poll_gives_two_bytes(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let entries = shared::counters(1)?;
    entries[0].store(pack(Entry::new(reader.as_raw_fd(), POLLIN)), SeqCst);
    let job = t.spawn("poll", move || Ok(poll_shared(entries)?))?;
    check!(t, job.sleeps_in(t, Call::POLL)?, "poll sleeps");
    let other = Entry::new(1_000_000, POLLOUT | POLLPRI);
    entries[0].store(pack(other), SeqCst);
    writer.write_all(b"!")?;
    check!(t, job.join_soon(t)? == Some(1), "what it was asked at first becomes ready");
    let expected = Entry { revents: POLLIN, ..other };
    check!(t, unpack(entries[0].load(SeqCst)) == expected, "only revents is written");
    Ok(())
}

/// `epoll_wait` copies an event for each descriptor that is ready, and nothing for the others,
/// however many it may report.
#[case(man = ["epoll_wait(2)"], kernel = ["ep_send_events"], notes = ["S48"], since = "2.6.0", strength = Implementation)]
fn epoll_gives_what_is_ready(t: &mut Trial) -> Result {
    let ((reader, mut writer), (idle, _keep)) = (std::io::pipe()?, std::io::pipe()?);
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    epoll.add(&idle, EPOLLIN)?;
    let mut brink = Brink::new()?;
    check!(t, brink.epoll_wait(&epoll, 0, 64) == Ok(vec![]), "nothing is ready: no memory is used");
    writer.write_all(b"!")?;
    let number = u64::from(reader.as_raw_fd().unsigned_abs());
    check!(
        t,
        brink.epoll_wait(&epoll, 1, 64) == Ok(vec![number]),
        "one is ready: 64 events may come, and there is memory for one"
    );
    check!(t, brink.epoll_wait(&epoll, 0, 64) == Err(Errno::EFAULT), "and there is none");
    check!(t, epoll.wait(64, 0)?.len() == 1, "what could not be copied is still there");
    Ok(())
}

/// epoll shares no memory with the program: an instance has none that could be mapped.
#[case(man = ["mmap(2), ENODEV"], kernel = ["eventpoll_fops"], since = "2.6.0", strength = Implementation)]
fn epoll_shares_no_memory(t: &mut Trial) -> Result {
    let file = memfd_create("a page", MFdFlags::MFD_CLOEXEC)?;
    check!(t, map(&file) == Ok(()), "a file can be mapped");
    check!(t, map(Epoll::new()?) == Err(Errno::ENODEV), "an epoll instance cannot");
    Ok(())
}
