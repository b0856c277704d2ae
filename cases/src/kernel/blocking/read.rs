//! A blocking read has nothing to do while there is no data. The kernel queues the thread at the
//! pipe or socket, marks it asleep and runs somebody else; whoever brings data, the end of the
//! stream or a shutdown wakes it. Taking the number away from the thread (close) is none of these:
//! the call has held on to the open file since it began.

use harness::prelude::*;
use harness::sys::process::borrow;
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::{read, write};

/// A read from an empty pipe, TCP socket or `AF_UNIX` socket sleeps until there is data.
#[case(man = ["pipe(7), I/O on pipes and FIFOs", "recv(2)"], notes = ["S08", "S15"], strength = Documented)]
fn sleeps_until_data(t: &mut Trial) -> Result {
    for (kind, writer, reader) in net::streams()? {
        let job = t.spawn(kind, move || {
            let mut buffer = [0; 8];
            let length = read(&reader, &mut buffer)?;
            Ok(buffer[..length].to_vec())
        })?;
        check!(
            t,
            job.sleeps_in(t, Call::READ)?,
            "{kind}: the reader sleeps while there is nothing to read"
        );
        write(&writer, b"!")?;
        check!(
            t,
            job.join_soon(t)? == Some(b"!".to_vec()),
            "{kind}: one byte of the eight that fit ends the sleep"
        );
    }
    Ok(())
}

/// A sleeping reader is woken by the end of the stream, and its read returns 0.
#[case(man = ["read(2), RETURN VALUE", "pipe(7), I/O on pipes and FIFOs"], strength = Documented)]
fn wakes_at_the_end(t: &mut Trial) -> Result {
    for (kind, writer, reader) in net::streams()? {
        let job = t.spawn(kind, move || Ok(read(&reader, &mut [0; 8])?))?;
        check!(
            t,
            job.sleeps_in(t, Call::READ)?,
            "{kind}: the reader sleeps while the other end is open"
        );
        drop(writer);
        check!(
            t,
            job.join_soon(t)? == Some(0),
            "{kind}: the last writer is gone, and read returns 0"
        );
    }
    Ok(())
}

/// A thread that is blocked in read on a descriptor sleeps on when another thread closes it, and
/// still gets the data that arrives afterwards.
#[case(man = ["close(2), Multithreaded processes and close()"], strength = Documented)]
fn close_does_not_wake_it(t: &mut Trial) -> Result {
    for (kind, writer, reader) in net::streams()? {
        let number = reader.as_raw_fd();
        let job = t.spawn(kind, move || {
            let mut buffer = [0; 8];
            let length = read(borrow(number), &mut buffer)?;
            Ok(buffer[..length].to_vec())
        })?;
        check!(t, job.sleeps_in(t, Call::READ)?, "{kind}: the reader sleeps");
        drop(reader);
        check!(
            t,
            job.sleeps_in(t, Call::READ)?,
            "{kind}: its descriptor is closed, and it sleeps on"
        );
        write(&writer, b"late")?;
        check!(
            t,
            job.join_soon(t)? == Some(b"late".to_vec()),
            "{kind}: the data reaches it all the same"
        );
    }
    Ok(())
}

/// `shutdown(SHUT_RD)` in another thread wakes a thread that is blocked in read on the socket,
/// and its read returns 0.
#[case(kernel = ["inet_shutdown", "unix_shutdown"], strength = Implementation)]
fn shutdown_wakes_it(t: &mut Trial) -> Result {
    for (kind, _writer, reader) in net::streams()?.into_iter().skip(1) {
        let number = reader.as_raw_fd();
        let job = t.spawn(kind, move || Ok(read(borrow(number), &mut [0; 8])?))?;
        check!(t, job.sleeps_in(t, Call::READ)?, "{kind}: the reader sleeps");
        shutdown(reader.as_raw_fd(), Shutdown::Read)?;
        check!(t, job.join_soon(t)? == Some(0), "{kind}: the shutdown ends the read, with 0");
    }
    Ok(())
}
