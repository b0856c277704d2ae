//! TCP connections brought into a state that cases start from.

use std::net::TcpStream;

use nix::sys::socket::{setsockopt, sockopt};

use crate::net;
use crate::sys::poll::{POLLOUT, poll_now};
use crate::trial::{Result, Stop, Trial};

/// Ends a connection with a reset: `SO_LINGER` with a time of zero, then `close` (socket(7)).
pub fn reset(stream: TcpStream) -> Result {
    setsockopt(&stream, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
    drop(stream);
    Ok(())
}

/// Where the bytes are that a sender got rid of while nobody received.
#[derive(Debug, Default)]
pub struct Queues {
    /// What `send` took.
    pub sent: usize,
    /// What waits at the receiver: `SIOCINQ`.
    pub waiting: usize,
    /// What the sender's kernel keeps because it is not acknowledged: `SIOCOUTQ`.
    pub unacked: usize,
    /// Whether it came to stay so: `send` fails with `EAGAIN`, and `POLLOUT` is gone.
    pub full: bool,
}

/// Sends until both buffers are full. The first `EAGAIN` is not enough, it may only mean that
/// segments are still on the way. `sender` must be nonblocking.
pub fn fill_both(t: &Trial, sender: &TcpStream, receiver: &TcpStream) -> Result<Queues> {
    let mut queues = Queues::default();
    queues.full = t.eventually(|| {
        // An acknowledgement that waits for an answer would be 40 ms late.
        let _ = net::set_option(receiver, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1);
        let more = net::fill(sender)?;
        queues.sent += more;
        (queues.waiting, queues.unacked) = (net::unread(receiver)?, net::unacked(sender)?);
        let at_rest = more == 0 && queues.waiting + queues.unacked == queues.sent;
        Ok(at_rest && poll_now(sender, POLLOUT)?.is_empty())
    })?;
    Ok(queues)
}

/// A connection whose buffers, the receiver's and the sender's, hold some ten kilobytes: a case
/// that fills them is soon done. The one that connected is the first of the two.
pub fn small_pair() -> Result<(TcpStream, TcpStream)> {
    let listener = net::listener()?;
    // A window that was announced is not taken back, so the receiver's size is set before.
    net::set_option(&listener, libc::SOL_SOCKET, libc::SO_RCVBUF, 16 << 10)?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    net::set_option(&sender, libc::SOL_SOCKET, libc::SO_SNDBUF, 16 << 10)?;
    Ok((sender, listener.accept()?.0))
}

/// A connection with small buffers which are both full, and what is in them: `sender` is
/// nonblocking. The suite's own failure if they do not come to be full.
pub fn stalled_pair(t: &Trial) -> Result<(TcpStream, TcpStream, Queues)> {
    let (sender, receiver) = small_pair()?;
    sender.set_nonblocking(true)?;
    let queues = fill_both(t, &sender, &receiver)?;
    if queues.full {
        Ok((sender, receiver, queues))
    } else {
        Err(Stop::error(format!("the buffers did not come to be full: {queues:?}")))
    }
}
