//! Edge-triggered registrations (`EPOLLET`): a descriptor is reported when something happens to
//! it, not while it is ready. Whoever leaves data unread, or stops before `EAGAIN`, may wait for
//! ever. What counts as something happening is the business of each kind of descriptor.

use harness::prelude::*;
use nix::fcntl::OFlag;

/// An edge-triggered descriptor with unread data is not reported again until more data arrives.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], since = "2.6.0", strength = Documented)]
fn silent_until_new_data(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;

    writer.write_all(b"ab")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the arrival is reported once");
    reader.read_exact(&mut [0])?;
    check!(t, epoll.ready_now()? == [], "one byte is left unread, and nothing is reported");
    writer.write_all(b"c")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "new data is a new edge");
    Ok(())
}

/// A reader that takes one of two kilobytes from a pipe and waits for an edge waits for ever.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], since = "2.6.0", strength = Documented)]
fn hangs_after_partial_read(t: &mut Trial) -> Result {
    let (mut reader, mut writer) = std::io::pipe()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;
    writer.write_all(&[0; 2048])?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "two kilobytes are one event");
    reader.read_exact(&mut [0; 1024])?;
    check!(t, net::unread(&reader)? == 1024, "one kilobyte is left");

    let waiter = t.spawn("waiter", move || Ok(epoll.wait_one()?))?;
    check!(
        t,
        waiter.sleeps_in(t, Call::EPOLL_WAIT)?,
        "epoll_wait blocks in front of readable data"
    );
    Ok(())
}

/// Every arrival on a TCP socket is a new edge, even if nothing was read in between.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], since = "2.6.0", strength = Documented)]
fn every_arrival(t: &mut Trial) -> Result {
    let (mut client, server) = net::tcp_pair()?;
    let epoll = Epoll::watching(&server, EPOLLIN | EPOLLET)?;
    net::stay_on_this_cpu()?;
    for arrival in 1..=3 {
        client.write_all(b"x")?;
        net::delivered(&server, arrival)?;
        net::barrier()?;
        check!(t, epoll.ready_now()? == [EPOLLIN], "arrival {arrival} is reported");
        check!(t, epoll.ready_now()? == [], "and only once");
    }
    Ok(())
}

/// A write to a pipe that was not empty is a new edge for its reader.
#[case(
    man = ["epoll(7), Level-triggered and edge-triggered"],
    commit = ["3a34b13a88ca", "3b844826b6c6"],
    strength = Implementation,
    changed = [("5.5", "5.14", deviates, "a write to a pipe that was not empty woke nobody until commit 3a34b13a88ca")],
)]
fn every_write_to_a_pipe(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;
    for write in 1..=3 {
        writer.write_all(b"x")?;
        check!(t, epoll.ready_now()? == [EPOLLIN], "write {write} is reported");
        check!(t, epoll.ready_now()? == [], "and only once");
    }
    Ok(())
}

/// Three connections that arrive before the wait are one event, and accepting one of them gives no
/// other: an edge-triggered listener must be accepted from until `EAGAIN`.
#[case(man = ["epoll(7), Questions and answers"], since = "2.6.0", strength = Documented)]
fn burst_is_one_event(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let epoll = Epoll::watching(&listener, EPOLLIN | EPOLLET)?;
    net::stay_on_this_cpu()?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(net::connect(listener.local_addr()?)?);
    }
    check!(t, epoll.ready_now()? == [EPOLLIN], "three connections are one event");
    listener.accept()?;
    check!(t, epoll.ready_now()? == [], "two are still there, and nothing is reported");
    check!(t, poll_now(&listener, POLLIN)? == POLLIN, "although the listener is ready");
    Ok(())
}

/// A descriptor that is ready when it is added is reported, with no edge after that.
#[case(kernel = ["ep_insert"], since = "2.6.0", strength = Implementation)]
fn ready_when_added(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    writer.write_all(b"x")?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the data was there before the registration");
    check!(t, epoll.ready_now()? == [], "and is reported only once");
    Ok(())
}

/// `EPOLL_CTL_MOD` with an unchanged mask looks at the descriptor anew and reports it again.
#[case(man = ["epoll(7), Questions and answers"], since = "2.6.0", strength = Documented)]
fn modify_rearms(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the arrival");
    check!(t, epoll.ready_now()? == [], "is reported once");
    epoll.modify(&reader, EPOLLIN | EPOLLET)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "and again after EPOLL_CTL_MOD");
    check!(t, epoll.ready_now()? == [], "but not a third time");
    Ok(())
}

/// A pipe gives an `EPOLLOUT` edge only when the first page of a full pipe has been read to its
/// end.
#[case(kernel = ["pipe_read"], since = "5.5", strength = Implementation)]
fn pipe_is_writable_again(t: &mut Trial) -> Result {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
    let epoll = Epoll::watching(&writer, EPOLLOUT | EPOLLET)?;
    check!(t, epoll.ready_now()? == [EPOLLOUT], "an empty pipe is writable");
    net::fill(std::fs::File::from(writer.try_clone()?))?;
    check!(t, epoll.ready_now()? == [], "a full one is not");

    let page =
        usize::try_from(nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(4096))?;
    let read = |length: usize| -> Result {
        Ok(std::fs::File::from(reader.try_clone()?).read_exact(&mut vec![0; length])?)
    };
    read(1)?;
    check!(t, epoll.ready_now()? == [], "one byte is read: its page is still in use");
    read(page - 1)?;
    check!(t, epoll.ready_now()? == [EPOLLOUT], "the page is free: the pipe is no longer full");
    read(page)?;
    check!(t, epoll.ready_now()? == [], "one more free page is no edge, for the pipe was not full");
    Ok(())
}

