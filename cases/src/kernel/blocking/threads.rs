//! What the threads of a process share. A socket is locked while a call works on it, and a call that
//! has to wait for room lets go of the lock: another thread's message may come to stand in between,
//! so a socket needs one writer at a time. And descriptors are numbers in a table, one for all
//! threads: whoever accepts takes the lowest that is free, whatever he accepts from.

use harness::prelude::*;
use harness::sys::schedule;
use nix::libc::{SO_RCVBUF, SO_SNDBUF, SOL_SOCKET};
use nix::sys::socket::{MsgFlags, send};

/// The length of a message: many times what the kernel has room for.
const MESSAGE: usize = 2 << 20;

/// Any thread may send on a socket, and what it sends comes to stand in the middle of the message of
/// another thread that waits for room, if there is room at that moment.
#[case(man = ["send(2)"], kernel = ["sk_stream_wait_memory"], notes = ["S27"], strength = Implementation)]
fn messages_mix(t: &mut Trial) -> Result {
    let (client, mut server) = net::tcp_pair()?;
    net::set_option(&client, SOL_SOCKET, SO_SNDBUF, 32 << 10)?;
    net::set_option(&server, SOL_SOCKET, SO_RCVBUF, 32 << 10)?;
    server.set_nonblocking(true)?;
    // The room that a read makes wakes the other thread. It must not be there at once: it has no
    // other CPU, and gives way on this one.
    net::stay_on_this_cpu()?;
    let socket = client.try_clone()?;
    let long = t.spawn("long message", move || {
        schedule::give_way(10)?;
        Ok(nix::unistd::write(&socket, &vec![b'a'; MESSAGE])?)
    })?;
    check!(t, long.sleeps_in(t, Call::WRITE)?, "a thread waits in the middle of its message");

    let (mut stream, mut piece) = (Vec::new(), [0; 16 << 10]);
    let (mut sent, whole) = (false, MESSAGE + 1);
    let ended = t.eventually(|| {
        let length = server.read(&mut piece).unwrap_or(0);
        stream.extend_from_slice(&piece[..length]);
        sent = sent || send(client.as_raw_fd(), b"b", MsgFlags::MSG_DONTWAIT) == Ok(1);
        Ok(stream.len() == whole)
    })?;
    check!(t, sent && ended, "another sends a byte, and all of both messages arrives");
    check!(t, long.join_soon(t)? == Some(MESSAGE), "in one call the first has sent all of its own");
    let place = stream.iter().position(|byte| *byte == b'b');
    let inside = place.is_some_and(|place| place < MESSAGE);
    check!(t, inside, "the byte stands before the end of the long message");
    stream.retain(|byte| *byte != b'a');
    check!(t, stream == b"b", "and all others are of the long message");
    Ok(())
}

/// The number that the next descriptor will have.
fn next_number() -> Result<i32> {
    Ok(std::io::pipe()?.0.as_raw_fd())
}

/// Threads that accept from listeners of their own take their descriptors from the table of the
/// process: each gets the lowest number that no thread uses.
#[case(man = ["accept(2)", "open(2)"], posix = ["2.6 File Descriptor Allocation"], notes = ["S32"], since = "3.9", strength = Documented)]
fn descriptors_come_from_one_table(t: &mut Trial) -> Result {
    let first = net::reuseport_listener(0)?;
    let second = net::reuseport_listener(net::port_of(&first)?)?;
    let address = first.local_addr()?;
    let clients =
        (0..40).map(|_| TcpStream::connect(address)).collect::<std::io::Result<Vec<_>>>()?;
    let queued = t.eventually(|| Ok(net::queued(&first)? + net::queued(&second)? == 40))?;
    check!(t, queued, "the two listeners share {} connections", clients.len());
    let mut accepted = Vec::new();
    for listener in [first, second] {
        let next = next_number()?;
        let job = t.spawn("acceptor", move || Ok((listener.accept()?.0, listener)))?;
        let Some((connection, listener)) = job.join_soon(t)? else {
            return Err(Stop::error("one listener got none of 40 connections"));
        };
        check!(t, connection.as_raw_fd() == next, "a thread with a listener of its own gets it");
        accepted.push((connection, listener));
    }
    Ok(())
}
