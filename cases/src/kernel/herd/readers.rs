//! Many that block in read on one thing. Some queue up and are woken one at a time, as those in
//! accept are; others are all woken by every byte. It depends on what is read from.

use harness::prelude::*;

use super::source::{self, Source, WORKERS, always, in_turn};

/// Threads that block in read.
fn readers(t: &mut Trial, source: &Source) -> Result<Crew> {
    let (fd, take) = (source.fd.clone(), source.take);
    t.threads(WORKERS, Call::READ, move |worker| {
        loop {
            take(&fd)?;
            worker.took();
        }
    })
}

/// Of several readers of one pipe, a write wakes exactly one, each in turn.
#[case(
    commit = ["0ddad21d3e99"],
    kernel = ["pipe_read"],
    strength = Implementation,
    changed = [("", "5.6", deviates, "until Linux 5.6 (commit 0ddad21d3e99) all were woken")],
)]
fn of_a_pipe(t: &mut Trial) -> Result {
    let mut source = source::pipe()?;
    let crew = readers(t, &source)?;
    check!(t, source.woken_by_each(t, &crew)? == in_turn(), "the readers that each byte wakes");
    Ok(())
}

/// Of several receivers of datagrams on one socket, a datagram wakes exactly one, each in turn:
/// over UDP and `AF_UNIX`.
#[case(kernel = ["__skb_wait_for_more_packets", "prepare_to_wait_exclusive"], since = "2.4", strength = Implementation)]
fn of_datagrams(t: &mut Trial) -> Result {
    let mut sources = source::datagrams()?;
    for source in &mut sources {
        let crew = readers(t, source)?;
        let woken = source.woken_by_each(t, &crew)?;
        check!(t, woken == in_turn(), "{}: the readers that each one wakes", source.name);
    }
    Ok(())
}

/// Data on a connection wakes all that block in read on it, and one of them gets it: over TCP and
/// `AF_UNIX`.
#[case(kernel = ["sk_wait_data", "unix_stream_data_wait", "add_wait_queue"], since = "2.6.0", strength = Implementation)]
fn of_a_stream(t: &mut Trial) -> Result {
    let mut sources = source::streams()?;
    for source in &mut sources {
        let crew = readers(t, source)?;
        let woken = source.woken_by_each(t, &crew)?;
        let everybody: Vec<_> = (0..WORKERS).collect();
        check!(t, woken == always(&everybody), "{}: the readers that each byte wakes", source.name);
    }
    Ok(())
}

/// A write to an eventfd wakes all that block in read on it, and one of them gets the number.
#[case(kernel = ["eventfd_read"], since = "2.6.22", strength = Implementation)]
fn of_a_counter(t: &mut Trial) -> Result {
    let mut source = source::counter()?;
    let crew = readers(t, &source)?;
    let everybody: Vec<_> = (0..WORKERS).collect();
    let woken = source.woken_by_each(t, &crew)?;
    check!(t, woken == always(&everybody), "the readers that each write wakes");
    Ok(())
}

/// Of several processes that block in recv on one UDP socket, made before the fork, a datagram
/// wakes exactly one, each in turn.
#[case(man = ["fork(2), DESCRIPTION"], kernel = ["__skb_wait_for_more_packets"], notes = ["S38"], since = "2.4", strength = Implementation)]
fn of_datagrams_forked(t: &mut Trial) -> Result {
    let mut source = source::datagrams()?.remove(0);
    let (fd, take) = (source.fd.clone(), source.take);
    let crew = t.processes(WORKERS, Call::READ, |worker| {
        loop {
            take(&fd)?;
            worker.took();
        }
    })?;
    let woken = source.woken_by_each(t, &crew)?;
    check!(t, woken == in_turn(), "the processes that each datagram wakes");
    Ok(())
}