/// A TCP socket gives an `EPOLLOUT` edge only after a write found no room; room that was never
/// missed is not reported.
#[case(kernel = ["sk_stream_write_space", "tcp_check_space"], since = "2.6.0", strength = Implementation)]
fn tcp_is_writable_again(t: &mut Trial) -> Result {
    let (mut client, mut server) = net::tcp_pair()?;
    client.set_nonblocking(true)?;
    server.set_nonblocking(true)?;
    let epoll = Epoll::watching(&client, EPOLLOUT | EPOLLET)?;
    check!(t, epoll.ready_now()? == [EPOLLOUT], "a fresh connection is writable");
    net::stay_on_this_cpu()?;
    client.write_all(&[0; 512])?;
    net::acknowledged(&client)?;
    net::barrier()?;
    check!(t, epoll.ready_now()? == [], "half a kilobyte went through, and nothing is reported");

    net::fill(&client)?;
    let mut drained = vec![0; 1 << 16];
    let edge = t.eventually(|| {
        while server.read(&mut drained).is_ok_and(|length| length > 0) {}
        Ok(epoll.ready_now()? == [EPOLLOUT])
    })?;
    check!(t, edge, "the peer read what had filled the buffers, and the socket is reported");
    Ok(())
}

/// An arrival at a socket that is watched for reading and writing is reported with `EPOLLOUT` too:
/// a report says all that is true at the time, and not only what has happened.
#[case(man = ["epoll(7), Questions and answers"], kernel = ["ep_item_poll"], since = "2.6.0", strength = Implementation)]
fn reports_the_whole_state(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLOUT | EPOLLET)?;
    check!(t, epoll.ready_now()? == [EPOLLOUT], "it is writable from the start");
    check!(t, epoll.ready_now()? == [], "which is reported once");
    writer.write_all(b"x")?;
    check!(t, epoll.ready_now()? == [EPOLLIN | EPOLLOUT], "the arrival brings it up again");
    Ok(())
}

/// The end of a TCP peer's stream is an edge, with `EPOLLRDHUP`, although data before it was not
/// read.
#[case(man = ["epoll_ctl(2), EPOLLRDHUP"], since = "2.6.17", strength = Documented)]
fn peer_shutdown(t: &mut Trial) -> Result {
    let (mut client, server) = net::tcp_pair()?;
    let epoll = Epoll::watching(&server, EPOLLIN | EPOLLRDHUP | EPOLLET)?;
    net::stay_on_this_cpu()?;
    client.write_all(b"x")?;
    net::barrier()?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "data arrives, and stays unread");
    client.shutdown(std::net::Shutdown::Write)?;
    net::barrier()?;
    check!(t, epoll.ready_now()? == [EPOLLIN | EPOLLRDHUP], "the end of the stream");
    check!(t, epoll.ready_now()? == [], "is reported once");
    Ok(())
}

/// Of a stream, a read that returns less than was asked for has taken everything: what arrives
/// after it is a new edge, without a read until EAGAIN.
#[case(man = ["epoll(7), Questions and answers"], since = "2.6.0", strength = Documented)]
fn short_read_is_enough(t: &mut Trial) -> Result {
    for (kind, writer, reader) in net::streams()? {
        let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;
        for arrival in 1..=3 {
            nix::unistd::write(&writer, b"abc")?;
            let reported = t.eventually(|| Ok(epoll.ready_now()? == [EPOLLIN]))?;
            check!(t, reported, "{kind}: arrival {arrival} is reported");
            let length = nix::unistd::read(&reader, &mut [0; 8])?;
            check!(t, length == 3, "{kind}: three of eight bytes are read");
        }
    }
    Ok(())
}

/// An edge does not reserve the descriptor: new data is reported to a second thread while the
/// first still works on it.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], notes = ["S21"], since = "2.6.0", strength = Documented)]
fn second_thread_gets_it_too(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let epoll = std::sync::Arc::new(Epoll::watching(&reader, EPOLLIN | EPOLLET)?);
    let wait = |epoll: std::sync::Arc<Epoll>| move || Ok(epoll.wait_one()?.events);
    let one = t.spawn("one", wait(epoll.clone()))?;
    check!(t, one.sleeps_in(t, Call::EPOLL_WAIT)?, "one thread waits");
    let another = t.spawn("another", wait(epoll.clone()))?;
    check!(t, another.sleeps_in(t, Call::EPOLL_WAIT)?, "and another");

    writer.write_all(b"x")?;
    let reported = t.eventually(|| Ok(one.ended() || another.ended()))?;
    check!(t, reported, "the arrival is reported to a thread");
    let (first, second) = if one.ended() { (one, another) } else { (another, one) };
    check!(t, first.join_soon(t)? == Some(EPOLLIN), "which learns that there is data");
    check!(t, second.sleeps_in(t, Call::EPOLL_WAIT)?, "and only to one");
    writer.write_all(b"y")?;
    check!(t, second.join_soon(t)? == Some(EPOLLIN), "the next arrival is reported to the other");
    Ok(())
}
