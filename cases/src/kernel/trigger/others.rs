//! A counter, a FIFO that is its own writer, and the changes of a folder.

use std::cell::Cell;
use std::sync::Arc;

use harness::prelude::*;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::{read, write};

use super::{Source, follows_its_mode};

/// An eventfd is reported as its trigger mode says, whether it blocks or not, to threads and processes
/// alike, and however much is counted down.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "eventfd(2)"], since = "2.6.30", strength = Documented, deadline = 60)]
fn eventfd(t: &mut Trial) -> Result {
    follows_its_mode(t, 2, || {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_SEMAPHORE;
        let counter = Arc::new(EventFd::from_flags(flags)?);
        let taker = counter.clone();
        Ok(Source {
            reader: counter.as_fd().try_clone_to_owned()?,
            feed: Box::new(move || Ok(counter.write(2).map(drop)?)),
            take: Box::new(move |units| {
                for _ in 0..units {
                    taker.read()?;
                }
                Ok(())
            }),
        })
    })
}

/// A FIFO is reported as its trigger mode says, whether it blocks or not, to threads and processes
/// alike, and however much of it is read.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "fifo(7)"],
    commit = ["3a34b13a88ca"],
    strength = Documented,
    changed = [("5.5", "5.14", deviates, "a write to a FIFO that was not empty woke nobody until commit 3a34b13a88ca")],
    deadline = 60,
)]
fn fifo(t: &mut Trial) -> Result {
    let path = t.folder()?.join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU)?;
    follows_its_mode(t, 2, || {
        let open = || std::fs::File::options().read(true).write(true).open(&path);
        let (fifo, other, taker) = (open()?, open()?, open()?);
        // It is one and the same, row after row: what the last one left is taken away.
        net::set_nonblocking(&taker, true)?;
        while read(&taker, &mut [0; 64]).is_ok() {}
        Ok(Source {
            reader: fifo.into(),
            feed: Box::new(move || Ok(write(&other, b"ab").map(drop)?)),
            take: Box::new(move |units| Ok(read(&taker, &mut vec![0; units]).map(drop)?)),
        })
    })
}

/// An inotify instance is reported as its trigger mode says, whether it blocks or not, to threads and
/// processes alike, and whether its event is read or not.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "inotify(7)"], since = "2.6.13", strength = Documented, deadline = 60)]
fn inotify(t: &mut Trial) -> Result {
    let folder = t.folder()?;
    let number = std::rc::Rc::new(Cell::new(0));
    follows_its_mode(t, 1, || {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(&folder, AddWatchFlags::IN_CREATE)?;
        let taker = inotify.as_fd().try_clone_to_owned()?;
        let (folder, number) = (folder.clone(), number.clone());
        Ok(Source {
            reader: inotify.as_fd().try_clone_to_owned()?,
            feed: Box::new(move || {
                // An event like the one before it would be one with it.
                number.set(number.get() + 1);
                Ok(std::fs::write(folder.join(number.get().to_string()), "")?)
            }),
            take: Box::new(move |_| Ok(read(&taker, &mut [0; 1024]).map(drop)?)),
        })
    })
}
