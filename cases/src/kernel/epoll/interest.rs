//! The interest list: `epoll_ctl` tells the kernel once what a program wants to know of a
//! descriptor, and the kernel keeps it in a table of the epoll instance until it is taken out. The
//! table can be looked at in /proc.

use harness::prelude::*;

use harness::sys::capability::{CAP_BLOCK_SUSPEND, give_up};
use harness::sys::epoll_raw::is_target;
use nix::sys::epoll::EpollEvent;

use super::{counter, registered, table};

/// `EPOLL_CTL_ADD` puts a descriptor into a table of the kernel, where it stays until
/// `EPOLL_CTL_DEL`.
#[case(man = ["epoll_ctl(2)", "proc_pid_fdinfo(5)"], kernel = ["ep_show_fdinfo", "ep_insert"], notes = ["S01"], since = "3.8", strength = Implementation)]
fn is_a_table_of_the_kernel(t: &mut Trial) -> Result {
    let (counter, epoll) = (counter()?, Epoll::new()?);
    let number = counter.as_fd().as_raw_fd();
    check!(t, registered(&epoll)?.is_empty(), "a new instance");
    epoll.add(&counter, EPOLLIN)?;
    counter.write(1)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the descriptor that was added is reported");
    check!(t, registered(&epoll)? == [number], "and is in the table still");
    epoll.delete(&counter)?;
    check!(t, registered(&epoll)?.is_empty(), "until it is deleted");
    check!(t, epoll.ready_now()? == [], "and then it is not reported, although it is ready");
    Ok(())
}

/// The table in /proc shows of each registration what was asked, the data, and the inode.
#[case(man = ["proc_pid_fdinfo(5)"], kernel = ["ep_show_fdinfo"], since = "4.13", strength = Documented)]
fn proc_shows_it(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let epoll = nix::sys::epoll::Epoll::new(nix::sys::epoll::EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&reader, EpollEvent::new(EPOLLIN, 0xfeed_beef_dead_cafe))?;
    let table = table(&epoll.0)?;
    check!(t, table.len() == 1, "a line for a registration");
    let line = &table[0];
    check!(t, line.fd == reader.as_raw_fd(), "the number with which it was added");
    check!(t, line.events.contains(EPOLLIN), "what is asked: {:?}", line.events);
    check!(t, line.data == 0xfeed_beef_dead_cafe, "its data");
    let inode = nix::sys::stat::fstat(&reader)?.st_ino;
    check!(t, line.inode == Some(inode), "the inode of the pipe");
    Ok(())
}

/// `EPOLLERR` and `EPOLLHUP` are added to every registration, also to one that asks for nothing.
#[case(man = ["epoll_ctl(2), EPOLLERR", "epoll_ctl(2), EPOLLHUP"], kernel = ["do_epoll_ctl"], strength = Documented)]
fn error_and_hangup_come_unasked(t: &mut Trial) -> Result {
    let (reader, writer) = std::io::pipe()?;
    let epoll = Epoll::watching(&reader, EpollFlags::empty())?;
    check!(t, epoll.ready_now()? == [], "nothing was asked for, and nothing happened");
    drop(writer);
    check!(t, epoll.ready_now()? == [EPOLLHUP], "the writer is gone");
    let events = table(&epoll)?.first().map(|registration| registration.events);
    check!(t, events == Some(EPOLLERR | EPOLLHUP), "the table has both");
    Ok(())
}

/// `EPOLLWAKEUP` is taken from everybody, and silently dropped for those without
/// `CAP_BLOCK_SUSPEND`.
#[case(man = ["epoll_ctl(2), BUGS"], kernel = ["ep_take_care_of_epollwakeup"], since = "3.5", strength = Documented)]
fn wakeup_is_dropped_silently(t: &mut Trial) -> Result {
    give_up(CAP_BLOCK_SUSPEND)?;
    let (counter, epoll) = (counter()?, Epoll::new()?);
    let added = epoll.add(&counter, EPOLLIN | EPOLLWAKEUP);
    check!(t, added == Ok(()), "without the privilege, there is no error");
    counter.write(1)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "and the rest of the registration works");
    let events = table(&epoll)?.first().map(|registration| registration.events);
    check!(t, events == Some(EPOLLIN | EPOLLERR | EPOLLHUP), "the flag is not in the table");
    Ok(())
}

/// `kcmp` tells whether a descriptor is the file that was registered under a number, also when
/// that number is no longer open.
#[case(man = ["kcmp(2), KCMP_EPOLL_TFD"], since = "4.13", strength = Documented)]
fn kcmp_knows_the_file(t: &mut Trial) -> Result {
    let (original, other) = (OwnedFd::from(counter()?), counter()?);
    let (duplicate, number) = (original.try_clone()?, original.as_raw_fd());
    let epoll = Epoll::watching(&original, EPOLLIN)?;
    drop(original);
    let same = match is_target(&epoll, number, &duplicate) {
        Err(error @ (Errno::ENOSYS | Errno::EPERM)) => {
            let reason = format!("kcmp is not built in, or forbidden here: {}", error.desc());
            return Err(Stop::Skipped { reason, mend: String::new() });
        }
        answer => answer,
    };
    check!(t, same == Ok(true), "a duplicate is the file that was registered");
    check!(t, is_target(&epoll, number, &other) == Ok(false), "another counter is not");
    let nothing = is_target(&epoll, number + 1, &duplicate);
    check!(t, nothing == Err(Errno::ENOENT), "nothing is registered under the next number");
    Ok(())
}
