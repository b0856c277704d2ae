//! Input comes in two phases. First the data arrives: the kernel puts it on the queue of the
//! socket, and no process takes part. Then it is copied to the buffer of a process, by the system
//! call in which that process asks for it. Waiting for readiness (poll, select, epoll) covers the
//! first phase only, which is why a read must follow.

use std::os::unix::fs::FileExt as _;

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, recv};

/// Data that arrived for a reader who sleeps in recv stays in the kernel, and his buffer as it
/// was, until there is enough to wake him (`SO_RCVLOWAT`) and his own call copies it.
#[case(man = ["socket(7), SO_RCVLOWAT", "tcp(7), Ioctls"], kernel = ["tcp_data_ready"], notes = ["S06", "S07", "S08"], since = "4.18", strength = Implementation)]
fn arrival_precedes_the_copy(t: &mut Trial) -> Result {
    let (mut writer, reader) = net::tcp_pair()?;
    net::set_option(&reader, nix::libc::SOL_SOCKET, nix::libc::SO_RCVLOWAT, 10)?;
    let socket = reader.try_clone()?;
    let (tell, told) = std::sync::mpsc::channel();
    let job = t.spawn("reader", move || {
        let mut buffer = vec![b'.'; 10];
        tell.send(buffer.as_ptr() as u64)?;
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        Ok((length, buffer))
    })?;
    let (address, mut seen) = (told.recv()?, [0; 10]);
    let memory = std::fs::File::open("/proc/self/mem")
        .map_err(|error| Stop::Unobservable(format!("the buffer cannot be watched: {error}")))?;
    check!(t, job.sleeps_in(t, Call::RECV)?, "the reader sleeps");
    let before = job.wakeups()?;
    net::stay_on_this_cpu()?;
    writer.write_all(b"01234")?;
    net::barrier()?;
    check!(t, net::unread(&reader)? == 5, "first phase: the kernel has queued five bytes");
    check!(t, job.sleeps_in(t, Call::RECV)?, "the reader, who wants ten at once, sleeps on");
    check!(t, job.wakeups()? == before, "and was not woken");
    memory.read_exact_at(&mut seen, address)?;
    check!(
        t,
        (net::unread(&reader)?, &seen) == (5, b".........."),
        "the kernel keeps the data, and the buffer is as it was"
    );
    writer.write_all(b"56789")?;
    check!(
        t,
        job.join_soon(t)? == Some((10, b"0123456789".to_vec())),
        "second phase: the reader's call copies all ten"
    );
    check!(t, net::unread(&reader)? == 0, "nothing is left in the kernel");
    Ok(())
}

/// When poll, select or `epoll_wait` reports that data is there, all of it still is in the kernel,
/// and only a read moves it.
#[case(man = ["select(2)", "epoll(7)"], notes = ["S03", "S10", "S12", "S14"], strength = Implementation)]
fn readiness_is_not_completion(t: &mut Trial) -> Result {
    for call in [Call::POLL, Call::SELECT, Call::EPOLL_WAIT] {
        let (mut writer, mut reader) = net::tcp_pair()?;
        let socket = reader.try_clone()?;
        let job = t.spawn(call.name, move || {
            Ok(match call {
                Call::POLL => poll_wait(&socket, POLLIN)? == POLLIN,
                Call::SELECT => {
                    let sets = Sets { read: vec![socket.as_raw_fd()], ..Sets::default() };
                    select(socket.as_raw_fd() + 1, &sets, None).returned? == 1
                }
                _ => Epoll::watching(&socket, EPOLLIN)?.wait_one()?.events == EPOLLIN,
            })
        })?;
        check!(t, job.sleeps_in(t, call)?, "{} sleeps until data arrives", call.name);
        writer.write_all(b"hello")?;
        check!(t, job.join_soon(t)? == Some(true), "{} reports the data", call.name);
        check!(
            t,
            net::unread(&reader)? == 5,
            "after {} the kernel still holds all five bytes",
            call.name
        );
        let mut buffer = [0; 8];
        check!(t, reader.read(&mut buffer)? == 5, "it is read that copies them");
        check!(
            t,
            (net::unread(&reader)?, &buffer[..5]) == (0, &b"hello"[..]),
            "only then they have moved"
        );
    }
    Ok(())
}

/// The network devices that have received anything, and how many packets each (`/proc/net/dev`).
fn packets_received() -> Result<Vec<(String, u64)>> {
    let table = std::fs::read_to_string("/proc/net/dev")?;
    let mut used = Vec::new();
    for (name, counts) in table.lines().filter_map(|line| line.split_once(':')) {
        let packets = counts.split_whitespace().nth(1).unwrap_or("0").parse()?;
        if packets > 0 {
            used.push((name.trim().to_owned(), packets));
        }
    }
    Ok(used)
}

/// Data takes both steps without any network card: what is sent over loopback is received by the
/// device `lo`, packet by packet, and by no other, and the reader's own call copies it.
#[case(kernel = ["loopback_xmit", "netif_rx"], notes = ["S06", "S17"], needs = [Need::PrivateNet], strength = Implementation)]
fn no_card_is_needed(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = net::tcp_pair()?;
    let before = packets_received()?.iter().map(|(_, packets)| packets).sum::<u64>();
    if before == 0 {
        return Err(Stop::Unobservable("this system does not count packets".to_owned()));
    }
    for message in 1..=10 {
        writer.write_all(b"!")?;
        net::delivered(&reader, message)?;
    }
    let (devices, packets): (Vec<_>, Vec<_>) = packets_received()?.into_iter().unzip();
    check!(t, devices == ["lo"], "the devices that have received anything");
    let more = packets[0] - before;
    check!(t, more >= 10, "ten messages, one after another, are as many packets: {more}");
    let mut buffer = [0; 16];
    check!(t, reader.read(&mut buffer)? == 10, "and one call copies all of them");
    Ok(())
}
