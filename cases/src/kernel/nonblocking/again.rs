//! The two ways of asking not to be put to sleep: the flag `O_NONBLOCK`, and `MSG_DONTWAIT` for
//! one call. Either way, what cannot be done at once fails with EAGAIN. A program that asks again
//! and again waits all the same, but it is the program that waits, and it uses the CPU for it.

use harness::prelude::*;
use nix::sys::socket::{MsgFlags, accept, recv};
use nix::unistd::{read, write};

use super::{Attempt, sleeps_of};

/// A nonblocking read, write or accept that finds nothing to do fails with EAGAIN, and never
/// sleeps on the way.
#[case(man = ["open(2), O_NONBLOCK", "read(2), ERRORS: EAGAIN", "accept(2)"], notes = ["S09"], strength = Documented)]
fn fails_without_sleeping(t: &mut Trial) -> Result {
    let streams = net::streams()?;
    let listener = net::listener()?;
    let mut calls: Vec<(String, Attempt<()>)> = Vec::new();
    for (kind, writer, reader) in &streams {
        net::set_nonblocking(writer, true)?;
        net::set_nonblocking(reader, true)?;
        calls
            .push((format!("read, {kind}"), Box::new(move || read(reader, &mut [0; 8]).map(drop))));
        if *kind != "TCP" {
            // What was sent over TCP may yet be acknowledged, and so make room.
            calls.push((format!("write, {kind}"), Box::new(move || write(writer, b"!").map(drop))));
        }
    }
    net::set_nonblocking(&listener, true)?;
    calls.push(("accept".to_owned(), Box::new(|| accept(listener.as_raw_fd()).map(drop))));
    for (name, call) in calls {
        if name.starts_with("write") {
            while call().is_ok() {}
        }
        check!(
            t,
            call() == Err(Errno::EAGAIN),
            "{name}: there is nothing to do, and the call says so"
        );
        let always = sleeps_of(&call, Err(Errno::EAGAIN))?;
        check!(t, always == (true, 0), "{name}: a hundred such calls do not sleep once");
    }
    Ok(())
}

/// `MSG_DONTWAIT` makes one recv nonblocking and leaves the socket as it is: the next recv
/// without it sleeps.
#[case(man = ["recv(2), MSG_DONTWAIT"], strength = Documented)]
fn dontwait_is_for_one_call(t: &mut Trial) -> Result {
    for (kind, writer, reader) in net::streams()?.into_iter().skip(1) {
        let socket = reader.as_raw_fd();
        let received = move |flags| recv(socket, &mut [0; 8], flags);
        let job = t.spawn(kind, move || {
            let first = received(MsgFlags::MSG_DONTWAIT);
            Ok((first, received(MsgFlags::empty())))
        })?;
        check!(t, job.sleeps_in(t, Call::RECV)?, "{kind}: the second of the two calls sleeps");
        write(&writer, b"late")?;
        check!(
            t,
            job.join_soon(t)? == Some((Err(Errno::EAGAIN), Ok(4))),
            "{kind}: the first one, with the flag, did not"
        );
    }
    Ok(())
}
