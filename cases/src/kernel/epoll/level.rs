//! Level-triggered registrations, the default: `epoll_wait` reports a descriptor for as long as
//! it is ready, just as poll would. A descriptor enters the list of ready ones when something
//! happens to it, and the kernel asks it once more before it reports it.

use std::sync::Arc;

use harness::prelude::*;

use super::counter;

/// A level-triggered descriptor is reported by every wait until its data is read.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], notes = ["S28"], since = "2.6.0", strength = Documented)]
fn repeats_while_ready(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN)?;
    check!(t, epoll.ready_now()? == [], "nothing was written, and nothing is reported");

    writer.write_all(b"ab")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the arrival is reported");
    check!(t, epoll.ready_now()? == [EPOLLIN], "and once more, for it is still unread");
    reader.read_exact(&mut [0])?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "one byte of two is left unread");
    reader.read_exact(&mut [0])?;
    check!(t, epoll.ready_now()? == [], "all is read, and nothing is reported");
    Ok(())
}

/// A listener with several waiting connections is reported until the last of them is accepted.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "accept(2), DESCRIPTION"], since = "2.6.0", strength = Documented)]
fn listener_until_drained(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let epoll = Epoll::watching(&listener, EPOLLIN)?;
    net::stay_on_this_cpu()?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(net::connect(listener.local_addr()?)?);
    }
    for waiting in [3, 2, 1] {
        check!(t, epoll.ready_now()? == [EPOLLIN], "reported while {waiting} connections wait");
        listener.accept()?;
    }
    check!(t, epoll.ready_now()? == [], "not reported when none waits");
    Ok(())
}

/// Data that is read before the wait is not reported by it, although its arrival had been noted.
#[case(kernel = ["ep_item_poll"], since = "2.6.0", strength = Implementation)]
fn consumed_before_the_wait(t: &mut Trial) -> Result {
    for mode in [EPOLLIN, EPOLLIN | EPOLLET] {
        let counter = counter()?;
        let epoll = Epoll::watching(&counter, mode)?;
        counter.write(1)?;
        counter.read()?;
        check!(t, epoll.ready_now()? == [], "written and read before the wait, with {mode:?}");
        counter.write(1)?;
        check!(t, epoll.ready_now()? == [EPOLLIN], "the next write is reported, with {mode:?}");
    }
    Ok(())
}

/// Ready descriptors are reported in the order in which they became ready, whatever their numbers
/// and whenever they were registered.
#[case(kernel = ["ep_poll_callback", "ep_send_events"], notes = ["S18"], since = "2.6.0", strength = Implementation)]
fn in_order_of_readiness(t: &mut Trial) -> Result {
    let counters = [counter()?, counter()?, counter()?, counter()?, counter()?];
    let epoll = Epoll::new()?;
    for registered in [1, 4, 0, 3, 2] {
        epoll.add(&counters[registered], EPOLLIN)?;
    }
    let written = [3, 0, 2, 4, 1];
    for index in written {
        counters[index].write(1)?;
    }
    let reported: Vec<i32> = epoll.wait(8, 0)?.iter().map(|report| report.fd).collect();
    check!(
        t,
        reported == written.map(|index| counters[index].as_fd().as_raw_fd()),
        "reported in the order of the writes"
    );
    Ok(())
}

/// With room for one report per call, successive waits take turns among the ready descriptors.
#[case(man = ["epoll_wait(2), NOTES"], since = "2.6.0", strength = Documented)]
fn takes_turns(t: &mut Trial) -> Result {
    let counters = [counter()?, counter()?, counter()?];
    let epoll = Epoll::new()?;
    for counter in &counters {
        epoll.add(counter, EPOLLIN)?;
        counter.write(1)?;
    }
    let mut reported = Vec::new();
    for _ in 0..6 {
        reported.extend(epoll.wait(1, 0)?.iter().map(|report| report.fd));
    }
    let mut once = reported[..reported.len().min(3)].to_vec();
    check!(
        t,
        reported == once.repeat(2),
        "waits 4 to 6 report what waits 1 to 3 did, in that order"
    );
    once.sort_unstable();
    let mut numbers = counters.each_ref().map(|counter| counter.as_fd().as_raw_fd());
    numbers.sort_unstable();
    check!(t, once == numbers, "which is each of the three descriptors once");
    Ok(())
}

/// A thread that is blocked in `epoll_wait` is woken by a ready descriptor that another thread
/// adds.
#[case(man = ["epoll_wait(2), NOTES"], notes = ["S02", "S19"], since = "2.6.0", strength = Documented)]
fn added_during_the_wait(t: &mut Trial) -> Result {
    let counter = counter()?;
    counter.write(1)?;
    let epoll = Arc::new(Epoll::new()?);
    let waiter = t.spawn("waiter", {
        let epoll = epoll.clone();
        move || Ok(epoll.wait_one()?)
    })?;
    check!(t, waiter.sleeps_in(t, Call::EPOLL_WAIT)?, "with nothing registered, epoll_wait blocks");

    epoll.add(&counter, EPOLLIN)?;
    let expected = Report { fd: counter.as_fd().as_raw_fd(), events: EPOLLIN };
    check!(t, waiter.join_soon(t)? == Some(expected), "the waiter gets the new descriptor");
    Ok(())
}

/// A thread that is blocked in `epoll_wait` is woken when another thread asks for writability of
/// a descriptor that was registered for reading.
#[case(man = ["epoll_ctl(2), EPOLL_CTL_MOD", "epoll_wait(2), NOTES"], notes = ["S04"], since = "2.6.0", strength = Implementation)]
fn modified_during_the_wait(t: &mut Trial) -> Result {
    let (socket, _peer) = net::tcp_pair()?;
    let epoll = Arc::new(Epoll::watching(&socket, EPOLLIN)?);
    let waiter = t.spawn("waiter", {
        let epoll = epoll.clone();
        move || Ok(epoll.wait_one()?)
    })?;
    check!(t, waiter.sleeps_in(t, Call::EPOLL_WAIT)?, "nothing arrived, and epoll_wait blocks");

    epoll.modify(&socket, EPOLLIN | EPOLLOUT)?;
    let expected = Report { fd: socket.as_raw_fd(), events: EPOLLOUT };
    check!(
        t,
        waiter.join_soon(t)? == Some(expected),
        "the waiter learns that the socket is writable"
    );
    Ok(())
}

/// A fresh connection is reported as writable at once and by every wait: level-triggered
/// `EPOLLOUT` is no sign that something happened.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "poll(2), POLLOUT"], notes = ["S05"], since = "2.6.0", strength = Implementation)]
fn fresh_connection_is_writable(t: &mut Trial) -> Result {
    let (socket, _peer) = net::tcp_pair()?;
    let epoll = Epoll::watching(&socket, EPOLLIN | EPOLLOUT)?;
    for wait in ["first", "second", "third"] {
        check!(t, epoll.ready_now()? == [EPOLLOUT], "the {wait} wait");
    }
    Ok(())
}
