//! Many that wait until something is ready, whatever it is: a pipe, a counter, datagrams, a
//! connection, an `AF_UNIX` listener. How many are woken depends on how they wait, and on nothing
//! else.

use harness::prelude::*;

use super::source::{self, Source, WORKERS, always};

/// Threads that wait by `wait`, made by `prepare` for each, and then take what is there.
fn waiters<W: Fn() -> nix::Result<()>>(
    t: &mut Trial,
    call: Call,
    source: &Source,
    prepare: impl Fn(&std::sync::Arc<OwnedFd>) -> nix::Result<W> + Send + Sync + 'static,
) -> Result<Crew> {
    net::set_nonblocking(&*source.fd, true)?;
    let (fd, take) = (source.fd.clone(), source.take);
    t.threads(WORKERS, call, move |worker| {
        let wait = prepare(&fd)?;
        loop {
            wait()?;
            if take(&fd).is_ok() {
                worker.took();
            }
        }
    })
}

/// Every worker.
fn everybody() -> Vec<Vec<usize>> {
    always(&(0..WORKERS).collect::<Vec<_>>())
}

/// Whatever they wait for, all that wait in poll are woken: by a byte in a pipe, a datagram, data
/// on a connection, a count, and an `AF_UNIX` client.
#[case(kernel = ["__pollwait", "add_wait_queue"], notes = ["S25", "S39"], since = "2.6.22", strength = Implementation)]
fn in_poll(t: &mut Trial) -> Result {
    let mut sources = source::all()?;
    for source in &mut sources {
        let crew = waiters(t, Call::POLL, source, |fd| {
            let fd = fd.clone();
            Ok(move || poll_wait(&*fd, POLLIN).map(drop))
        })?;
        let woken = source.woken_by_each(t, &crew)?;
        check!(t, woken == everybody(), "{}: the workers that each item wakes", source.name);
    }
    Ok(())
}

/// Whatever they wait for, all that wait in an epoll instance of their own are woken.
#[case(kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S25", "S39"], since = "2.6.22", strength = Implementation)]
fn in_epoll_each(t: &mut Trial) -> Result {
    let mut sources = source::all()?;
    for source in &mut sources {
        let crew = waiters(t, Call::EPOLL_WAIT, source, |fd| {
            let epoll = Epoll::watching(fd, EPOLLIN)?;
            Ok(move || epoll.wait_one().map(drop))
        })?;
        let woken = source.woken_by_each(t, &crew)?;
        check!(t, woken == everybody(), "{}: the workers that each item wakes", source.name);
    }
    Ok(())
}

/// Whatever they wait for, with `EPOLLEXCLUSIVE` one is woken, always the one that registered
/// first.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_ptable_queue_proc"], since = "4.5", strength = Implementation)]
fn in_epoll_exclusive(t: &mut Trial) -> Result {
    let mut sources = source::all()?;
    for source in &mut sources {
        let crew = waiters(t, Call::EPOLL_WAIT, source, |fd| {
            let epoll = Epoll::watching(fd, EPOLLIN | EPOLLEXCLUSIVE)?;
            Ok(move || epoll.wait_one().map(drop))
        })?;
        let woken = source.woken_by_each(t, &crew)?;
        check!(t, woken == always(&[0]), "{}: the workers that each item wakes", source.name);
    }
    Ok(())
}

/// Whatever they wait for, of those that share an edge-triggered instance one is woken, always the
/// one that began to wait last.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], kernel = ["__add_wait_queue_exclusive"], since = "2.6.22", strength = Implementation)]
fn in_epoll_shared(t: &mut Trial) -> Result {
    let mut sources = source::all()?;
    for source in &mut sources {
        let epoll = std::sync::Arc::new(Epoll::watching(&*source.fd, EPOLLIN | EPOLLET)?);
        let crew = waiters(t, Call::EPOLL_WAIT, source, move |_| {
            let epoll = epoll.clone();
            Ok(move || epoll.wait_one().map(drop))
        })?;
        let woken = source.woken_by_each(t, &crew)?;
        let last = always(&[WORKERS - 1]);
        check!(t, woken == last, "{}: the workers that each item wakes", source.name);
    }
    Ok(())
}
