//! UDP: a datagram is a unit, arrives whole or not at all, and nobody waits for anybody.

mod batch;
mod drops;
mod errors;
mod lite;
mod message;
mod segments;

use harness::prelude::*;

/// A sender connected to a receiver.
fn pair() -> Result<(UdpSocket, UdpSocket)> {
    let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    sender.connect(receiver.local_addr()?)?;
    Ok((sender, receiver))
}
