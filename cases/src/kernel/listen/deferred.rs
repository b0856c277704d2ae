//! `TCP_DEFER_ACCEPT`: a listener that is not told of a client before the client has sent
//! something. Until then the connection is half-open for the server's kernel, whatever the client
//! believes.

use harness::prelude::*;
use nix::libc::{IPPROTO_TCP, TCP_DEFER_ACCEPT};

use super::{defer, handled};

/// The time of `TCP_DEFER_ACCEPT` is rounded up to the times at which an answer is repeated: 1, 3,
/// 7, 15, 31 seconds.
#[case(kernel = ["secs_to_retrans", "retrans_to_secs"], since = "2.6.32", strength = Implementation)]
fn rounded_to_repetitions(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    for (asked, given) in [(0, 0), (1, 1), (2, 3), (3, 3), (4, 7), (5, 7), (8, 15), (30, 31)] {
        net::set_option(&listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, asked)?;
        let told = net::get_option(&listener, IPPROTO_TCP, TCP_DEFER_ACCEPT)?;
        check!(t, told == given, "what is made of {asked} seconds");
    }
    Ok(())
}

/// Of several deferred clients the one that sends first is accepted first.
#[case(man = ["tcp(7), TCP_DEFER_ACCEPT"], kernel = ["tcp_check_req"], since = "2.4", strength = Implementation)]
fn first_is_who_sends_first(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    defer(&listener)?;
    net::stay_on_this_cpu()?;
    let connect = |_| net::connect(listener.local_addr()?);
    let mut clients = (0..3).map(connect).collect::<Result<Vec<_>>>()?;
    let (mut sent, mut accepted) = (Vec::new(), Vec::new());
    for index in [2, 0, 1] {
        clients[index].write_all(b"x")?;
        handled()?;
        sent.push(clients[index].local_addr()?);
    }
    for _ in 0..3 {
        accepted.push(listener.accept()?.1);
    }
    check!(t, accepted == sent, "the clients in the order in which accept returned them");
    Ok(())
}

/// A deferred client that sends nothing and closes is handed over with its end.
#[case(kernel = ["tcp_check_req"], since = "2.4", strength = Implementation)]
fn a_close_is_something(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    defer(&listener)?;
    net::stay_on_this_cpu()?;
    let client = net::connect(listener.local_addr()?)?;
    handled()?;
    check!(t, poll_now(&listener, POLLIN)? == PollFlags::empty(), "it is connected and silent");
    drop(client);
    handled()?;
    check!(t, poll_now(&listener, POLLIN)? == POLLIN, "it is closed, and the listener is ready");
    let (mut accepted, _) = listener.accept()?;
    check!(t, accepted.read(&mut [0]).ok() == Some(0), "the connection is at its end");
    Ok(())
}

/// A deferred client does not hold up the clients behind it.
#[case(kernel = ["tcp_check_req"], since = "2.4", strength = Implementation)]
fn a_silent_one_holds_up_nobody(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    defer(&listener)?;
    net::stay_on_this_cpu()?;
    let _silent = net::connect(listener.local_addr()?)?;
    let mut talker = net::connect(listener.local_addr()?)?;
    talker.write_all(b"x")?;
    handled()?;
    let peer = listener.accept().map(|(_, peer)| peer).ok();
    check!(t, peer == Some(talker.local_addr()?), "the one that is accepted");
    let next = listener.accept().map(drop).map_err(|error| error.kind());
    check!(t, next == Err(ErrorKind::WouldBlock), "and nobody else");
    Ok(())
}
