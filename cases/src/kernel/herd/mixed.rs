//! Several ways to wait for one listener at the same time. Those that ask to be woken alone stand
//! in one line, whatever call they wait in; all others are woken every time.

use std::sync::Arc;

use harness::prelude::*;

use super::accept_for_ever;

/// Threads that block in accept.
fn acceptors(t: &mut Trial, listener: &Arc<TcpListener>) -> Result<Crew> {
    let listener = listener.clone();
    t.threads(3, Call::ACCEPT, move |worker| accept_for_ever(worker, &listener))
}

/// Whom of two crews each of `count` connections wakes. Each is taken by one of `takers`.
fn woken_of_both(
    t: &mut Trial,
    count: u64,
    listener: &TcpListener,
    (one, other): (&Crew, &Crew),
    taken: impl Fn() -> u64,
) -> Result<Vec<[Vec<usize>; 2]>> {
    net::stay_on_this_cpu()?;
    let mut woken = Vec::new();
    for connection in 1..=count {
        let idle = [one.counts()?, other.counts()?];
        let _client = net::connect(listener.local_addr()?)?;
        check!(t, t.eventually(|| Ok(taken() >= connection))?, "a connection is accepted");
        one.settle(t)?;
        other.settle(t)?;
        let [first, second] = idle;
        woken.push([one.counts()?.since(&first).woken(), other.counts()?.since(&second).woken()]);
    }
    Ok(woken)
}

/// A connection wakes all threads that watch the listener in epoll instances of their own, and
/// besides them one of those that block in accept.
#[case(kernel = ["__wake_up_common", "ep_ptable_queue_proc"], notes = ["S41"], since = "2.6.0", strength = Implementation)]
fn accept_beside_epoll(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let accepting = acceptors(t, &listener)?;
    let watching = t.threads(3, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |_| {
            let epoll = Epoll::watching(&*listener, EPOLLIN | EPOLLET)?;
            loop {
                epoll.wait_one()?;
            }
        }
    })?;
    let crews = (&accepting, &watching);
    let woken = woken_of_both(t, 6, &listener, crews, || accepting.taken())?;
    let expected: Vec<_> = (0..6).map(|connection| [vec![connection % 3], vec![0, 1, 2]]).collect();
    check!(t, woken == expected, "those in accept, and those in epoll_wait, that each wakes");
    Ok(())
}

/// Threads that block in accept and instances registered with `EPOLLEXCLUSIVE` stand in one line. A
/// thread goes to its end after each connection, and an instance keeps its place: once it is at the
/// head, it gets everything.
#[case(kernel = ["prepare_to_wait_exclusive", "add_wait_queue_exclusive"], notes = ["S41"], since = "4.5", strength = Implementation)]
fn accept_beside_exclusive(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let accepting = acceptors(t, &listener)?;
    let watching = t.threads(3, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| {
            let epoll = Epoll::watching(&*listener, EPOLLIN | EPOLLEXCLUSIVE)?;
            loop {
                epoll.wait_one()?;
                listener.accept()?;
                worker.took();
            }
        }
    })?;
    let crews = (&accepting, &watching);
    let taken = || accepting.taken() + watching.taken();
    let woken = woken_of_both(t, 6, &listener, crews, taken)?;
    let mut expected: Vec<_> = (0..3).map(|thread| [vec![thread], vec![]]).collect();
    expected.extend(vec![[vec![], vec![0]]; 3]);
    check!(t, woken == expected, "those in accept, and those in epoll_wait, that each wakes");
    Ok(())
}

/// A connection wakes all threads that wait in select and all that wait in poll.
#[case(kernel = ["__pollwait", "__wake_up_common"], notes = ["S25"], since = "2.4", strength = Implementation)]
fn select_beside_poll(t: &mut Trial) -> Result {
    let listener = Arc::new(super::nonblocking_listener()?);
    let selecting = t.threads(3, Call::SELECT, {
        let listener = listener.clone();
        move |worker| {
            let number = listener.as_raw_fd();
            let sets = Sets { read: vec![number], ..Sets::default() };
            let wait = || select(number + 1, &sets, None).returned.map(drop);
            super::serve(worker, &listener, wait)
        }
    })?;
    let polling = t.threads(3, Call::POLL, {
        let listener = listener.clone();
        move |worker| super::serve(worker, &listener, || poll_wait(&*listener, POLLIN).map(drop))
    })?;
    let crews = (&selecting, &polling);
    let taken = || selecting.taken() + polling.taken();
    let woken = woken_of_both(t, 6, &listener, crews, taken)?;
    check!(
        t,
        woken == vec![[vec![0, 1, 2], vec![0, 1, 2]]; 6],
        "those in select, and those in poll, that each connection wakes"
    );
    Ok(())
}
