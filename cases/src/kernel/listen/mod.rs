//! listen: what makes a socket a place to connect to, how many clients find room there, what
//! becomes of the others, and what ends it.
//!
//! There are two queues. A request to connect (SYN) that was answered waits for the rest of its
//! handshake among the half-open connections; then it waits in the accept queue.

mod backlog;
mod deferred;
mod end;
mod fastopen;
mod overflow;
mod start;
mod syn_queue;
mod unix;

use harness::prelude::*;
use nix::libc;

/// How many connections fit the accept queue, as `TCP_INFO` tells it of a listener (`tcpi_sacked`).
/// Ends the trial as `unobservable` on a system that tells it of no listener.
fn limit(listener: impl AsFd) -> Result<u32> {
    if net::tcp_info(net::listener_with_backlog(3)?)?.tcpi_sacked == 0 {
        return Err(Stop::Unobservable("TCP_INFO does not tell a listener's backlog".to_owned()));
    }
    Ok(net::tcp_info(listener)?.tcpi_sacked)
}

/// Returns when everything that this thread has set off on loopback is done: a request, the answer
/// to it, and the rest of the handshake with what comes of that. The thread must not change its
/// CPU.
fn handled() -> Result {
    (0..4).try_for_each(|_| net::barrier())
}

/// Makes a listener wait for a client's data before it takes the connection for complete.
fn defer(listener: &TcpListener) -> Result {
    Ok(net::set_option(listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 30)?)
}

/// Connects `count` clients one after the other, and tells of each whether its handshake is
/// completed as far as it knows.
fn clients(count: usize, listener: &TcpListener) -> Result<(Vec<OwnedFd>, Vec<bool>)> {
    net::stay_on_this_cpu()?;
    let (mut clients, mut established) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let client = net::try_to_connect(listener.local_addr()?)?;
        handled()?;
        established.push(net::established(&client)?);
        clients.push(client);
    }
    Ok((clients, established))
}
