//! In which order requests complete, and who gets what several ask for.
//!
//! Requests that are not linked have no order: each completes when it can. So a completion carries
//! a number that the program chose, and nothing may be read from its place in the ring. Several
//! requests for the same thing, in one ring or in several, get it once.

use harness::prelude::*;
use harness::sys::uring::Ring;

/// A request that can be served completes before one that was submitted earlier and cannot.
#[case(
    man = ["io_uring(7)", "io_uring_enter(2), IOSQE_IO_LINK"],
    since = "5.6",
    strength = Implementation,
    needs = [Need::IoUring]
)]
fn a_later_request_may_complete_first(t: &mut Trial) -> Result {
    let (mut late, empty) = UnixStream::pair()?;
    let (mut writer, reader) = UnixStream::pair()?;
    writer.write_all(b"two")?;
    let mut ring = Ring::new()?;

    ring.read(&empty, 1)?;
    ring.read(&reader, 2)?;
    check!(t, ring.wait()? == [(2, Ok(3))], "the second request completes first");
    late.write_all(b"a")?;
    check!(t, ring.wait()? == [(1, Ok(1))], "the first one when it can");
    Ok(())
}

/// Of two rings that wait to accept from the same listener, one gets a connection.
#[case(
    man = ["io_uring_enter(2), IORING_OP_ACCEPT", "accept(2)"],
    since = "5.5",
    strength = Implementation,
    needs = [Need::IoUring]
)]
fn one_connection_completes_one_accept(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let mut rings = [Ring::new()?, Ring::new()?];
    for ring in &mut rings {
        ring.accept(&listener, 1)?;
    }
    net::stay_on_this_cpu()?;
    let mut accepted = [0, 0];
    for connections in 1..=2 {
        let _client = net::connect(listener.local_addr()?)?;
        let arrived = t.eventually(|| {
            for (ring, accepted) in rings.iter_mut().zip(&mut accepted) {
                *accepted += ring
                    .completions()
                    .iter()
                    .filter(|completion| completion.result.is_ok())
                    .count();
            }
            Ok(accepted.iter().sum::<usize>() >= connections)
        })?;
        check!(t, arrived, "connection {connections} completes an accept");
        check!(
            t,
            accepted.iter().sum::<usize>() == connections,
            "accepts that are complete after {connections}"
        );
    }
    check!(
        t,
        accepted == [1, 1],
        "accepts of each ring: the second connection goes to the one that still waits"
    );
    Ok(())
}
